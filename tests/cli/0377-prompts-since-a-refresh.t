# --since-bundle: a model that answers in semantic IDs leaves traces, but another prompt, or another title in it, asks something else of
# everybody: nothing is copied then.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
p5=$source_dir/tests/data/p5
tail -n +2 "$p5/items.tsv" | cut -f 1 >ids.txt
python3 - <<'P'
from forge import *
npy("sids.npy", "<i2", (60, 2), ints("h", (code for i in range(60) for code in (i % 8, i // 8))))
items = open("ids.txt").read().split()
open("users.jsonl", "w").writelines(json.dumps({"user": n, "items": items[n:n + 2]}) + "\n" for n in range(8))
P
nightjar catalogue import --sids sids.npy --codes-per-level 8 --token-base 100 --ids ids.txt --out cat >out 2>err
cat >prompt.yaml <<'Y'
prompt: 'The user bought {history} and next'
item: '{title}'
Y
sed 's/next/then/' prompt.yaml >other.yaml
sed '2s/$/ again/' "$p5/items.tsv" >titles.tsv
pack() { # PROMPT ITEMS OUT
    nightjar bundle pack --model "$p5/model" --prompt "$1" --items "$2" --catalogue cat --out "$3" >out 2>err
}
pack prompt.yaml "$p5/items.tsv" before.njb
pack other.yaml "$p5/items.tsv" prompt.njb
pack prompt.yaml titles.tsv title.njb
night=(nightjar run --users users.jsonl --workers 1 --beam 20 --top 4 --trace)
expect_exit 0 '' -- "${night[@]}" --bundle before.njb --store first
for name in prompt title; do
    cp -r first "$name"
    expect_exit 0 'prompt or texts of items' -- "${night[@]}" --bundle "$name.njb" --store "$name" --since current --since-bundle before.njb
    nightjar store export --store "$name" --to jsonl >rows 2>err
    check "another $name: nobody is copied" bash -c '[[ $(wc -l <rows) -eq 8 ]] && ! grep copied rows'
done
done_testing
