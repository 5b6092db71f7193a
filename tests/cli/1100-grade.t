# `nightjar grade`: published lists against the events that came since, as an independent computation over `store export` has them.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
head -n 150 "$data/histories.txt" >users.txt
expect_exit 0 '' -- nightjar run --bundle b.njb --users users.txt --store store --workers 1
generation=$(<store/CURRENT)

# Every user's history lies before 1000. Since then some take what stands in their list, some what does not, some nothing, and some are nobody's.
expect_exit 0 '' -- nightjar store export --store store
cp out rows.jsonl
python3 - <<'P'
import json
import random
random.seed(3)
rows = [json.loads(line) for line in open("rows.jsonl", encoding="utf-8")]
past = {line.split()[0]: line.split()[1:] for line in open("users.txt", encoding="utf-8")}
with open("events.csv", "w", encoding="utf-8") as out, open("groups.csv", "w", encoding="utf-8") as groups:
    out.write("user,item,timestamp\n")
    groups.write("user,group\n")
    for number, row in enumerate(rows):
        events = [(item, at) for at, item in enumerate(past[row["user"]])]
        for later in range(number % 4):
            near = row["items"] and random.random() < 0.4
            events.append((random.choice(row["items"]) if near else f"unlisted-{later}", 1000 + later))
        if number % 7 == 0 and past[row["user"]]:
            events.append((past[row["user"]][0], 999.5 if number % 14 else 1000.5))
        for item, at in events:
            out.write(f"{row['user']},{item},{at}\n")
        if number % 3:
            groups.write(f"{row['user']},{'even' if number % 2 == 0 else 'odd'}\n")
    out.write("stranger,kettle-01,1001\n")
P

cat >counted.py <<'P'
"""The grade of rows.jsonl and events.csv, counted user by user: next item, any item, by kind, group and age."""
import csv
import json
import math
import sys
events, groups, until = {}, {}, float(sys.argv[1])
for row in csv.DictReader(open("events.csv", encoding="utf-8")):
    events.setdefault(row["user"], []).append((float(row["timestamp"]), row["item"]))
for row in csv.DictReader(open("groups.csv", encoding="utf-8")):
    groups[row["user"]] = row["group"]
rows = {row["user"]: row for row in map(json.loads, open("rows.jsonl", encoding="utf-8"))}
grade = json.load(open("grade.json", encoding="utf-8"))
users = []
for user, all_events in events.items():
    all_events.sort(key=lambda event: event[0])
    since = [item for at, item in all_events if 1000 <= at < until]
    before = [item for at, item in all_events if at < 1000]
    if since and user in rows:
        items, flags = rows[user]["items"], rows[user].get("flags", [])
        ranks = [items.index(item) + 1 for item in since if item in items]
        users.append({"next": items.index(since[0]) + 1 if since[0] in items else 0, "any": min(ranks, default=0), "again": since[0] in before,
                      "kind": "copied" if "copied" in flags else "decoded", "cold": "cold" if "cold" in flags else "history",
                      "age": str(rows[user].get("age", 0)), "group": groups.get(user)})
assert grade["users"]["graded"] == len(users) > 60, (grade["users"], len(users))
assert grade["users"]["without_row"] == (until > 1001) and grade["users"]["repeated_item"] == sum(user["again"] for user in users) > 0


def same(figures, members):
    for k in (1, 5, 10, 20):
        wanted = {"hit": [0 < u["next"] <= k for u in members], "any_hit": [0 < u["any"] <= k for u in members],
                  "ndcg": [1 / math.log2(u["next"] + 1) if 0 < u["next"] <= k else 0 for u in members],
                  "mrr": [1 / u["next"] if 0 < u["next"] <= k else 0 for u in members]}
        for name, values in wanted.items():
            found = figures[f"{name}@{k}"]
            assert abs(found["value"] - sum(values) / len(members)) < 1e-9, (name, k, found, sum(values) / len(members))
            assert found["low"] is None or found["low"] <= found["value"] <= found["high"], found


same(grade["figures"], users)
seen = {}
for part in grade["slices"]:
    members = [user for user in users if user[part["by"]] == part["slice"]]
    assert part["users"] == len(members) and part["small"] == (len(members) < 30), part
    same(part["figures"], members)
    seen.setdefault(part["by"], set()).add(part["slice"])
for by in ("kind", "cold", "age"):
    assert seen[by] == {user[by] for user in users}, seen
assert seen.get("group", set()) == ({"even", "odd"} if len(sys.argv) > 2 else set()), seen
assert 0 < grade["figures"]["hit@10"]["value"] < 1, "nothing to see"
P

grade() { # OPTION...
    nightjar grade --store store --events events.csv --from 1000 --json "$@"
}
expect_exit 0 '' -- grade --user-groups groups.csv
cp out grade.json
stdout_is_valid grade
check "figures, slices and counts are those of the rows and events" python3 counted.py inf groups
expect_exit 0 '' -- grade --until 1001
cp out grade.json
check "... and of the events before --until" python3 counted.py 1001
expect_exit 0 '' -- nightjar grade --store store --gen "$generation" --events events.csv --from 1000
stdout_has 'Warning: users saw these lists'

# What was copied is told apart.
expect_exit 0 '' -- nightjar run --bundle b.njb --users users.txt --store store --workers 1 --since current
nightjar store export --store store >rows.jsonl
expect_exit 0 '' -- grade
cp out grade.json
check "copied rows are of one night before" python3 -c '
import json
parts = {(part["by"], part["slice"]): part["users"] for part in json.load(open("grade.json"))["slices"]}
assert parts["kind", "copied"] == parts["age", "1"] > 0, parts'
check "... with the figures of their rows" python3 counted.py inf

# As a gate.
expect_exit 0 '' -- grade --hold-if 'hit@10<0.01,any_hit@20<0.01'
expect_exit 4 'surely below 0.99' -- grade --hold-if 'ndcg@5<0.0001,hit@10<0.99'
stdout_has '"holds": true'
expect_exit 0 '' -- grade --hold-if "hit@10<$(python3 -c '
import json
print(json.load(open("grade.json"))["figures"]["hit@10"]["value"] + 0.001)')"
expect_exit 2 'has "hit@11<0.1", must be' -- grade --hold-if 'hit@11<0.1'
expect_exit 2 'has "hit@10<2", must be' -- grade --hold-if 'hit@10<2'
expect_exit 2 'must be' -- grade --hold-if 'hit@10<0.1,'

# By default events count from the making of the generation on, in seconds.
user=$(python3 -c 'import json; print(json.loads(next(open("rows.jsonl")))["user"])')
printf 'user,item,timestamp\n%s,kettle-01,%s\n' "$user" "$(date +%s.%N)" >now.csv
expect_exit 0 '' -- nightjar grade --store store --events now.csv --json
stdout_has '"graded": 1'

# Bad input changes nothing.
before=$(digest_of store)
printf 'user,item,timestamp\n%s,kettle-01,%s\n' "$user" $(($(date +%s) + 86400)) >future.csv
printf 'user,item,timestamp\n%s,kettle-01,%s000\n' "$user" "$(date +%s)" >milliseconds.csv
printf 'user,item\n%s,kettle-01\n' "$user" >timeless.csv
printf 'user,item,timestamp\nstranger,kettle-01,1001\n' >strangers.csv
printf 'user,group\n%s,a\n%s,b\n' "$user" "$user" >twice.csv
expect_exit 65 'which is the future' -- nightjar grade --store store --events future.csv
expect_exit 65 'times are not in seconds' -- nightjar grade --store store --events milliseconds.csv
expect_exit 65 'timestamp' -- nightjar grade --store store --events timeless.csv
expect_exit 65 'has a row for none of them' -- nightjar grade --store store --events strangers.csv --from 1000
expect_exit 65 'stands in the file twice' -- grade --user-groups twice.csv
expect_exit 75 'the events are late' -- nightjar grade --store store --events events.csv
expect_exit 2 'must be behind the first moment' -- grade --until 1000
expect_exit 5 '' -- nightjar grade --store nowhere --events events.csv
expect_exit 5 '' -- nightjar grade --store store --events nowhere.csv
expect_untouched store "$before"
done_testing
