# A checkpoint of many files: the index is checked against the files, and the files against the index.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_catalogue

python3 - <<'P'
from forge import *
t = Safetensors()
half = len(t.names) // 2
NAMES = ["model-0000%d-of-00002.safetensors" % i for i in (1, 2)]


def make(folder, change=lambda weight_map: None, raw=None):
    model(folder)
    os.remove(folder + "/model.safetensors")
    t.write_part(folder + "/" + NAMES[0], t.names[:half])
    t.write_part(folder + "/" + NAMES[1], t.names[half:])
    weight_map = {name: NAMES[i >= half] for i, name in enumerate(t.names)}
    change(weight_map)
    text = raw if raw is not None else json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
    pathlib.Path(folder, "model.safetensors.index.json").write_bytes(text)


make("good")
make("empty", raw=b"")
make("no-map", raw=b"{}")
make("list", raw=b"[1]")
make("nothing-mapped", lambda m: m.clear())
make("number", lambda m: m.update(x=5))
make("path", lambda m: m.update(x="../../../etc/passwd"))
make("absolute", lambda m: m.update(x="/etc/passwd"))
make("dots", lambda m: m.update(x=".."))
make("no-file", lambda m: m.update(x="other.safetensors"))
make("no-tensor", lambda m: m.update(x=NAMES[0]))
make("swapped", lambda m: m.update({t.names[0]: NAMES[1]}))
make("many", lambda m: m.update({"t%d" % i: "f%d" % i for i in range(5000)}))
make("twice")
t.write_part("twice/" + NAMES[1], t.names[half - 1:])
make("no-index")
os.remove("no-index/model.safetensors.index.json")
make("folder")
os.remove("folder/" + NAMES[0])
os.mkdir("folder/" + NAMES[0])
make("pipe")
os.remove("pipe/" + NAMES[0])
os.mkfifo("pipe/" + NAMES[0])
make("cut")
whole = pathlib.Path("cut/" + NAMES[1]).read_bytes()
pathlib.Path("cut/" + NAMES[1]).write_bytes(whole[:-100])
make("unmapped", lambda m: [m.pop(name) for name in t.names[half:]])
P
while read -r folder text; do
    expect_exit 65 "$folder/model$text" -- timeout 20 nightjar bundle pack --model "$folder" --catalogue cat --out b.njb
done <<'L'
empty .safetensors.index.json: line 1, column 0
no-map .safetensors.index.json: has no object "weight_map"
list .safetensors.index.json: has no object "weight_map"
nothing-mapped .safetensors.index.json: "weight_map" names no tensor
number .safetensors.index.json: tensor "x": "" is not a plain file name
path .safetensors.index.json: tensor "x": "../../../etc/passwd" is not a plain file name
absolute .safetensors.index.json: tensor "x": "/etc/passwd" is not a plain file name
dots .safetensors.index.json: tensor "x": ".." is not a plain file name
no-tensor .safetensors.index.json: tensor "x": is not in model-00001-of-00002.safetensors, where the index puts it
swapped .safetensors.index.json: tensor "decoder.block.0.layer.0.SelfAttention.k.weight": is not in model-00002
many .safetensors.index.json: more than 4096 files of tensors
twice -00001-of-00002.safetensors: tensor "decoder.block.1.layer.1.EncDecAttention.v.weight": stands in twice/model-00002
folder -00001-of-00002.safetensors: not a regular file
pipe -00001-of-00002.safetensors: not a regular file
cut -00002-of-00002.safetensors: tensor
unmapped -00001-of-00002.safetensors: tensor "shared.weight": is missing
L
expect_exit 65 'no-file/other.safetensors: the index names it and it is missing' -- \
    nightjar bundle pack --model no-file --catalogue cat --out b.njb
expect_exit 5 'missing/config.json: cannot open' -- nightjar bundle pack --model missing --catalogue cat --out b.njb
expect_exit 65 'cat/items.txt/config.json: cannot open: Not a directory' -- \
    nightjar bundle pack --model cat/items.txt --catalogue cat --out b.njb
expect_absent b.njb

expect_exit 0 '' -- nightjar bundle pack --model "$data/model" --catalogue cat --out one.njb
for folder in good no-index; do
    expect_exit 0 '' -- nightjar bundle pack --model $folder --catalogue cat --out many.njb
    check "two files make the same weights as one" python3 -c 'from forge import *; a, b = Bundle("one.njb"), Bundle("many.njb"); assert a.sections == b.sections'
done
done_testing
