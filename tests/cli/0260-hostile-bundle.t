# A bundle made to harm: every digest is right, and what one section says is not. No number in it reaches memory unchecked.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

python3 - <<'P'
from forge import *
b = Bundle("b.njb")
s = b.sections
for name, value in s.items():
    b.write("no-%s.njb" % name, **{name: None})
    b.write("empty-%s.njb" % name, **{name: b""})
    b.write("half-%s.njb" % name, **{name: value[:len(value) // 2]})
    b.write("more-%s.njb" % name, **{name: value + b"x"})
    b.write("ones-%s.njb" % name, **{name: b"\xff" * len(value)})
    b.write("zeros-%s.njb" % name, **{name: bytes(len(value))})
for name, change in {
        "version": {"version": 2}, "items1": {"items": 1}, "items0": {"items": 0}, "items2g": {"items": 1 << 31},
        "levels2": {"codes_per_level": [16, 16]}, "k8": {"codes_per_level": [8, 16, 16]}, "k32": {"codes_per_level": [32, 16, 16]},
        "k0": {"codes_per_level": []}, "k9": {"codes_per_level": [16] * 9}, "ktext": {"codes_per_level": "x"},
        "history0": {"history_max": 0}, "history": {"history_max": 100001}, "between": {"template": {"between": [1] * 1025}},
        "before": {"template": {"before": [-1]}}}.items():
    b.write("c-%s.njb" % name, catalogue=b.json("catalogue", **change))
for name, change in {"v49": {"vocab_size": 49}, "wide": {"d_model": 65536}, "deep": {"num_layers": 256}, "start": {"decoder_start_token_id": 50}}.items():
    b.write("m-%s.njb" % name, model=b.json("model", **change))

items = s["items"]
count = struct.unpack("<Q", items[:8])[0]
offsets = list(struct.unpack("<%dQ" % (count + 1), items[8:16 + 8 * count]))
text = items[16 + 8 * count:]


def ids(changes, text=text):
    places = list(offsets)
    for at, value in changes.items():
        places[at] = value
    return struct.pack("<Q", len(places) - 1) + ints("Q", places) + text


b.write("i-count.njb", items=replace(items, 0, struct.pack("<Q", count - 1)))
b.write("i-huge.njb", items=replace(items, 0, struct.pack("<Q", 1 << 61)))
b.write("i-offset.njb", items=ids({3: 1 << 60}))
b.write("i-empty.njb", items=ids({3: offsets[2]}))
b.write("i-control.njb", items=ids({}, b"\x01" + text[1:]))
b.write("i-utf8.njb", items=ids({}, b"\xff" + text[1:]))
names = [text[offsets[i]:offsets[i + 1]] for i in range(count)]
names[5] = names[6]
places = [sum(map(len, names[:i])) for i in range(count + 1)]
b.write("i-twice.njb", items=struct.pack("<Q", count) + ints("Q", places) + b"".join(names))
b.write("s-code.njb", sids=replace(s["sids"], 0, ints("H", [16])))

# Any word of the trie, replaced by one that could lead a walk astray.
trie = s["trie"]
os.mkdir("tries")
for number in range(60):
    word = number * 7919 % (len(trie) // 4)
    value = (0, 1, 0x7fffffff, 0xffffffff, 600)[number % 5]
    if trie[4 * word:4 * word + 4] != struct.pack("<I", value):
        b.write("tries/%d.njb" % number, trie=replace(trie, 4 * word, struct.pack("<I", value)))
P

refuse() { # FILE TEXT
    expect_exit 65 "$2" -- nightjar decode --bundle "$1.njb" --users users.txt
}
for name in catalogue items model sids trie weights; do
    refuse "no-$name" "bundle \"no-$name.njb\": the bundle has no \"$name\" section"
done
for name in catalogue counts items model sids trie weights; do
    for how in empty half more; do
        refuse "$how-$name" "bundle \"$how-$name.njb\": "
        stderr_has "$name"
    done
done
for name in catalogue items model trie weights; do
    refuse "ones-$name" "bundle \"ones-$name.njb\": "
    refuse "zeros-$name" "bundle \"zeros-$name.njb\": "
done
refuse ones-sids 'row 0, level 0: code 65535, the level has 16 codes'
refuse zeros-sids 'its SID leads elsewhere'
# Counts may be any number.
for file in no-counts ones-counts zeros-counts; do
    expect_exit 0 '' -- nightjar decode --bundle $file.njb --users users.txt
done

while IFS='|' read -r file text; do
    refuse "$file" "$text"
    check "... and names the file" grep -q -F "$file.njb" err
done <<'L'
c-version|section "catalogue": version 2, this program reads 1
c-items1|section "sids" has 3312 bytes, 1 items of 3 levels need 6
c-items0|section "catalogue": "items" is 0, must be 1 to 2147483647
c-items2g|section "catalogue": "items" is 2147483648, must be 1 to 2147483647
c-levels2|section "sids" has 3312 bytes, 552 items of 2 levels need 2208
c-k8|section "trie" has 16 codes on level 0, section "catalogue" says 8
c-k32|section "trie" has 16 codes on level 0, section "catalogue" says 32
c-k0|section "catalogue": "codes_per_level" is not a list of 1 to 8 numbers
c-k9|section "catalogue": "codes_per_level" is not a list of 1 to 8 numbers
c-ktext|section "catalogue": "codes_per_level" is not a list of 1 to 8 numbers
c-history0|section "catalogue": "history_max" is 0, must be 1 to 100000
c-history|section "catalogue": "history_max" is 100001, must be 1 to 100000
c-between|"between" has 1025 tokens, the limit is 1024
c-before|"before", element 0: is not a whole number
m-v49|tensor "shared.weight": has shape [50, 64], expected [49, 64]
m-wide|tensor "shared.weight": has shape [50, 64], expected [50, 65536]
m-deep|tensor "encoder.block.2.layer.0.layer_norm.weight": is missing
m-start|section "model": "decoder_start_token_id" is 50, must be 0 to 49
i-count|section "items": ids end at byte 6816, the block at 6837
i-huge|section "items": 2305843009213693952 ids do not fit in 11261 bytes
i-offset|section "items": id 2 has a bad offset
i-empty|section "items": id 2 is empty
i-control|section "items": id 0 contains a control character
i-utf8|section "items": id 0 is not valid UTF-8
i-twice|stands at 6 and again at 7
s-code|row 0, level 0: code 16, the level has 16 codes
L
for file in tries/*.njb; do
    expect_exit 65 "bundle \"$file\": " -- nightjar decode --bundle "$file" --users users.txt
done

# run meets the same walls: in its own process, or in the worker's.
for file in i-twice s-code empty-trie half-weights m-v49; do
    expect_exit 65 '' -- nightjar run --bundle $file.njb --users users.txt --store store --workers 1
done
expect_absent store/CURRENT store/staging
done_testing
