# embed --model: a sentence encoder's vectors; only what has changed is computed again; models and texts that do not fit are refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
model=$source_dir/tests/data/sentence-encoder
printf '%s\n' $'item_id\ttitle\tkind' $'a\tred nail polish\t' $'b\tred nail\tpolish' $'c\tCr\u00e8me 50ml\thair' $'d\t\t' \
    $'e\thair brush shampoo hair brush shampoo hair brush shampoo\thair brush shampoo hair brush shampoo hair brush shampoo hair brush shampoo hair brush shampoo' >items.tsv
embed=(nightjar embed --model "$model" --quiet)
expect_exit 0 '1 texts have more than the 24 tokens' -- "${embed[@]}" --items items.tsv --ids-out ids.txt --out E.npy --keys-out K.npy --json
stdout_is_json
check "five items are computed" python3 - <<'P'
import json
r = json.load(open("out"))
assert (r["items"], r["computed"], r["kept"], r["cut"], r["without_text"], r["dimensions"]) == (5, 5, 0, 1, 1, 24), r
P
check "columns are joined by a space, and a text's vector is the one that sentence-transformers gives" python3 - "$model/texts.json" <<'P'
import json, struct, sys
expected = {row["text"]: row["vector"] for row in json.load(open(sys.argv[1]))}
bytes = open("E.npy", "rb").read()
rows = [struct.unpack("<24f", bytes[i:i + 96]) for i in range(len(bytes) - 5 * 96, len(bytes), 96)]
assert rows[0] == rows[1] != rows[2], rows
for row, text in ((0, "red nail polish"), (3, "")):
    assert all(abs(x - y) < 2e-6 for x, y in zip(rows[row], expected[text])), (text, rows[row])
P
for threads in 1 3; do
    expect_exit 0 '' -- "${embed[@]}" --items items.tsv --threads "$threads" --kernels ref --out "E$threads.npy"
    check "... and the same file from $threads threads and other kernels" cmp E.npy "E$threads.npy"
done

# A later night: one title has changed, one item is new, one is gone, the order is another.
{ sed -n 1p items.tsv; printf '%s\n' $'n\tnew cream\t'; sed -n '6p;4p;2p' items.tsv; printf '%s\n' $'b\tred hair\tpolish'; } >later.tsv
expect_exit 0 '' -- "${embed[@]}" --items later.tsv --out whole.npy --keys-out whole-keys.npy
expect_exit 0 '' -- "${embed[@]}" --items later.tsv --from E.npy --from-keys K.npy --out part.npy --keys-out part-keys.npy
stdout_has '2 computed, 3 as they were'
check "what was kept and what was computed together are what a whole run gives" cmp whole.npy part.npy
check "... and so are the keys" cmp whole-keys.npy part-keys.npy
expect_exit 0 '' -- "${embed[@]}" --items later.tsv --from part.npy --from-keys part-keys.npy --out part.npy --keys-out part-keys.npy
stdout_has '0 computed, 5 as they were'
check "... in place too" cmp whole.npy part.npy
if nightjar embed --help | grep -q int8-ref; then
    expect_exit 0 '' -- "${embed[@]}" --items later.tsv --from part.npy --from-keys part-keys.npy --kernels int8-ref --out int8.npy
    stdout_has '5 computed, 0 as they were'
fi
printf 'z\na\n' >two.txt
expect_exit 0 '' -- "${embed[@]}" --items items.tsv --ids two.txt --zero-missing --half --out H.npy --keys-out HK.npy
expect_exit 0 '' -- "${embed[@]}" --items items.tsv --ids two.txt --zero-missing --half --from H.npy --from-keys HK.npy --out H2.npy
stdout_has '0 computed, 1 as they were'
check "halves are kept to the bit" cmp H.npy H2.npy

# What does not fit is refused, and the vectors of before stay.
cp E.npy before.npy
refuse() { # EXIT TEXT OPTION...
    local code=$1 text=$2
    shift 2
    expect_exit "$code" "$text" -- nightjar embed --items items.tsv --out E.npy --quiet "$@"
    check "... and touches nothing" cmp E.npy before.npy
    check "... and leaves no draft" test -z "$(compgen -G '*.tmp.*' || true)"
}
changed() { # FILE FROM TO: a copy of the model with one file changed
    rm -rf model
    cp -r "$model" model
    sed "s|$2|$3|" "$model/$1" >"model/$1"
}
refuse 2 '--from and --from-keys need each other' --model "$model" --from E.npy
refuse 2 '--keys-out needs --model' --keys-out K2.npy
refuse 2 '--dimensions is of embedding without a model' --model "$model" --dimensions 64
refuse 2 '--text-columns gives a column the weight 3' --model "$model" --text-columns title=3
refuse 65 'K.npy: are not the keys of part.npy' --model "$model" --from part.npy --from-keys K.npy
refuse 65 'E.npy: must be float16 [items, 24]' --model "$model" --half --from E.npy --from-keys K.npy
refuse 5 'nothing/config.json' --model nothing
changed config.json '"model_type": "bert"' '"model_type": "mpnet"'
refuse 65 '"model_type" is "mpnet", only "bert" and "t5" are known' --model model
changed config.json '"hidden_act": "gelu"' '"hidden_act": "gelu_new"'
refuse 65 '"hidden_act" is "gelu_new", only "gelu" is known' --model model
changed config.json '"intermediate_size": 40' '"intermediate_size": 41'
refuse 65 'encoder.layer.0.intermediate.dense.weight' --model model
changed config.json '"num_hidden_layers": 2' '"num_hidden_layers": 1'
refuse 65 '"encoder.layer.1.attention.output.LayerNorm.bias" has no place' --model model
changed config.json '"vocab_size": 130' '"vocab_size": 129'
refuse 65 'the tokenizer has ids to 129, config.json a vocabulary of 129' --model model
changed 1_Pooling/config.json '"mean"' '"max"'
refuse 65 '"pooling_mode" is "max", only mean and cls are known' --model model
changed modules.json 'pooling.Pooling' 'dense.Dense'
refuse 65 'module 1 is "Dense"' --model model
changed config_sentence_transformers.json '"default_prompt_name": null' '"default_prompt_name": "query"'
sed -i 's|"query": ""|"query": "query: "|' model/config_sentence_transformers.json
refuse 65 '"default_prompt_name" is "query"' --model model
changed tokenizer.json '"type": "WordPiece"' '"type": "Unigram"'
refuse 65 '"model" is of type "Unigram", only "WordPiece" is known' --model model
changed tokenizer_config.json '"do_lower_case": true' '"do_lower_case": false'
refuse 65 'make them agree' --model model
printf 'item_id\ttitle\nx\tgood\ny\tbro\xffken\n' >items.tsv
refuse 65 'items.tsv: line 3: item "y": byte 4 of the text' --model "$model"
done_testing
