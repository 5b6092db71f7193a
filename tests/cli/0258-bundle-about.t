# bundle list: what a bundle is and what it needs of its users and of a worker; sections that do not fit each other are listed all the same.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
about() { # BUNDLE EXPRESSION-OF-b
    nightjar bundle list "$1" --json | python3 -c 'import json, sys; b = json.load(sys.stdin); print(json.dumps(eval(sys.argv[1])))' "$2"
}

# ---- semantic IDs ----
expect_exit 0 '' -- nightjar bundle list b.njb
stdout_has 't5, 168064 parameters, a vocabulary of 50'
stdout_has '552, semantic IDs of 3 codes'
stdout_has 'answers  semantic IDs'
stdout_has 'need "items" (the last 341 are read)'
stdout_has 'worker   plans '
check "a bundle without a prompt says nothing of one" test "$(about b.njb '"prompt" in b, b["users"]["need"], b["answers"]')" = '[false, ["items"], {"kind": "sid"}]'
check "what a worker plans is all that it holds" test "$(about b.njb 'b["worker"]["bytes"] - b["worker"]["mapped"] - b["worker"]["model"] - b["worker"]["scratch"]')" = 0
check "parameters are those of the weights" test "$(about b.njb 'b["model"]["parameters"] * 4 < [s["bytes"] for s in b["sections"] if s["name"] == "weights"][0]')" = true

# ---- prompts ----
p5=$source_dir/tests/data/p5 llara=$source_dir/tests/data/llara
for prompt in sequential topk review; do
    nightjar bundle pack --model "$p5/model" --prompt "$p5/$prompt.yaml" --items "$p5/items.tsv" --out $prompt.njb >out 2>err
done
nightjar bundle pack --model "$llara/model" --prompt "$llara/movie.yaml" --items "$llara/items.tsv" --collaborative "$llara/vectors.npy" \
    --projector "$llara/projector.safetensors" --lora "$llara/lora" --out movie.njb >out 2>err
expect_exit 0 '' -- nightjar bundle list sequential.njb
stdout_has 't5, 77968 parameters, a vocabulary of 526, 128 whole words'
stdout_has 'items    60'
stdout_has '"Given the following purchase history of" {user} ":" {history} "predict next possible item to be purchased by the user ?"'
stdout_has 'at most 512 tokens; the tokenizer is there: SentencePiece Unigram'
stdout_has '60 items by 60 strings of at most 4 tokens'
stdout_has 'need "items" (the last '
expect_exit 0 '' -- nightjar bundle list topk.njb
stdout_has 'lists of 3 items in at most 40 tokens; 60 items by 60 strings'
expect_exit 0 '' -- nightjar bundle list review.njb
stdout_has 'text of at most 16 tokens'
stdout_has 'need "text"'
expect_exit 0 '' -- nightjar bundle list movie.njb
stdout_has 'a vocabulary of 568, a projector of items'"'"' vectors'
stdout_has 'tokens {history} '
stdout_has 'items'"'"' vectors stand in it'
stdout_has '80 items by 79 strings of at most 23 tokens'
stdout_has '), "candidates"'
stdout_has '12 dimensions, 79 items'
check "places and tokens stand in order" test "$(about sequential.njb '[p["kind"] for p in b["prompt"]["pieces"]]')" = \
    '["tokens", "user", "tokens", "history", "tokens"]'
check "a bundle without its tokenizer has no words" test "$(about movie.njb '[p.get("text") for p in b["prompt"]["pieces"]], "tokenizer" in b["prompt"]')" = \
    '[[null, null, null, null, null], false]'

# ---- sections that do not fit ----
python3 - <<'P'
from forge import Bundle
bundle = Bundle("b.njb")
bundle.sections["prompt"] = b"\x01\0\0"
bundle.write("short.njb")
bundle.sections["prompt"] = bytes([1, 0, 0, 0, 0, 1, 0, 0])
bundle.write("later.njb")
del bundle.sections["prompt"], bundle.sections["weights"]
bundle.write("no-weights.njb")
P
expect_exit 0 '' -- nightjar bundle list short.njb
stdout_has 'problem  section "prompt" has 3 bytes, its head has 8'
stdout_has 'weights            677504 bytes'
expect_exit 0 '' -- nightjar bundle list later.njb
stdout_has 'problem  section "prompt" has version 1 and needs 0x100, this program reads version 1 and needs up to 0x3f'
expect_exit 0 '' -- nightjar bundle list no-weights.njb
stdout_has 'problem  the bundle has no "weights" section'
for bundle in short later; do
    expect_exit 65 'section "prompt" has' -- nightjar decode --bundle $bundle.njb --users users.txt
done
documents=()
for bundle in b sequential topk review movie short; do
    nightjar bundle list $bundle.njb --json >$bundle.json
    documents+=(bundle-list $bundle.json)
done
valid "${documents[@]}"
done_testing
