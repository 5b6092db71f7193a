# A bundle that answers in words: rows have the text, in `decode` and in a night, and a night copies those whose users' words are the same.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
p5=$source_dir/tests/data/p5
nightjar bundle pack --model "$p5/model" --prompt "$p5/review.yaml" --items "$p5/items.tsv" --out b.njb >out 2>err
cp "$p5/review.users.jsonl" users.jsonl
users=$(wc -l <users.jsonl)
night=(nightjar run --bundle b.njb --users users.jsonl --store store --workers 1 --beam 4)
by_user() { python3 -c 'import json, sys; [print(json.dumps([r[k] for k in ("user", "items", "scores", "text")])) for r in sorted(map(json.loads, open(sys.argv[1])), key=lambda r: r["user"])]' "$1"; }
expect_exit 0 '' -- nightjar decode --bundle b.njb --users users.jsonl --beam 4
cp out decoded
cp out decoded.jsonl
check "every row is a text and nothing else" python3 -c '
import json
rows = [json.loads(line) for line in open("decoded")]
assert rows and all(set(r) == {"user", "items", "scores", "text"} and not r["items"] and r["text"] for r in rows), rows'
expect_exit 0 '' -- nightjar decode --bundle b.njb --users users.jsonl --beam 4 --batch 1 --cold-users fail
check "a user without a history is not cold where none is read, and the batch changes nothing" cmp -s out decoded

expect_exit 0 '' -- "${night[@]}"
nightjar store export --store store --to jsonl >night.jsonl
check "a night has the texts of decode" test "$(by_user night.jsonl)" = "$(by_user decoded)"
expect_exit 0 '' -- nightjar store verify --store store
check "the report counts answers and no empty list" python3 -c '
import glob, json
lengths = json.load(open(glob.glob("store/reports/*.json")[0]))["lists"]["lengths"]
assert lengths["texts"] > 0 and lengths["empty"] == 0, lengths'

# ---- the next night ----
python3 - <<'P'
import json
users = [json.loads(line) for line in open("users.jsonl")]
users[0]["text"] += " Good ."
users[1]["items"] = ["7"]
open("users.jsonl", "w").writelines(json.dumps(user) + "\n" for user in users)
print(users[0]["user"], users[1]["user"], users[2]["user"], sep="\n", file=open("names", "w"))
P
mapfile -t names <names
expect_exit 0 "$((users - 2)) users are copied from" -- "${night[@]}" --since current
for i in 0 1 2; do nightjar store get --store store "${names[i]}" >"row.$i"; done
check "who says something else, or has another history, is decoded again" bash -c '! grep -l copied row.0 row.1'
check "a copied row has its text" bash -c 'grep -q "\"copied\"" row.2 && grep -q "\"age\": 1, \"text\": \"" row.2'
valid decode decoded.jsonl store-get row.0 store-get row.2

# ---- users who do not say what is asked ----
printf '{"user": "a", "text": "t"}\n{"user": "b", "items": ["7"]}\n' >bad.jsonl
expect_exit 65 'bad.jsonl: line 2: user "b" has no "text", for which the bundle'"'"'s prompt has a place' -- \
    nightjar decode --bundle b.njb --users bad.jsonl
expect_exit 65 'line 2: user "b" has no "text"' -- nightjar run --bundle b.njb --users bad.jsonl --store other --workers 1
# One whose words are too many for the model goes without a row; all others have theirs.
{ cat users.jsonl; python3 -c 'print("{\"user\": \"long\", \"text\": \"" + "good story " * 600 + "\"}")'; } >long.jsonl
expect_exit 65 'user "long": his prompt has at least' -- nightjar decode --bundle b.njb --users long.jsonl --beam 4
expect_exit 3 'user "long" is quarantined' -- nightjar run --bundle b.njb --users long.jsonl --store third --workers 1 --beam 4 --quarantine-max 1
check "... and is named with the reason" grep -q '"user": "long", "reason": ".*shorten his text' "third/$(cat third/CURRENT)/QUARANTINED.jsonl"
nightjar store export --store third --to jsonl >third.jsonl
check "... and the others have their rows" test "$(wc -l <third.jsonl)" -eq "$users"
done_testing
