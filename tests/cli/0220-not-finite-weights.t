# One weight that is NaN or infinite, in float32, float16 or bfloat16, is found before anything is computed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

for value in NAN INF -INF; do
    python3 -c "from forge import *; t = Safetensors(); t.set_half('shared.weight', 5, $value); model('m', t)"
    expect_exit 65 'm/model.safetensors: tensor "shared.weight": element 5 of 3200 is ' -- \
        nightjar bundle pack --model m --catalogue cat --out c.njb
done
stderr_has 'is infinite'

# The same model in the other types.
python3 - <<'P'
from forge import *
t = Safetensors()
for dtype, width in (("F32", 4), ("BF16", 2)):
    for bad in (None, NAN, INF):
        header, data = {}, b""
        for name in t.names:
            values = list(struct.unpack("<%de" % (len(t.tensor(name)) // 2), t.tensor(name)))
            if bad is not None and name == "decoder.final_layer_norm.weight":
                values[63] = bad
            raw = floats(values)
            if dtype == "BF16":
                raw = b"".join(raw[i + 2:i + 4] for i in range(0, len(raw), 4))
            header[name] = dict(t.header[name], dtype=dtype, data_offsets=[len(data), len(data) + len(raw)])
            data += raw
        model("%s-%s" % (dtype, bad))
        t.write("%s-%s/model.safetensors" % (dtype, bad), json.dumps(header).encode(), data)
P
for type in F32 BF16; do
    expect_exit 0 '' -- nightjar bundle pack --model $type-None --catalogue cat --out $type.njb
    expect_exit 65 'tensor "decoder.final_layer_norm.weight": element 63 of 64 is not a number (NaN)' -- \
        nightjar bundle pack --model $type-nan --catalogue cat --out c.njb
    expect_exit 65 'tensor "decoder.final_layer_norm.weight": element 63 of 64 is infinite' -- \
        nightjar bundle pack --model $type-inf --catalogue cat --out c.njb
done
expect_absent c.njb

# A bundle whose digests are right and whose weights are not.
python3 - <<'P'
from forge import *
b = Bundle("b.njb")
w = b.sections["weights"]
begin = 8 + struct.unpack("<Q", w[:8])[0]
b.write("nan.njb", weights=replace(w, begin, floats([NAN])))
b.write("inf.njb", weights=replace(w, len(w) - 4, floats([INF])))
count = (len(w) - begin) // 4
b.write("large.njb", weights=w[:begin] + floats([((i * 7919) % 13 - 6) * 1e10 for i in range(count)]))
P
expect_exit 65 'bundle "nan.njb": section "weights": tensor ' -- nightjar decode --bundle nan.njb --users users.txt
stderr_has 'element 0 of 4096 is not finite'
expect_exit 65 'bundle "inf.njb": section "weights": tensor ' -- nightjar decode --bundle inf.njb --users users.txt
expect_exit 65 'section "weights": tensor ' -- nightjar run --bundle inf.njb --users users.txt --store store --workers 1
expect_absent store/staging store/CURRENT

# Finite weights that make infinite activations are the model's fault, found for the user it happens to.
expect_exit 1 'user "alma": the model gives NaN or infinity' -- nightjar decode --bundle large.njb --users users.txt
done_testing
