# `nightjar eval` says of held-out items what an independent computation over the lists of `nightjar decode` says.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
printf 'one-item kettle-01\nunknown-target kettle-01 no-such-item\nagain kettle-01 kettle-02 kettle-01\nodd no-such-item kettle-03\n' >some.txt
head -n 120 "$data/histories.txt" >>some.txt # noor has no item at all

judge() { # OPTION...: eval as JSON
    expect_exit 0 '' -- nightjar eval --bundle b.njb --users some.txt --json "$@"
    cp out result.json
}

# Decodes the inputs without their held-out items and compares all metrics.
agrees() { # PLACE TOP DECODE-OPTION...
    local place=$1 top=$2
    shift 2
    python3 - "$place" "$data/items.txt" <<'P' || return 1
import sys
import judge
items = set(open(sys.argv[2], encoding="utf-8").read().split())
with open("inputs.txt", "w", encoding="utf-8") as out:
    for user, history, _ in judge.split("some.txt", items, int(sys.argv[1])):
        out.write(" ".join([user, *history]) + "\n")
P
    nightjar decode --bundle b.njb --users inputs.txt --top "$top" "$@" >lists.jsonl 2>err || return 1
    python3 - "$place" "$data/items.txt" "$top" <<'P'
import json
import sys
import judge
items = set(open(sys.argv[2], encoding="utf-8").read().split())
users, rows = judge.split("some.txt", items, int(sys.argv[1])), judge.lists("lists.jsonl")
result = json.load(open("result.json"))
judge.same(result["models"][0], judge.metrics(users, rows, int(sys.argv[3])))
assert result["users"]["judged"] == result["models"][0]["users"] == len(users), result
assert result["models"][0]["recommended"] == sum(map(len, rows.values())) and result["models"][0]["invalid"] == 0, result
assert 0 < result["models"][0]["recall@5"] < 1, "nothing to see"
P
}

judge --per-user per-user.jsonl
check "the figures are those of the lists of decode" agrees 1 20
check "users who cannot be judged are counted" python3 -c '
import json
users = json.load(open("result.json"))["users"]
assert users == {"read": 124, "judged": 122, "without_item": 1, "unknown_item": 1, "retired_item": 0, "item_in_input": users["item_in_input"], "ineligible_item": 0, "cold": 2}, users
assert users["item_in_input"] >= 1'
check "each user'\''s outcome is written: the list of decode, the held-out item and its place" python3 -c '
import json
import judge
lists = judge.lists("lists.jsonl")
rows = [json.loads(line) for line in open("per-user.jsonl")]
wanted = judge.split("some.txt", set(open("'"$data"'/items.txt").read().split()), 1)
assert [(row["user"], row["target"]) for row in rows] == [(user, target) for user, _, target in wanted]
assert all(row["items"] == lists[row["user"]] for row in rows)
assert all(row["rank"] == (row["items"].index(row["target"]) + 1 if row["target"] in row["items"] else None) for row in rows)
assert any(row["rank"] is None for row in rows) and any(row["rank"] for row in rows)'

judge --target validation --keep-history --beam 30 --top 10
check "so are those of the item before the last, history kept" agrees 2 10 --keep-history --beam 30
judge --top 7 --history 2
check "cut-offs beyond the list are not reported" agrees 1 7 --history 2
judge --cold-users skip
check "a user whom --cold-users skip leaves out has no list and no hit" agrees 1 20 --cold-users skip
check "... and is counted" python3 -c 'import json; assert json.load(open("result.json"))["models"][0]["without_list"] == 2'
expect_exit 65 '2 of 122 users have no item that the catalogue knows' -- nightjar eval --bundle b.njb --users some.txt --cold-users fail

# The same whatever the number of processes and the arithmetic they share.
for kernels in ref openblas; do
    judge --kernels $kernels --batch 3 --per-user one.jsonl
    cp result.json one.json
    judge --kernels $kernels --batch 3 --procs 5 --per-user many.jsonl
    check "five processes say what one says ($kernels)" cmp one.json result.json
    check "... for every user" cmp one.jsonl many.jsonl
done

judge --precision int8 --kernels int8-ref --top 10
check "the precision is that of decode" agrees 1 10 --precision int8 --kernels int8-ref

# Two models: overlap and relative loss.
judge --history 1 --against per-user.jsonl
check "overlap and loss are those of the two models' lists" python3 - "$data/items.txt" <<'P'
import json
import math
import sys
import judge
result = json.load(open("result.json"))
one, other = result["models"]
assert [one["name"], other["name"]] == ["b.njb", "per-user.jsonl"]
compared = result["comparison"]
assert set(compared) == {f"{name}@{k}" for name in ("overlap", "recall_loss", "ndcg_loss", "mrr_loss") for k in judge.CUTOFFS}
for name in ("recall", "ndcg", "mrr"):
    for k in judge.CUTOFFS:
        assert math.isclose(compared[f"{name}_loss@{k}"], 1 - one[f"{name}@{k}"] / other[f"{name}@{k}"], abs_tol=1e-12)
assert any(compared[f"ndcg_loss@{k}"] != 0 for k in judge.CUTOFFS) and 0 < compared["overlap@10"] < 1, compared
P
nightjar eval --bundle b.njb --users some.txt --history 1 --per-user short.jsonl >out 2>err
check "... overlap too" python3 - "$data/items.txt" <<'P'
import json
import math
import sys
import judge
users = judge.split("some.txt", set(open(sys.argv[1], encoding="utf-8").read().split()), 1)
compared = json.load(open("result.json"))["comparison"]
one, other = judge.lists("short.jsonl"), judge.lists("per-user.jsonl")
assert all(math.isclose(compared[f"overlap@{k}"], judge.overlap(users, one, other, k), abs_tol=1e-12) for k in judge.CUTOFFS)
P

expect_exit 0 '' -- nightjar eval --bundle b.njb --users some.txt
stdout_has '  122 judged'
stdout_has '  1 whose item the catalogue does not know'
stdout_has '  invalid   0 of 2440 recommended'
expect_exit 2 '--target is "train", must be test, validation or none' -- nightjar eval --bundle b.njb --users some.txt --target train
expect_exit 2 '--procs' -- nightjar eval --bundle b.njb --users some.txt --procs 257
printf 'a\nb kettle-01 none\n' >nobody.txt
expect_exit 65 'nobody.txt: nobody can be judged: of 2 users 1 have no item to hold out and 1 one that the catalogue does not know' -- \
    nightjar eval --bundle b.njb --users nobody.txt
expect_exit 74 'no/such/folder/x.jsonl' -- nightjar eval --bundle b.njb --users some.txt --per-user no/such/folder/x.jsonl
check "... before anything is decoded" test -z "$(grep users/s err)"

# A process that fails or is killed ends the others, and no figure is printed.
python3 - <<'P'
from forge import *
b = Bundle("b.njb")
w = b.sections["weights"]
begin = 8 + struct.unpack("<Q", w[:8])[0]
b.write("large.njb", weights=w[:begin] + floats([((i * 7919) % 13 - 6) * 1e10 for i in range((len(w) - begin) // 4)]))
P
for procs in 1 4; do
    expect_exit 1 "user \"again\": the model gives NaN or infinity" -- \
        nightjar eval --bundle large.njb --users some.txt --batch 2 --procs $procs
    check "... and prints nothing" test ! -s out
done
nightjar eval --bundle b.njb --users "$data/histories.txt" --kernels ref --batch 1 --procs 2 --per-user killed.jsonl >out 2>err &
eval=$!
child=
for ((i = 0; i < 500; i++)); do
    read -r child <"/proc/$eval/task/$eval/children" || true # it ends without a newline
    [[ -z $child ]] || break
    sleep 0.02
done
kill -KILL "$child"
code=0
wait $eval || code=$?
check "a killed process ends the evaluation" test $code -eq 1
stderr_has "process $child was ended by signal 9"
check "... and prints nothing" test ! -s out
expect_absent killed.jsonl killed.jsonl.tmp.*
done_testing
