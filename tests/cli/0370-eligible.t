# --eligible, --deny, --groups and excluded items: nobody gets what he must not get, lists are full where they can be, files that are
# wrong are refused by name and line.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
head -n 40 "$data/histories.txt" >h.txt
printf 'cold\n' >>h.txt
sed -n '1~3p' "$data/items.txt" >third.txt
sed -n '2~2p' "$data/items.txt" >half.txt
grep -vxFf third.txt "$data/items.txt" >rest.txt

lists() { # PYTHON: of the rows of the last command, and of sets made from files
    python3 - "$1" <<'P'
import json
import sys
rows = [json.loads(line) for line in open("out")]
def ids(name):
    return set(open(name).read().split("\n")) - {""}
histories = {line.split()[0]: set(line.split()[1:]) for line in open("h.txt")}
assert eval(sys.argv[1]), [len(row["items"]) for row in rows]
P
}
expect_exit 0 '' -- decode h.txt
cp out plain
expect_exit 0 'eligible: 184 of 552 items, 0 groups' -- decode h.txt --eligible third.txt
cp out eligible
check "lists are full and have eligible items alone" lists \
    'len(rows) == 41 and all(len(r["items"]) == 20 and set(r["items"]) <= ids("third.txt") - histories[r["user"]] for r in rows)'
expect_exit 0 'eligible: 184 of 552 items' -- decode h.txt --deny rest.txt
check "to deny the others is the same" cmp -s out eligible
expect_exit 0 '' -- decode h.txt --deny /dev/null
check "to deny nothing changes nothing" cmp -s out plain

# Where the search covers everything, the mask only leaves out.
cat >narrow.py <<'P'
import json
import sys
allowed = set(open(sys.argv[1]).read().split("\n"))
rows = [line for line in open("eligible")]
full = [json.loads(line) for line in open("wide")]
for row, wide in zip(map(json.loads, rows), full):
    kept = [(i, s) for i, s in zip(wide["items"], wide["scores"]) if i in allowed]
    assert list(zip(row["items"], row["scores"])) == kept[: len(row["items"])], row["user"]
P
expect_exit 0 '' -- decode h.txt --top 552 --beam 552 --cold-users skip
cp out wide
expect_exit 0 '' -- decode h.txt --eligible third.txt --beam 552 --cold-users skip
cp out eligible
check "a search of everything gives the same in the same order" python3 narrow.py third.txt

# Few are left: short lists, flagged as ever.
head -n 3 "$data/items.txt" >three.txt
expect_exit 0 'eligible: 3 of 552 items' -- decode h.txt --eligible three.txt
check "three items, less those of the history" lists \
    'all(r["user"] == "cold" or set(r["items"]) == ids("three.txt") - histories[r["user"]] for r in rows)'
check "and short lists are flagged" lists 'all("short" in r["flags"] for r in rows)'

# Groups, from a file of users or from the histories themselves.
python3 - "$data/items.txt" <<'P'
import json
import sys
ids = open(sys.argv[1]).read().split("\n")[:-1]
with open("groups.jsonl", "w") as f:
    print(json.dumps({"group": "de", "items": ids[::3]}), file=f)
    print(json.dumps({"group": "kids", "deny": ids[1::2]}), file=f)
names = {0: "de", 1: "kids"}
with open("ug.csv", "w") as f, open("h.jsonl", "w") as h:
    print("user,group", file=f)
    for n, line in enumerate(open("h.txt")):
        user, *items = line.split()
        record = {"user": user, "items": items}
        if n % 3 in names:
            record["group"] = names[n % 3]
            print(f"{user},{names[n % 3]}", file=f)
        print(json.dumps(record), file=h)
P
expect_exit 0 'eligible: 184 items for group "de"' -- decode h.txt --groups groups.jsonl --user-groups ug.csv
stderr_has 'h.txt: 28 users are in a group, 13 in none'
check "each gets what his group may" lists \
    'all(set(r["items"]).isdisjoint(ids("half.txt")) if n % 3 == 1 else n % 3 == 2 or set(r["items"]) <= ids("third.txt") for n, r in enumerate(rows))'
check "who is in none gets what he got" lists \
    'all(r == p for n, (r, p) in enumerate(zip(rows, map(json.loads, open("plain")))) if n % 3 == 2)'
cp out grouped
expect_exit 0 '' -- decode h.jsonl --groups groups.jsonl
check "the key \"group\" says the same" cmp -s out grouped
expect_exit 0 'h.jsonl: 28 users name a group, which means nothing without --groups' -- decode h.jsonl
check "... and nothing without --groups" cmp -s out plain

# Items that a user must not get, his own list of them.
python3 - <<'P'
import json
rows = [json.loads(line) for line in open("plain")]
with open("x.jsonl", "w") as f:
    for line, row in zip(open("h.jsonl"), rows):
        record = {k: v for k, v in json.loads(line).items() if k != "group"}
        print(json.dumps(record | {"exclude": row["items"][:5] + ["no-such-item"]}), file=f)
P
expect_exit 0 '' -- decode x.jsonl
check "excluded items are in no list, the cold user's neither" lists \
    'all(len(r["items"]) == 20 and set(r["items"]).isdisjoint(p["items"][:5]) for r, p in zip(rows, map(json.loads, open("plain"))))'

# What is wrong is refused before anything is decoded.
printf 'verger-03\nnope\n' >bad.txt
expect_exit 65 'bad.txt: line 2: item "nope" is not in the catalogue' -- decode h.txt --eligible bad.txt
expect_exit 65 'bad.txt: line 2: item "nope" is not in the catalogue' -- decode h.txt --deny bad.txt
expect_exit 0 '1 ids of --eligible, --deny and --groups are not in the catalogue' -- \
    decode h.txt --deny bad.txt --unknown-items skip
expect_exit 2 '--unknown-items is "maybe"' -- decode h.txt --deny bad.txt --unknown-items maybe
expect_exit 5 'gone.txt' -- decode h.txt --deny gone.txt
expect_exit 65 'no item is left that could be recommended' -- decode h.txt --deny "$data/items.txt"
expect_exit 65 'group "de": no item is left' -- decode h.txt --deny third.txt --groups groups.jsonl
expect_exit 65 'h.jsonl: line 2: user "' -- decode h.jsonl --groups <(head -n 1 groups.jsonl)
stderr_has 'is in the group "kids", which --groups does not have'
expect_exit 65 'line 2: user "x" is in the group "nl", which --groups does not have' -- \
    decode h.txt --groups groups.jsonl --user-groups <(printf 'user,group\nx,nl\n')
expect_exit 65 'is in the group "de", --user-groups has another one for him' -- \
    decode h.jsonl --groups groups.jsonl --user-groups <(printf 'user,group\n%s,kids\n' "$(head -n 1 h.txt | cut -d ' ' -f 1)")
expect_exit 2 '--user-groups goes with --groups' -- decode h.txt --user-groups ug.csv
for nobody in '' 'user,group\n'; do # as an export that failed leaves it: no user gets free of his group by it
    printf "$nobody" >nobody.csv
    expect_exit 65 'nobody.csv: names no user' -- decode h.txt --groups groups.jsonl --user-groups nobody.csv
done
expect_exit 2 'only one file can be standard input, 2 are' -- decode - --eligible -
expect_exit 65 'line 1: column 39: "exclude" is not a list' -- decode <(printf '{"user": "u", "items": [], "exclude": 7}') --format jsonl
expect_exit 65 'no item is left' -- nightjar run --bundle b.njb --users h.txt --store store --deny "$data/items.txt"
expect_absent store

# eval asks with the same options.
expect_exit 0 'eligible: 184 of 552 items' -- nightjar eval --bundle b.njb --users h.txt --eligible third.txt --json
check "and nothing else is recommended" python3 -c '
import json
model = json.load(open("out"))["models"][0]
assert model["recommended"] == 20 * model["users"] and model["invalid"] == 0'
done_testing
