# config.json of a checkpoint: every size is bounded, and what would be computed wrongly is refused by its key.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_catalogue
cp -r "$data/model" model

# A line: what stands in the file (bytes, or changes to the demo's), and what the error says behind the folder's name.
cat >table <<'L'
b""|config.json: line 1, column 0: '[' or '{' expected near end of file
b"[]"|config.json: not a JSON object
b"\xff\xfe"|config.json: line 1, column 0: unable to decode byte 0xff
b'{"a":' * 100000|config.json: line 1, column 10241: maximum parsing depth reached
b'{"a": 1, "a": 2}'|config.json: line 1, column 12: duplicate object key
b" " * 2000000|config.json: has 2000000 bytes, the limit is 1048576
WHOLE[:1]|config.json: line 
WHOLE[:100]|config.json: line 
WHOLE[:400]|config.json: line 
WHOLE[:-2]|config.json: line 
WHOLE.replace(b"1e-06", b"NaN")|config.json: line 
WHOLE.replace(b"1e-06", b"1e999")|config.json: line 
config(model_type="bert")|config.json: "model_type" is "bert", must be "t5"
config(model_type=5)|config.json: "model_type" is not text
config(model_type=None, architectures=None)|config.json: "model_type" is missing and "architectures" does not name
config(d_model=None)|config.json: "d_model" is missing
config(d_model=0)|config.json: "d_model" is 0, must be 1 to 65536
config(d_model=-1)|config.json: "d_model" is -1, must be 1 to 65536
config(d_model=1 << 40)|config.json: "d_model" is 1099511627776, must be 1 to 65536
config(d_model="64")|config.json: "d_model" is not a whole number
config(d_model=64.5)|config.json: "d_model" is not a whole number
config(d_model=128)|model.safetensors: tensor "shared.weight": has shape [50, 64], expected [50, 128]
config(num_heads=65536)|config.json: "num_heads" 65536 times "d_kv" 16 is 1048576, must be at most 65536
config(num_heads=8)|model.safetensors: tensor "encoder.block.0.layer.0.SelfAttention.q.weight": has shape [64, 64], expected [128, 64]
config(num_layers=257)|config.json: "num_layers" is 257, must be 1 to 256
config(num_layers=3)|model.safetensors: tensor "encoder.block.2.layer.0.layer_norm.weight": is missing, expected with shape [64]
config(num_decoder_layers=0)|config.json: "num_decoder_layers" is 0, must be 1 to 256
config(vocab_size=49)|model.safetensors: tensor "shared.weight": has shape [50, 64], expected [49, 64]
config(vocab_size=1 << 40)|config.json: "vocab_size" is 1099511627776, must be 1 to 16777216
config(feed_forward_proj="gelu")|config.json: "feed_forward_proj" is "gelu", must be "relu" or "gated-gelu"
config(feed_forward_proj="gated-gelu")|config.json: "dense_act_fn" is "relu", but "feed_forward_proj" "gated-gelu" means "gelu_new"
config(layer_norm_epsilon=0)|config.json: "layer_norm_epsilon" is 0, must be above 0 and at most 1
config(layer_norm_epsilon="x")|config.json: "layer_norm_epsilon" is not a number
config(decoder_start_token_id=50)|config.json: "decoder_start_token_id" is 50, must be 0 to 49
config(decoder_start_token_id=-1)|config.json: "decoder_start_token_id" is -1, must be 0 to 49
config(relative_attention_num_buckets=0)|config.json: "relative_attention_num_buckets" is 0, must be 4 to 4096
config(relative_attention_num_buckets=16)|model.safetensors: tensor "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": has shape [32, 4], expected [16, 4]
config(relative_attention_max_distance=16)|config.json: "relative_attention_max_distance" is 16, must be more than half of
config(tie_word_embeddings="yes")|config.json: "tie_word_embeddings" is not true or false
config(n_positions=-1)|config.json: "n_positions" is -1, must be 0 to 1073741824
L
python3 - <<'P'
from forge import *
WHOLE = (MODEL / "config.json").read_bytes()
for number, line in enumerate(open("table"), 1):
    content = eval(line.split("|")[0])
    model("m%d" % number, settings=content)
P
number=0
while IFS='|' read -r content text; do
    number=$((number + 1))
    expect_exit 65 "m$number/$text" -- nightjar bundle pack --model m$number --catalogue cat --out b.njb
done <table
check "there were as many as there are lines" test $number -eq 40

rm model/config.json
expect_exit 5 'model/config.json: cannot open: No such file or directory' -- \
    nightjar bundle pack --model model --catalogue cat --out b.njb
mkdir model/config.json
expect_exit 65 'model/config.json: not a regular file' -- nightjar bundle pack --model model --catalogue cat --out b.njb
expect_absent b.njb
done_testing
