# embed --model with a Sentence-T5: the vectors of sentence-transformers, through its dense layers; folders that do not fit are refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
model=$source_dir/tests/data/sentence-t5
python3 - "$model/texts.json" <<'P'
import json, sys
texts = [row["text"] for row in json.load(open(sys.argv[1])) if not set(row["text"]) & set("\t\n")]
with open("items.jsonl", "w") as file:
    for i, text in enumerate(texts):
        file.write(json.dumps({"item_id": "i%02d" % i, "title": text}) + "\n")
P
embed=(nightjar embed --model "$model" --items items.jsonl --quiet)
expect_exit 0 '2 texts have more than the 24 tokens' -- "${embed[@]}" --ids-out ids.txt --out E.npy --keys-out K.npy --json
stdout_is_json
check "vectors are those of sentence-transformers" python3 - "$model/texts.json" <<'P'
import json, struct, sys
expected = [row["vector"] for row in json.load(open(sys.argv[1])) if not set(row["text"]) & set("\t\n")]
told = json.load(open("out"))
assert (told["items"], told["dimensions"], told["without_text"]) == (len(expected), 16, 1), told
data = open("E.npy", "rb").read()[-64 * len(expected):]
for i, vector in enumerate(expected):
    row = struct.unpack("<16f", data[64 * i:64 * i + 64])
    assert all(abs(x - y) < 2e-6 for x, y in zip(row, vector)), (i, row, vector)
P
expect_exit 0 '' -- "${embed[@]}" --kernels ref --threads 3 --from E.npy --from-keys K.npy --out F.npy
stdout_has '0 computed,'
check "every vector is known again by its key, whatever the kernels" cmp E.npy F.npy

refuse() { # EXIT TEXT FILE FROM TO
    rm -rf model
    cp -r "$model" model
    sed "s|$4|$5|" "$model/$3" >"model/$3"
    expect_exit "$1" "$2" -- nightjar embed --model model --items items.jsonl --out G.npy --quiet
    check "... and nothing is written" test ! -e G.npy
}
refuse 65 '"feed_forward_proj" is "gated-silu"' config.json '"feed_forward_proj": "relu"' '"feed_forward_proj": "gated-silu"'
refuse 65 'encoder.block.0.layer.1.DenseReluDense.wi.weight' config.json '"d_ff": 40' '"d_ff": 41'
refuse 65 '"encoder.block.1.layer.0.SelfAttention.k.weight" has no place' config.json '"num_layers": 2' '"num_layers": 1'
refuse 65 'the tokenizer has ids to 67, config.json a vocabulary of 67' config.json '"vocab_size": 71' '"vocab_size": 67'
refuse 65 '"in_features" is 23, what stands before has 24' 2_Dense/config.json '"in_features": 24' '"in_features": 23'
refuse 65 '"activation_function" is "torch.nn.modules.activation.GELU"; known are' 2_Dense/config.json 'activation.Tanh' 'activation.GELU'
refuse 65 '"use_residual" is true' 2_Dense/config.json '"bias": true' '"bias": true, "use_residual": true'
refuse 65 '"module_input_name" is "token_embedding"' 3_Dense/config.json '"module_input_name": "sentence' '"module_input_name": "token'
refuse 65 'linear.bias' 3_Dense/config.json '"bias": false' '"bias": true'
refuse 65 'module 4 is "LayerNorm"; known is Transformer' modules.json 'normalize.Normalize' 'layer_norm.LayerNorm'
refuse 65 'puts 2 tokens around a text, must be one "</s>" behind it' tokenizer.json '"single": \[' '"single": [ { "SpecialToken": { "id": "</s>", "type_id": 0 } },'
refuse 65 '"model_max_length" is 1, must be 2 or more' tokenizer_config.json '"model_max_length": 24' '"model_max_length": 1'

# No limit: what 10^30 means where a tokenizer knows none.
rm -rf model
cp -r "$model" model
sed -i 's|"model_max_length": 24|"model_max_length": 1000000000000000019884624838656|' model/tokenizer_config.json
expect_exit 0 '' -- nightjar embed --model model --items items.jsonl --out G.npy --quiet --json
check "a tokenizer without a limit cuts nothing off" python3 -c 'import json; assert json.load(open("out"))["cut"] == 0'
done_testing
