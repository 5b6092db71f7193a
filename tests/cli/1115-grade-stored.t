# `run --controls`: popular and co-visitation lists of a sample are kept with the night, are those of `nightjar baseline`, and are what `grade` compares with.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
head -n 100 "$data/histories.txt" >users.txt
night() { # OPTION...
    nightjar run --bundle b.njb --users users.txt --store store --workers 1 --gate-users off "$@"
}
expect_exit 2 'must be a share of the users above 0 to 100%' -- night --controls 101%
for odd in 0 -1 1.5 0.0 % . 1e99 100001 2000users '1%%' nan ''; do
    expect_exit 2 'must be a share of the users' -- night --controls "$odd"
done
expect_absent store
expect_exit 0 'control lists of' -- night --controls 40%
generation=$(<store/CURRENT)
expect_exit 0 '' -- nightjar store verify --store store

controls() { # METHOD
    nightjar baseline "$1" --ids "$data/items.txt" --users users.txt --target none --mask-history --top 20 --sample 0.4 --out "$1.jsonl" 2>err
}
controls popularity
controls co-visitation
check "what is kept is what nightjar baseline makes of the same users" python3 - <<'P'
import glob
import json
head, *lines, end = map(json.loads, open(glob.glob("store/gen-*/CONTROLS.jsonl")[0], encoding="utf-8"))
assert head == {"version": 1, "top": 20} and end["users"] == len(lines) and 20 < len(lines) < 60, (head, len(lines))
for key, name in (("popular", "popularity"), ("co-visitation", "co-visitation")):
    wanted = {row["user"]: row["items"] for row in map(json.loads, open(name + ".jsonl", encoding="utf-8"))}
    found = {row["user"]: row[key] for row in lines}
    assert found == wanted, next((u, found[u], wanted.get(u)) for u in found if found[u] != wanted.get(u))
P

nightjar store export --store store >rows.jsonl
python3 - <<'P'
import json
import random
random.seed(3)
with open("events.csv", "w", encoding="utf-8") as out:
    out.write("user,item,timestamp\n")
    for row in map(json.loads, open("rows.jsonl", encoding="utf-8")):
        out.write(f"{row['user']},{random.choice(row['items'][:15]) if row['items'] and random.random() < 0.6 else 'kettle-01'},1000\n")
P
grade() { # OPTION...
    nightjar grade --store store --events events.csv --from 1000 --gen "$generation" "$@"
}
expect_exit 0 '' -- grade --json
stdout_is_valid grade
cp out stored.json
expect_exit 0 '' -- grade --json --controls popularity.jsonl,co-visitation.jsonl
cp out given.json
check "grade compares with them unasked, as with the same lists of files" python3 - <<'P'
import json
stored, given = (json.load(open(name + ".json"))["controls"] for name in ("stored", "given"))
assert [c["name"] for c in stored] == ["popular", "co-visitation"] and all(c["stored"] for c in stored) and not any(c["stored"] for c in given)
for a, b in zip(stored, given):
    assert a["users"] > 10 and {k: a[k] for k in a if k not in ("name", "stored")} == {k: b[k] for k in b if k not in ("name", "stored")}, (a, b)
P
expect_exit 0 '' -- grade
stdout_has 'beside co-visitation'
expect_exit 0 '' -- grade --controls none
stdout_has 'no lists to compare with were kept'

# A night of other rules: what nobody may get is in no list either. So many users are those of the least places.
printf 'kettle-01\nkettle-02\n' >deny.txt
expect_exit 0 'control lists of 7 users' -- night --controls 7 --deny deny.txt --top 3
check "lists follow the night's masks and length; fewer users are some of the more" python3 - <<'P'
import glob
import json
first, second = (list(map(json.loads, open(path, encoding="utf-8"))) for path in sorted(glob.glob("store/gen-*/CONTROLS.jsonl")))
assert {row["user"] for row in second[1:-1]} < {row["user"] for row in first[1:-1]} and len(second) == 9
assert any("kettle-01" in row["popular"] for row in first[1:-1])
for row in second[1:-1]:
    for key in ("popular", "co-visitation"):
        assert 0 < len(row[key]) <= 3 and not {"kettle-01", "kettle-02"} & set(row[key]), row
P

# ... and what single users exclude or are candidates for.
python3 - <<'P'
import json
with open("users.jsonl", "w", encoding="utf-8") as out:
    for number, line in enumerate(open("users.txt", encoding="utf-8")):
        user, *past = line.split()
        more = {"exclude": ["kettle-03"]} if number % 2 else {"candidates": ["kettle-01", "kettle-03", "kettle-04"]}
        out.write(json.dumps({"user": user, "items": past} | more) + "\n")
P
expect_exit 0 'control lists of' -- nightjar run --bundle b.njb --users users.jsonl --store single --workers 1 --controls 100%
check "lists follow exclusions, candidates and histories" python3 - <<'P'
import glob
import json
lists = {row["user"]: row for row in list(map(json.loads, open(glob.glob("single/gen-*/CONTROLS.jsonl")[0], encoding="utf-8")))[1:-1]}
users = list(map(json.loads, open("users.jsonl", encoding="utf-8")))
assert set(lists) == {user["user"] for user in users}
for user in users:
    for key in ("popular", "co-visitation"):
        items = set(lists[user["user"]][key])
        assert not items & (set(user["items"]) | set(user.get("exclude", []))), (user, items)
        if "candidates" in user:
            assert items == set(user["candidates"]) - set(user["items"]), (user, items)
        else:
            assert len(items) == 20, items
P

# Damage is seen, and need not stop the grade.
sed -i '2s/"popular": \["/"popular": ["x/' "store/$generation/CONTROLS.jsonl"
expect_exit 4 'digest is not that of the lines before' -- nightjar store verify --store store --gen "$generation"
expect_exit 4 '--controls none grades without: ' -- grade
expect_exit 0 '' -- grade --controls none
done_testing
