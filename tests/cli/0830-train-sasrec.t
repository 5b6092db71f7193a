# nightjar train sasrec: a model whose lists are judged as training said, the same weights however often it is killed, and clear words
# where it cannot go on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
items=$data/items.txt
sed -n 4,203p "$data/histories.txt" >users.txt
train=(nightjar train sasrec --ids "$items" --users users.txt --layers 1 --d-model 16 --d-ff 16 --batch 40 --warmup 2 --rate 0.01
    --history-max 6 --threads 2)
small=("${train[@]}" --epochs 4)

same_model() { # FOLDER FOLDER
    check "... and the weights are those of $1" cmp -s "$1/model.safetensors" "$2/model.safetensors"
}
same_log() { # FOLDER FOLDER: but for how long it took
    check "... and so is what training.json says" \
        diff -q <(grep -v second "$1/training.json") <(grep -v second "$2/training.json")
}
agrees() { # FOLDER KEY LIST-OPTION EVAL-OPTION: eval finds the best epoch's figure
    local folder=$1 key=$2
    nightjar baseline sasrec --model "$folder" --ids "$items" --users users.txt --target validation --top 10 --out lists.jsonl ${3:+"$3"} 2>err
    expect_exit 0 '' -- nightjar eval --bundle b.njb --users users.txt --target validation --lists lists.jsonl --top 10 --json ${4:+"$4"}
    check "... and NDCG is what training said: $key" python3 -c '
import json
import sys
log = json.load(open(sys.argv[1] + "/training.json"))
said = log["epochs"][log["best_epoch"] - 1][sys.argv[2]]
found = json.load(open("out"))["models"][0]["ndcg@10"]
assert abs(found - said) < 1e-9 and said > 0, (found, said)' "$folder" "$key"
}

# A whole training, and what others make of it.
expect_exit 0 '' -- "${small[@]}" --out whole --json
stdout_is_json
expect_absent whole/checkpoint.nj
check '... and the page has its curves' grep -q '<svg' whole/report.html
agrees whole 'ndcg@10' '' --keep-history
agrees whole 'masked ndcg@10' --mask-history ''
check '... and no list has an item of its input under --mask-history' python3 -c '
import json
import judge
inputs = {user: set(history) for user, history, _ in judge.split("users.txt", set(open("'"$items"'").read().split()), 2)}
assert all(not set(items) & inputs[user] for user, items in judge.lists("lists.jsonl").items())'
expect_exit 0 '' -- nightjar catalogue fit --embeddings whole/item_vectors.npy --ids "$items" --levels 2 --codes 32 --out fitted
expect_exit 0 '' -- "${small[@]}" --threads 1 --quiet --out alone
same_model whole alone
same_log whole alone
expect_exit 0 '' -- "${small[@]}" --out whole --resume
stdout_has 'complete since an earlier run'
expect_exit 78 'begun with rate 0.01, now it is 0.02' -- "${small[@]}" --out whole --resume --rate 0.02
expect_exit 0 '' -- "${small[@]}" --norms after --seed 1 --quiet --out after
agrees after 'ndcg@10' '' --keep-history

# Items that training has not: with one nearest, an unseen item scores what that one scores.
head -n 40 users.txt >few.txt
hybrid=(nightjar baseline sasrec --model whole --ids "$items" --users few.txt --top 10000)
on_a_circle='
import math
import forge
n = len(open("'"$items"'").read().split())
forge.npy("circle.npy", "<f4", (n, 2), forge.floats([f(i * 6 / n) for i in range(n) for f in (math.cos, math.sin)]))'
check '... embeddings on a circle' python3 -c "$on_a_circle"
python3 -c 'import forge; forge.npy("short.npy", "<f4", (1, 2), forge.floats([1, 0]))'
expect_exit 0 'each the mean of its 1 nearest' -- "${hybrid[@]}" --unseen neighbours --embeddings circle.npy --nearest 1 --out hybrid.jsonl
check '... and an unseen item scores what its nearest scores' python3 -c '
import json
items = open("'"$items"'").read().split()
seen = {row for row, item in enumerate(items) for line in open("few.txt") if item in line.split()[1:-2]}
nearest = {row: min(seen, key=lambda other: (abs(other - row), other)) for row in range(len(items))}
assert len(seen) > 20 and len(items) - len(seen) > 20
compared = 0
for line in open("hybrid.jsonl"):
    record = json.loads(line)
    scores = dict(zip(record["items"], record["scores"]))
    for row, other in nearest.items():
        if items[row] in scores:
            ties = [o for o in seen if abs(o - row) == abs(other - row)]
            assert any(scores[items[row]] == scores[items[o]] for o in ties), (row, ties)
            compared += row != other
assert compared > 1000, compared'
expect_exit 0 '' -- "${hybrid[@]}" --unseen neighbours --embeddings circle.npy --out mean.jsonl
expect_exit 0 '' -- "${hybrid[@]}" --unseen neighbours --embeddings circle.npy --nearest-length 2 --out long.jsonl
check '... and other lengths give other lists' test "$(cmp -s mean.jsonl long.jsonl; echo $?)" -eq 1
expect_exit 2 '--unseen is "mean"' -- "${hybrid[@]}" --unseen mean --embeddings circle.npy --out never
expect_exit 2 'go together' -- "${hybrid[@]}" --unseen neighbours --out never
expect_exit 2 'go together' -- "${hybrid[@]}" --embeddings circle.npy --out never
expect_exit 2 '--unseen is nothing that popularity has' -- \
    nightjar baseline popularity --ids "$items" --users few.txt --unseen neighbours --embeddings circle.npy --out never
expect_exit 65 'row i is of item i' -- "${hybrid[@]}" --unseen neighbours --embeddings short.npy --out never
expect_absent never

# Killed again and again: the same weights in the end.
deaths=0
for at in 3 9 12 20 5; do
    if NJ_FAILPOINT=file.synced=kill@$at "${small[@]}" --checkpoint-every 0 --resume --quiet --out killed >out 2>err; then
        break
    fi
    deaths=$((deaths + 1))
done
check "a training was killed $deaths times" test "$deaths" -eq 5
expect_exit 0 '' -- "${small[@]}" --resume --quiet --out killed
same_model whole killed
same_log whole killed
check '... and nothing temporary is left' test -z "$(find killed -name '*.tmp*')"
expect_exit 75 'the same command goes on with --resume' -- "${train[@]}" --epochs 100000 --patience 0 --time-limit 1 --quiet --out limited
check '... and a checkpoint is there' test -s limited/checkpoint.nj

# What it cannot learn from, and what cannot be read.
expect_exit 1 'try a lower rate' -- "${train[@]}" --rate 1000 --weight-decay 1000 --warmup 0 --quiet --out broken
stderr_has 'of it, users "'
printf 'a foxglove-01\nb kettle-01 kettle-02 kettle-01\n' >short.txt
expect_exit 65 'none of 2 users has the 4 known items' -- "${train[@]}" --users short.txt --out never
expect_exit 65 'a SASRec of width 16 with 3 heads' -- "${train[@]}" --heads 3 --out never
expect_exit 2 '--norms is "behind"' -- "${train[@]}" --norms behind --out never
expect_exit 2 '--d-model is "0"' -- "${train[@]}" --d-model 0 --out never
expect_absent never
lists=(nightjar baseline sasrec --users users.txt --out never)
expect_exit 78 'the model was trained on other items' -- "${lists[@]}" --model whole --ids <(head -n 500 "$items")
expect_exit 5 'config.json' -- "${lists[@]}" --model nowhere --ids "$items"
cp -r whole torn
sed -i 's/"hidden_size": 16/"hidden_size": 12/' torn/config.json
expect_exit 65 'item_embedding.weight' -- "${lists[@]}" --model torn --ids "$items"
sed 's/"item_count": [0-9]*/"item_count": 60000000/' whole/config.json >torn/config.json
expect_exit 65 'values, a model of the sizes in config.json has' -- "${lists[@]}" --model torn --ids "$items"
sed 's/"norms": "before"/"norms": "sideways"/' whole/config.json >torn/config.json
expect_exit 65 '"norms" is "sideways"' -- "${lists[@]}" --model torn --ids "$items"
sed -i 's/nightjar-sasrec/t5/' torn/config.json
expect_exit 65 'no "model_type": "nightjar-sasrec"' -- "${lists[@]}" --model torn --ids "$items"
truncate -s -100 torn/model.safetensors
cp whole/config.json torn/
expect_exit 65 'model.safetensors' -- "${lists[@]}" --model torn --ids "$items"
expect_absent never
done_testing
