# Nights of models that are asked in text: LLaRA's movies, P5's next item, its lists and its explanations, through the coordinator to the store.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cases=$source_dir/tests/data

night_of() { # CASE PROMPT BEAM TOP PACK-OPTION...
    local from=$cases/$1 prompt=$2 lists=(--beam "$3" --top "$4")
    shift 4
    nightjar bundle pack --model "$from/model" --prompt "$from/$prompt.yaml" --tokenizer "$from/model" --items "$from/items.tsv" "$@" \
        --out "$prompt.njb" >setup.out 2>setup.log || fail "$prompt.yaml cannot be packed: $(tail -n 1 setup.log)"
    nightjar decode --bundle "$prompt.njb" --users "$from/$prompt.users.jsonl" "${lists[@]}" 2>>setup.log | sort >expected.jsonl
    expect_exit 0 nightjar run --bundle "$prompt.njb" --users "$from/$prompt.users.jsonl" --store "$prompt" --workers 2 --shard-users 3 "${lists[@]}"
    nightjar store export --store "$prompt" --to jsonl 2>>setup.log | sort >rows.jsonl
    cmp expected.jsonl rows.jsonl >&2 || fail "$prompt: the rows are not those of decode"
    python3 "$source_dir/tests/cli/text_answers.py" "$from/$prompt.${lists[1]}.jsonl" rows.jsonl >>setup.out || fail "$prompt: PyTorch answers otherwise"
}

llara=$cases/llara
night_of llara movie 12 4 --lora "$llara/lora" --projector "$llara/projector.safetensors" --collaborative "$llara/vectors.npy"
user=$(head -n 1 "$llara/movie.users.jsonl" | sed 's/{"user": "\([^"]*\)".*/\1/')
nightjar store get --store movie "$user" >row.json
grep -F "\"$user\"" rows.jsonl | cmp - row.json >&2 || fail "store get $user: $(cat row.json)"
night_of llara list 6 2 --lora "$llara/lora"
night_of p5 sequential 10 5
night_of p5 topk 8 3
night_of p5 explanation 4 1
nightjar store get --store explanation 15466 | grep -q '"text": "' || fail "no text: $(nightjar store get --store explanation 15466)"

# The next night takes over who has not changed, and asks again whose candidates or text are others.
from=$cases/p5
sed '1s/"candidates": \["[0-9]*"\]/"candidates": ["7"]/' "$from/explanation.users.jsonl" >changed.jsonl
cmp -s changed.jsonl "$from/explanation.users.jsonl" && fail 'no user has changed'
expect_exit 0 nightjar run --bundle explanation.njb --users changed.jsonl --store explanation --since current --workers 1 --beam 4 --top 1
nightjar store export --store explanation --to jsonl >export.jsonl 2>>setup.log
copied=$(grep -c '"copied"' export.jsonl || true)
[[ $copied -eq 9 ]] || fail "$copied rows are copied, should be 9"
nightjar decode --bundle explanation.njb --users changed.jsonl --beam 4 --top 1 2>>setup.log | sort >expected.jsonl
lists export.jsonl | sort | cmp expected.jsonl - >&2 || fail 'the second night has other rows'
