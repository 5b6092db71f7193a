# Text models: LLaRA's and P5's checkpoints are packed and answer as PyTorch does (tests/data/README.md); what does not fit is refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cases=$source_dir/tests/data

# Packs a case's prompt as PROMPT.njb.
pack() { # CASE PROMPT.yaml OPTION...
    local from=$cases/$1 more=()
    if [[ $1 == llara ]]; then
        more=(--lora "$from/lora")
        if grep -q vector "$2"; then
            more+=(--projector "$from/projector.safetensors" --collaborative "$from/vectors.npy")
        fi
    fi
    nightjar bundle pack --model "$from/model" --prompt "$2" --tokenizer "$from/model" --items "$from/items.tsv" \
        "${more[@]}" --out "$(basename "$2" .yaml).njb" "${@:3}"
}

for name in llara p5; do
    for prompt in "$cases/$name"/*.yaml; do
        expect_exit 0 '' -- pack "$name" "$prompt"
    done
    while read -r prompt beam top; do
        expect_exit 0 '' -- nightjar decode --bundle "$prompt.njb" --users "$cases/$name/$prompt.users.jsonl" --beam "$beam" --top "$top"
        check "... and answers as PyTorch" python3 "$source_dir/tests/cli/text_answers.py" "$cases/$name/$prompt.$beam.jsonl" out
    done < <(python3 -c 'import json, sys; [print(*run.values()) for run in json.load(open(sys.argv[1]))]' "$cases/$name/runs.json")
done

# Two items of one title stand in a list together, in catalogue order; where only one may be answered, it stands alone.
head -n 3 "$cases/llara/movie.users.jsonl" >three.jsonl
expect_exit 0 '' -- nightjar decode --bundle movie.njb --users three.jsonl --beam 12 --top 4
check "... both items of a title, then one" python3 - "$cases/llara/items.tsv" <<'P'
import json, sys
lines = [line.rstrip("\n").split("\t") for line in open(sys.argv[1], encoding="utf-8")][1:]
titles = dict(lines)
first, second = sorted((item for item, title in lines if list(titles.values()).count(title) == 2), key=list(titles).index)
both, one, turned = (json.loads(line) for line in open("out"))
for row in (both, turned):
    place = row["items"].index(first)
    assert row["items"][place + 1] == second and row["scores"][place] == row["scores"][place + 1], row
assert second in one["items"] and first not in one["items"], one
P

# Models that are not known are refused by name, and so is a prompt that has no room.
change() { # KEY=JSON
    rm -rf odd
    cp -r "$cases/llara/model" odd
    python3 -c 'import json, sys
config = json.load(open("odd/config.json"))
config.update(json.loads("{%s}" % sys.argv[1]))
json.dump(config, open("odd/config.json", "w"))' "$1"
}
odd() {
    nightjar bundle pack --model odd --prompt "$cases/llara/list.yaml" --tokenizer "$cases/llara/model" --items "$cases/llara/items.tsv" --out odd.njb
}
change '"model_type": "mistral", "architectures": ["MistralForCausalLM"]'
expect_exit 65 '"model_type" is "mistral"' -- odd
change '"rope_parameters": {"rope_type": "longrope", "rope_theta": 10000.0}'
expect_exit 65 '"rope_type" is "longrope", must be "default", "linear", "llama3" or' -- odd
change '"max_position_embeddings": 40'
expect_exit 78 'list.yaml' -- odd
stderr_has 40
expect_absent odd.njb
done_testing
