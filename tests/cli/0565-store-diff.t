# store diff counts users, lists and items of two generations, of which either may be a channel.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store
first=$generation
expect_exit 5 'HISTORY: names no earlier generation' -- nightjar store diff --store store
grep -v '^alma ' users.txt >fewer.txt
printf 'zoe %s\n' "$(grep '^alma ' users.txt | cut -d' ' -f2-)" >>fewer.txt
expect_exit 0 '' -- nightjar run --bundle b.njb --users fewer.txt --store store --workers 1 --top 3
second=$(<store/CURRENT)

expect_exit 0 '' -- nightjar store diff --store store --items 2 --json
stdout_is_valid store-diff
nightjar store export --store store --gen "$first" >a.jsonl 2>>setup.log
nightjar store export --store store --gen "$second" >b.jsonl 2>>setup.log
cat >naive.py <<'P'
import json, sys
a, b = ({r["user"]: r for r in map(json.loads, open(name))} for name in ("a.jsonl", "b.jsonl"))
said = json.load(open("out"))
both = a.keys() & b.keys()
same = [u for u in both if a[u]["items"] == b[u]["items"]]
identical = [u for u in both if a[u] == b[u]]
assert said["users"] == {"added": len(b.keys() - a.keys()), "removed": len(a.keys() - b.keys())} == {"added": 1, "removed": 1}
assert said["lists"]["changed"] == len(both) - len(same) > 0, said["lists"]
assert said["lists"]["identical"] + said["lists"]["rescored"] == len(same)
share = lambda p, q: len(set(p) & set(q)) / max(len(p), len(q)) if p or q else 1
overlap = sum(share(a[u]["items"][:10], b[u]["items"][:10]) for u in both) / len(both)
assert abs(said["overlap"] - overlap) < 1e-9, (said["overlap"], overlap)
count = lambda rows, item: sum(item in r["items"] for r in rows.values())
items = {i for rows in (a, b) for r in rows.values() for i in r["items"]}
assert said["items"]["count"] == len(items)
assert said["items"]["lost"] == sum(count(b, i) == 0 for i in items)
assert said["items"]["gained"] == sum(count(a, i) == 0 for i in items)
for m in said["items"]["more"] + said["items"]["less"]:
    assert m == {"item": m["item"], "from": count(a, m["item"]), "to": count(b, m["item"])}
falls = sorted((count(b, i) - count(a, i), i.encode()) for i in items)
assert [m["item"].encode() for m in said["items"]["less"]] == [i for d, i in falls if d < 0][:2]
P
check "a naive program counts the same" python3 naive.py
expect_exit 0 "canary names $first" -- nightjar store publish --store store --channel canary "$first"
expect_exit 0 '' -- nightjar store diff --store store --from current --to canary
stdout_has "from           $second"
stdout_has "to             $first"
stdout_has 'users          1 added, 1 removed'
expect_exit 0 '' -- nightjar store diff --store store --from "$first" --to canary --items 0
stdout_has 'lists          0 changed, 0 rescored, 20 identical'
stdout_has 'overlap@10     1.0000'
expect_exit 5 'has no channel "beta"' -- nightjar store diff --store store --to beta
expect_exit 65 "is no generation's name" -- nightjar store diff --store store --from Beta
expect_exit 2 '--k' -- nightjar store diff --store store --k 0
expect_exit 5 'missing: no such folder' -- nightjar store diff --store missing
done_testing
