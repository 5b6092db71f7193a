# "candidates" of a user: he gets nothing else, whatever makes his list, in `decode` and in a night; and a night copies nobody whose candidates
# have changed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
head -n 41 "$data/histories.txt" | tail -n 40 >h.txt
cat >make.py <<'P'
import json
import sys
items = open(sys.argv[1]).read().split()
other = sys.argv[2:]  # a user whose candidates are others
with open("c.jsonl", "w") as out:
    for n, line in enumerate(open("h.txt")):
        user, *history = line.split()
        record = {"user": user, "items": history}
        if n % 4 != 3:
            record["candidates"] = [items[(7 * n + 37 * i + (user in other)) % len(items)] for i in range(3 + n)] + ["no-such-item"]
        if n % 8 == 1:
            record["items"] = []  # cold: the popular ones among his candidates
        if n % 8 == 2:
            record["exclude"] = record["candidates"][:2]
        out.write(json.dumps(record) + "\n")
    out.write('{"user": "none", "candidates": ["no-such-item"]}\n{"user": "nothing", "candidates": []}\n')
P
cat >judge.py <<'P'
import json
import sys
users = {u["user"]: u for u in map(json.loads, open("c.jsonl"))}
rows = [json.loads(line) for line in open(sys.argv[1])]
plain = {r["user"]: r for r in map(json.loads, open("plain"))}
assert len(rows) == len(users)
for row in rows:
    user = users[row["user"]]
    if "candidates" not in user:
        assert row == plain[row["user"]], row
        continue
    may = set(user["candidates"]) - set(user.get("items", [])) - set(user.get("exclude", [])) - {"no-such-item"}
    unpopular = 2 if "cold" in row.get("flags", []) else 0  # items that no history has stand in no popular list
    assert set(row["items"]) <= may and len(row["items"]) >= min(len(may), 20) - unpopular, (row, may)
    assert ("short" in row.get("flags", [])) == (len(row["items"]) < 20), row
P
python3 make.py "$data/items.txt"
expect_exit 0 '' -- decode h.txt
cp out plain
expect_exit 0 'c.jsonl: 2 users have no candidate that the catalogue knows, and get empty lists' -- decode c.jsonl
cp out few
check "every list keeps to its user's candidates, and has all of them that he may get" python3 judge.py few
expect_exit 0 '' -- decode c.jsonl --batch 1 --without same-history
check "... whatever the batch" cmp -s out few
expect_exit 0 '' -- decode c.jsonl --keep-history --cold-users skip
check "skipped are those without a known item" python3 -c '
import json
skipped = {u["user"] for u in map(json.loads, open("c.jsonl")) if not u.get("items")}
assert len(skipped) > 5 and {r["user"] for r in map(json.loads, open("out"))} == {u["user"] for u in map(json.loads, open("c.jsonl"))} - skipped'

# ---- a night ----
night=(nightjar run --bundle b.njb --users c.jsonl --store store --workers 1)
by_user() { python3 -c 'import json, sys; [print(json.dumps([r[k] for k in ("user", "items", "scores")])) for r in sorted(map(json.loads, open(sys.argv[1])), key=lambda r: r["user"])]' "$1"; }
expect_exit 0 '' -- "${night[@]}"
nightjar store export --store store --to jsonl >night.jsonl
check "a night has the lists of decode" test "$(by_user night.jsonl)" = "$(by_user few)"
read -r changed kept < <(python3 -c 'import json; c = [u["user"] for u in map(json.loads, open("c.jsonl")) if len(u.get("candidates", [])) > 5]; print(c[4], c[5])')
python3 make.py "$data/items.txt" "$changed"
expect_exit 0 '41 users are copied from' -- "${night[@]}" --since current
expect_exit 0 '' -- nightjar store get --store store "$changed"
check "who has other candidates is decoded again" bash -c '[[ $(cat out) != *copied* ]]'
expect_exit 0 '' -- nightjar store get --store store "$kept"
stdout_has '"copied"'
stdout_is_valid store-get

# ---- files that are wrong ----
refuse() { # SAYS LINE
    printf '{"user": "a", "items": []}\n%s\n' "$2" >bad.jsonl
    expect_exit 65 "bad.jsonl: line 2: $1" -- decode bad.jsonl
}
refuse 'column 29: "candidates" is not a list' '{"user": "b", "candidates": "x"}'
refuse 'item "" is empty' '{"user": "b", "candidates": [""]}'
refuse 'column 23: expected text in quotes' '{"user": "b", "text": 4}'
refuse 'has no "items"' '{"user": "b"}'
python3 -c 'print("{\"user\": \"b\", \"text\": \"" + "t" * 16385 + "\"}")' >long.jsonl
expect_exit 65 'line 1: "text" has 16385 bytes, at most 16384' -- decode long.jsonl
printf '{"user": "a", "text": "t"}\n' >text.jsonl
expect_exit 0 "text.jsonl: 1 users have a text, for which the bundle's prompt has no place" -- decode text.jsonl
done_testing
