# tokenize: titles to token ids, as HuggingFace tokenizers and sentencepiece gave them; what is refused, by name.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
models=$source_dir/tests/data/tokenizers

for model in "$models"/*.json "$models"/*.model; do
    nightjar tokenize --tokenizer "$model" --items "$models/texts.jsonl" --quiet --out ids.jsonl >out 2>err || true
    # bare texts where the expected ids were made without special tokens: a *.model stands alone
    check "$(basename "$model") gives the ids of the original" cmp ids.jsonl "$model.ids"
done

mkdir t5 bpe
cp "$models/t5.model" t5/spiece.model
cp "$models/qwen2.json" bpe/tokenizer.json
echo '{"tokenizer_class": "T5Tokenizer"}' >t5/tokenizer_config.json
printf '%s\n' $'item_id\ttitle\tkind' $'a\tnaïve Ångström\tx' $'b\t\ty' >items.tsv
expect_exit 0 '' -- nightjar tokenize --tokenizer t5 --items items.tsv --quiet --out T.jsonl --json
stdout_is_json
check "a T5 folder puts </s> behind every title, also an empty one" python3 - <<'P'
import json
rows = [json.loads(line) for line in open("T.jsonl")]
assert [row["item"] for row in rows] == ["a", "b"] and rows[0]["ids"][-1] == 1 and rows[1]["ids"] == [1], rows
report = json.load(open("out"))
assert (report["items"], report["without_text"], report["kind"]) == (2, 1, "SentencePiece Unigram"), report
P
expect_exit 0 '' -- nightjar tokenize --tokenizer t5 --items items.tsv --no-special --quiet --out N.jsonl
check "... and --no-special leaves it out" python3 - <<'P'
import json
full, bare = ([json.loads(line)["ids"] for line in open(name)] for name in ("T.jsonl", "N.jsonl"))
assert [ids + [1] for ids in bare] == full, (bare, full)
P
expect_exit 0 '' -- nightjar tokenize --tokenizer bpe --items - --title-column title,kind --quiet --out two.jsonl <items.tsv

# What is not known is refused by its name, and the file that was there stays.
change() { # PYTHON that changes d, OUT
    python3 -c "import json,sys; d = json.load(open('$models/qwen2.json')); exec(sys.argv[1]); json.dump(d, open(sys.argv[2], 'w'))" "$@"
}
cp two.jsonl kept.jsonl
refuse() { # PYTHON, WHAT IS SAID
    change "$1" bad.json
    expect_exit 65 "$2" -- nightjar tokenize --tokenizer bad.json --items items.tsv --quiet --out two.jsonl
}
refuse 'd["model"]["type"] = "WordPiece"' 'model.type is "WordPiece", must be BPE or Unigram'
refuse 'd["normalizer"] = {"type": "Lowercase"}' 'normalizer "Lowercase" is not known'
refuse 'd["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "x+"' "Split's pattern \"x+\" is not known"
refuse 'd["pre_tokenizer"] = {"type": "Digits"}' 'pre_tokenizer "Digits" is not known'
refuse 'd["post_processor"] = {"type": "BertProcessing"}' 'post_processor "BertProcessing" is not known'
refuse 'd["model"]["dropout"] = 0.1' 'model.dropout'
refuse 'd["model"]["merges"][3] = ["q", "zzzz"]' 'merge rule 3'
refuse 'd["added_tokens"][0]["id"] = 77' 'has id 77, the model says'
refuse 'd["added_tokens"][0]["single_word"] = True' 'single_word'
check "the file that was there stays" cmp two.jsonl kept.jsonl
head -c 3000 "$models/llama2.model" >cut.model
expect_exit 65 'cut' -- nightjar tokenize --tokenizer cut.model --items items.tsv --quiet --out two.jsonl
for text in '' null '[1]'; do
    printf %s "$text" >none.json
    expect_exit 65 "none.json: has ${#text} bytes and does not begin with '{'" -- nightjar tokenize --tokenizer none.json --items items.tsv --quiet --out two.jsonl
done
expect_exit 5 'holds no tokenizer.json' -- nightjar tokenize --tokenizer tmp --items items.tsv --quiet --out two.jsonl
printf 'item_id\ttitle\na\tx\na\ty\n' >twice.tsv
expect_exit 65 'item "a" stands twice' -- nightjar tokenize --tokenizer bpe --items twice.tsv --quiet --out two.jsonl
printf 'item_id\ttitle\na\tx\377\n' >bad.tsv
expect_exit 65 'is no UTF-8' -- nightjar tokenize --tokenizer bpe --items bad.tsv --quiet --out two.jsonl
done_testing
