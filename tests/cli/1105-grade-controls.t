# `nightjar grade --controls`: popular and co-visitation lists that nobody was shown, beside what was published, over the users who have both.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
head -n 120 "$data/histories.txt" >users.txt
expect_exit 0 '' -- nightjar run --bundle b.njb --users users.txt --store store --workers 1
nightjar store export --store store >rows.jsonl
python3 - <<'P'
import json
import random
random.seed(5)
rows = {row["user"]: row["items"] for row in map(json.loads, open("rows.jsonl", encoding="utf-8"))}
with open("events.csv", "w", encoding="utf-8") as out:
    out.write("user,item,timestamp\n")
    for line in open("users.txt", encoding="utf-8"):
        user, *past = line.split()
        for at, item in enumerate(past):
            out.write(f"{user},{item},{at}\n")
        next_item = random.choice(rows[user][:12]) if random.random() < 0.6 else random.choice(past or ["kettle-01"])
        out.write(f"{user},{next_item},1000\n")
P
controls() { # METHOD OPTION...: lists of the users who have a future, made of their past
    nightjar baseline "$1" --ids "$data/items.txt" --users events.csv --split time --from 1000 --top 20 --out "$1.jsonl" "${@:2}" 2>err
}
controls popularity
controls co-visitation --mask-history
head -n 70 popularity.jsonl >sample.jsonl
head -n 9 popularity.jsonl | sed 's/"user": "/"user": "not-/' >>sample.jsonl

# A sample is of the same users every time, and has what the whole has.
expect_exit 0 '' -- nightjar baseline popularity --ids "$data/items.txt" --users events.csv --split time --from 1000 --top 20 --sample 0.4 --json \
    --out small.jsonl
stdout_is_valid baseline
cp out small.json
nightjar baseline popularity --ids "$data/items.txt" --users users.txt --target none --sample 0.2 --out smaller.jsonl 2>err
check "... which follow from their ids alone" python3 - <<'P'
import hashlib
import json


def sampled(user, share):
    return int.from_bytes(hashlib.blake2b(b"sample\0" + user.encode(), digest_size=32).digest()[:8], "big") / 2**64 < share


lists = {name: [line for line in open(name + ".jsonl", encoding="utf-8")] for name in ("popularity", "small", "smaller")}
users = {name: [json.loads(line)["user"] for line in lines] for name, lines in lists.items()}
assert lists["small"] == [line for line in lists["popularity"] if sampled(json.loads(line)["user"], 0.4)]
assert users["smaller"] == [user for user in users["popularity"] if sampled(user, 0.2)]
assert 5 < len(users["smaller"]) < len(users["small"]) < 80
assert json.load(open("small.json"))["unsampled"] == 120 - len(users["small"])
P
expect_exit 2 'sample' -- nightjar baseline popularity --ids "$data/items.txt" --users users.txt --target none --sample 0 --out none.jsonl

grade() { # OPTION...
    nightjar grade --store store --events events.csv --from 1000 "$@"
}
expect_exit 0 '' -- grade --json --controls sample.jsonl,co-visitation.jsonl
stdout_is_valid grade
cp out grade.json
check "the figures of both, and their differences, are those of the users of both" python3 - <<'P'
import csv
import json
import math
rows = {row["user"]: row["items"] for row in map(json.loads, open("rows.jsonl", encoding="utf-8"))}
taken = {row["user"]: row["item"] for row in csv.DictReader(open("events.csv", encoding="utf-8")) if float(row["timestamp"]) >= 1000}
grade = json.load(open("grade.json", encoding="utf-8"))
assert [control["name"] for control in grade["controls"]] == ["sample.jsonl", "co-visitation.jsonl"]


def gain(name, items, item, k):
    rank = items.index(item) + 1 if item in items[:k] else 0
    return 0 if rank == 0 else {"hit": 1, "ndcg": 1 / math.log2(rank + 1), "mrr": 1 / rank}[name]


for control, other in zip(grade["controls"], (9, 0)):
    lists = {row["user"]: row["items"] for row in map(json.loads, open(control["name"], encoding="utf-8"))}
    users = [user for user in lists if user in taken]
    assert control["users"] == len(users) >= 70 and control["other_users"] == other == len(lists) - len(users), control
    for k in (1, 5, 10, 20):
        for name in ("hit", "ndcg", "mrr"):
            found = control["figures"][f"{name}@{k}"]
            published = sum(gain(name, rows[user], taken[user], k) for user in users) / len(users)
            silent = sum(gain(name, lists[user], taken[user], k) for user in users) / len(users)
            for key, wanted in (("published", published), ("control", silent), ("difference", published - silent)):
                assert abs(found[key]["value"] - wanted) < 1e-9, (name, k, key, found, wanted)
assert grade["controls"][0]["figures"]["hit@10"]["p"] < 0.01 < grade["controls"][0]["figures"]["hit@10"]["difference"]["low"], "nothing to see"
P
expect_exit 0 '' -- grade --controls sample.jsonl
stdout_has 'beside sample.jsonl, 70 users'

# Lists that may know the events are no control, and neither are lists of nobody.
before=$(digest_of store)
sed 's/from 1000/from 1001/' sample.jsonl >later.jsonl
sed 's/from 1000/test/' sample.jsonl >test.jsonl
sed 's/, "held_out": "from 1000"//' sample.jsonl >silent.jsonl
sed 's/from 1000/none/' sample.jsonl >none.jsonl
grep 'not-' sample.jsonl >nobody.jsonl
expect_exit 65 'may know the events' -- grade --controls later.jsonl
expect_exit 65 'may know the events' -- grade --controls test.jsonl
expect_exit 65 'may know the events' -- grade --controls silent.jsonl
expect_exit 0 '' -- grade --controls none.jsonl
expect_exit 65 'none of its 9 lists is of a user who is graded' -- grade --controls nobody.jsonl
expect_exit 2 'must be 1 to 8 paths' -- grade --controls 'sample.jsonl,'
expect_exit 5 '' -- grade --controls nowhere.jsonl
expect_untouched store "$before"
done_testing
