# catalogue assign: codebooks of every kind and their transforms as .safetensors made elsewhere; what does not fit is refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

python3 - <<'P'
from forge import *
import json, struct
def tensors(name, **parts):
    header, data = {}, b""
    for key, (shape, values) in parts.items():
        bytes_ = floats(values)
        header[key.replace("__", ".")] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(header).encode()
    pathlib.Path(name).write_bytes(struct.pack("<Q", len(text)) + text + data)
npy("E.npy", "<f4", (4, 2), floats([0.1, 0, 0.9, 1, 5, 5.2, 6, 4.1]))
books = dict(codebook__0=([2, 2], [0, 0, 5, 5]), codebook__1=([2, 2], [0, 0, 1, -1]))
tensors("residual.safetensors", **books)
tensors("product.safetensors", codebook__0=([2, 1], [0, 5]), codebook__1=([3, 1], [0, 1, 5]))
tensors("tree.safetensors", codebook__0=([2, 2], [0, 0, 5, 5]), codebook__0__offset=([2], [0, 2]),
        codebook__1=([3, 2], [0, 0, 1, 1, 5, 5]), codebook__1__offset=([3], [0, 2, 3]))
# An encoder that swaps the columns, then two layers that leave what is positive alone; PyTorch counts its ReLU as layer 1.
tensors("rqvae.safetensors", encoder__0__weight=([2, 2], [0, 1, 1, 0]), encoder__0__bias=([2], [0, 0]),
        encoder__2__weight=([2, 2], [1, 0, 0, 1]), **books)
tensors("wide.safetensors", encoder__0__weight=([2, 3], [0] * 6), **books)
tensors("short.safetensors", encoder__0__weight=([1, 2], [0, 1]), **books)
tensors("nan.safetensors", transform__mean=([2], [0, NAN]), **books)
tensors("hole.safetensors", codebook__1=([2, 2], [0] * 4))
tensors("gap.safetensors", codebook__0=([2, 2], [0, 0, 5, 5]), codebook__0__offset=([2], [0, 2]),
        codebook__1=([3, 2], [0, 0, 1, 1, 5, 5]), codebook__1__offset=([3], [0, 3, 3]))
P

assign() { # CODE TEXT CODEBOOKS OUT [OPTION...]
    expect_exit "$1" "$2" -- nightjar catalogue assign --embeddings E.npy --codebooks "$3" --no-suffix --out "${@:4}"
}
codes_are() { # CAT CODES
    check "codes of $1 are $2" test "$(python3 -c 'import sys; data = open(sys.argv[1] + "/sids.npy", "rb").read()
import struct; print(*struct.unpack("<8i", data[-32:]))' "$1")" = "$2"
}

assign 0 '' residual.safetensors residual
codes_are residual '0 0 0 0 1 0 1 1'
assign 0 '' product.safetensors product --quantizer product
codes_are product '0 0 0 1 1 2 1 2'
check "a product makes version 2" grep -q '"version": 2' product/catalogue.json
check "and is named" grep -q '"quantizer": "product"' product/catalogue.json
assign 0 '' tree.safetensors tree
codes_are tree '0 0 0 1 1 0 1 0'
assign 0 '' rqvae.safetensors rqvae
codes_are rqvae '0 0 0 0 1 0 1 0'
check "a transform makes version 2" grep -q '"version": 2' rqvae/catalogue.json
check "residual codebooks alone stay version 1" grep -q '"version": 1' residual/catalogue.json
for kind in residual product tree rqvae; do
    assign 0 '' $kind again-$kind
    check "$kind: the catalogue gives the same codes" cmp -s $kind/sids.npy again-$kind/sids.npy
done
assign 0 '' residual beam --assign-beam 4
expect_exit 0 '' -- nightjar catalogue show --json product
stdout_has '"quantizer": "product", "embedding_width": 2'

assign 2 'its codebooks are product, --quantizer says residual' product none --quantizer residual
assign 2 '--quantizer rq: must be residual, product or hierarchical' residual none --quantizer rq
assign 2 'a beam of 4 needs residual codebooks, these are product' product none --assign-beam 4
assign 2 'assign-beam' residual none --assign-beam 257
assign 65 'E.npy: embeddings are 2 wide, the codebooks of wide.safetensors 3' wide.safetensors none
assign 65 'short.safetensors: the transform gives 1 numbers, the codebooks are 2 wide' short.safetensors none
assign 65 'tensor "transform.mean": element 1 of 2 is not a number (NaN)' nan.safetensors none
assign 65 'hole.safetensors: tensor "codebook.0": is missing' hole.safetensors none
assign 65 'gap.safetensors: codebook 1: node 1 has rows 3 to 3, every node has a child' gap.safetensors none
check "nothing was written" test ! -e none
done_testing
