# A safetensors file that is cut, inflated, overlapping or misshapen is refused with file, tensor, rule and both numbers.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_catalogue

# A line: what is done to the demo's file `t` (h: its header; a, b: its first tensors; last: the last) before it is written
# with t.write(path, ...), and what the error says behind the file's name.
cat >table <<'L'
h["other"] = h.pop(last)|tensor "shared.weight": is missing, expected with shape [50, 64]
h[last]["shape"].reverse()|tensor "shared.weight": has shape [64, 50], expected [50, 64]
h[last]["shape"] = [3200]|tensor "shared.weight": has shape [3200], expected [50, 64]
h[last]["dtype"] = "I16"|tensor "shared.weight": has dtype I16, F32, F16 or BF16 is needed
h[last]["dtype"] = "Q7"|tensor "shared.weight": unknown dtype "Q7"
h[last]["dtype"] = 5|tensor "shared.weight": unknown dtype ""
h[last]["dtype"] = "F32"|tensor "shared.weight": has 6400 bytes, shape and dtype need 12800
h[last]["shape"] = [1 << 62, 1 << 62]|tensor "shared.weight": the shape's product is beyond 64 bits
h[last]["shape"] = [-1, 64]|tensor "shared.weight": "shape" holds something other than whole numbers
h[last]["shape"] = 3200|tensor "shared.weight": "shape" is not a list
h[last]["shape"] = [1] * 100|tensor "shared.weight": has 100 dimensions, the limit is 8
h[last]["data_offsets"] = [0, 1e300]|tensor "shared.weight": "data_offsets" is not a list of two whole numbers
h[last]["data_offsets"] = [0]|tensor "shared.weight": "data_offsets" is not a list of two whole numbers
h[last] = 7|tensor "shared.weight": is not described by an object
h[last]["data_offsets"][1] += 1000|tensor "shared.weight": ends at byte 337128, the file has 336128 bytes of data
t.data = t.data[:-2]|tensor "shared.weight": ends at byte 336128, the file has 336126 bytes of data
h[a]["data_offsets"].reverse()|tensor "decoder.block.0.layer.0.SelfAttention.k.weight": begins at 8192 and ends at 0
h[b]["data_offsets"] = h[a]["data_offsets"]|tensor "decoder.block.0.layer.0.SelfAttention.o.weight": begins at byte 0, inside the tensor before it
del h[a]|tensor "decoder.block.0.layer.0.SelfAttention.o.weight": begins at byte 8192, a hole lies before it
t.data += b"xx"|tensors end at byte 336128, the file has 336130 bytes of data
t.data = b""|tensor "decoder.block.0.layer.0.SelfAttention.k.weight": ends at byte 8192, the file has 0 bytes of data
h["__metadata__"] = {"a": 1}|"__metadata__" is not an object of texts
h.update({"t%d" % i: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(100001)})|more than 100000 tensors
write = {"length": 1 << 63}|header of 9223372036854775808 bytes, the limit is 100000000
write = {"length": 99999999}|header of 99999999 bytes ends beyond the file
write = {"length": 0}|the header does not begin with '{'
write = {"header": b"x" * 100}|the header does not begin with '{'
write = {"header": bytes(100)}|the header does not begin with '{'
write = {"header": b"[]"}|the header does not begin with '{'
write = {"header": b'{"a":' * 100000}|line 1, column 10241: maximum parsing depth reached
write = {"header": b'{"a": {}, "a": {}}'}|line 1, column 13: duplicate object key
write = {"header": b'{"\xff": {}}'}|line 1, column 2: unable to decode byte 0xff
write = {"header": b"{}", "data": b""}|tensor "shared.weight": is missing
h["x" * 5000] = {"dtype": "Q", "shape": [], "data_offsets": [0, 0]}|tensor "xxxxxxxxxx
L
python3 - <<'P'
from forge import *
for number, line in enumerate(open("table"), 1):
    t = Safetensors()
    names = {"t": t, "h": t.header, "a": t.names[0], "b": t.names[1], "last": "shared.weight", "write": {}}
    exec(line.split("|")[0], names)
    model("m%d" % number)
    t.write("m%d/model.safetensors" % number, **names["write"])
P
number=0
while IFS='|' read -r change text; do
    number=$((number + 1))
    expect_exit 65 "m$number/model.safetensors: $text" -- nightjar bundle pack --model m$number --catalogue cat --out b.njb
done <table
stderr_has 'unknown dtype "Q"'
check "there were as many as there are lines" test $number -eq 34

cp -r "$data/model" model
file=model/model.safetensors
size=$(stat -c %s $file)
for bytes in 0 1 7 8 9 50 1000 3000 5000 5300 $((size / 2)) $((size - 1)); do
    head -c $bytes "$data/$file" >$file
    expect_exit 65 "$file: " -- nightjar bundle pack --model model --catalogue cat --out b.njb
done
rm $file
expect_exit 65 'model: holds neither model.safetensors.index.json nor a *.safetensors file' -- \
    nightjar bundle pack --model model --catalogue cat --out b.njb
touch model/pytorch_model.bin
expect_exit 65 'model: holds pytorch_model*.bin and no *.safetensors file; a .bin is a pickle' -- \
    nightjar bundle pack --model model --catalogue cat --out b.njb
rm model/pytorch_model.bin
mkdir $file
expect_exit 65 "$file: not a regular file" -- nightjar bundle pack --model model --catalogue cat --out b.njb
expect_absent b.njb
done_testing
