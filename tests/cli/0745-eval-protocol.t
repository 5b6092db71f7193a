# What is judged and on what: time splits, nights of the past, shuffled ties, histories kept and masked, and lists that say what they lack.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

# 40 users' histories as events in no order: seconds around 2024-05-01, three to a moment, the first item bought again at the end.
cat >forge_events.py <<'P'
import json, random, sys
random.seed(5)
rows = []
for n, line in enumerate(open(sys.argv[1], encoding="utf-8")):
    user, *items = line.split()
    if 2 < n < 43 and items:
        start = 1714521600 + random.randrange(-5, 2) * 10
        rows += [(user, item, start + 10 * (i // 3)) for i, item in enumerate(items[:12] + items[:1])]
random.shuffle(rows)
open("events.csv", "w").write("user,item,timestamp\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows))
random.shuffle(rows)
open("again.csv", "w").write("user,item,timestamp\n" + "".join(f"{u},{i},{t}\n" for u, i, t in rows))
P
python3 forge_events.py "$data/histories.txt"
cat >protocol.py <<'P'
import collections, csv, json
T = 1714521600
def histories(path="events.csv"):
    """user -> [(time, line, item)] in the order of first lines; ties by line."""
    users = collections.OrderedDict()
    for line, row in enumerate(csv.DictReader(open(path))):
        users.setdefault(row["user"], []).append((int(row["timestamp"]), line, row["item"]))
    return {user: sorted(events) for user, events in users.items()}
def split(start=T, end=None):
    """Judged users: (user, input, target)."""
    out = []
    for user, events in histories().items():
        before = [item for time, _, item in events if time < start]
        behind = [(time, item) for time, _, item in events if time >= start]
        if behind and (end is None or behind[0][0] < end):
            out.append((user, before, behind[0][1]))
    return out
def rows(path):
    return {row["user"]: row for row in map(json.loads, open(path, encoding="utf-8"))}
def rank(items, target):
    return items.index(target) + 1 if target in items else None
P

evaluate() { # OPTION...: eval as JSON
    expect_exit 0 '' -- nightjar eval --bundle b.njb --json "$@"
    cp out result.json
}

# ---- a time split, and a night of the past ----
evaluate --users events.csv --split time --from 2024-05-01 --per-user time.jsonl --top 10
python3 -c '
import json, protocol
with open("inputs.jsonl", "w") as out:
    for user, items, _ in protocol.split():
        out.write(json.dumps({"user": user, "items": items}) + "\n")'
nightjar decode --bundle b.njb --users inputs.jsonl --top 10 >plain.jsonl 2>err
check "a time split judges the first event from then on, with what was before" python3 -c '
import json, judge, protocol
result, users = json.load(open("result.json")), protocol.split()
judge.same(result["models"][0], judge.metrics(users, judge.lists("plain.jsonl"), 10))
assert (result["split"], result["target"]) == ("time", "from 1714521600"), result
assert result["users"]["judged"] == len(users) > 20 and result["users"]["without_item"] == len(protocol.histories()) - len(users) > 0
assert result["users"]["cold"] == sum(not items for _, items, _ in users) > 0'
check "... and says of each user what slices are made by" python3 -c '
import collections, protocol
popular = collections.Counter(item for events in protocol.histories().values() for time, _, item in events if time < protocol.T)
rows = protocol.rows("time.jsonl")
for user, items, target in protocol.split():
    row = rows[user]
    assert (row["target"], row["history"], row["popularity"]) == (target, len(items), popular[target]), row
    assert row["cold"] == (popular[target] == 0) and row["held_out"] == "from 1714521600", row
    assert "score" in row or row["rank"] is None or row["history"] == 0, row
assert {row["cold"] for row in rows.values()} == {True, False}'
evaluate --users events.csv --split time --from 1714521600 --until 2024-05-01T00:00:10 --top 10
check "--until ends what is held out" python3 -c '
import json, judge, protocol
users = protocol.split(end=protocol.T + 10)
assert json.load(open("result.json"))["users"]["judged"] == len(users) < len(protocol.split())
judge.same(json.load(open("result.json"))["models"][0], judge.metrics(users, judge.lists("plain.jsonl"), 10))'

nightjar decode --bundle b.njb --users events.csv --as-of 2024-05-01 --top 10 >as-of.jsonl 2>err
check "decode --as-of reads what was before, of whom there was something" python3 -c '
import protocol
past, plain = protocol.rows("as-of.jsonl"), protocol.rows("plain.jsonl")
known = {user for user, events in protocol.histories().items() if events[0][0] < protocol.T}
assert past.keys() == known and known & plain.keys() and plain.keys() - known
assert all(past[user]["items"] == plain[user]["items"] for user in known & plain.keys())
assert {row["held_out"] for row in past.values()} == {"from 1714521600"}'
nightjar run --bundle b.njb --users events.csv --as-of 1714521600 --top 10 --store store --workers 1 >out 2>err
nightjar store export --store store >export.jsonl 2>err
check "so does a night" python3 -c '
import protocol
a, b = protocol.rows("as-of.jsonl"), protocol.rows("export.jsonl")
assert a.keys() == b.keys() and all(a[user]["items"] == b[user]["items"] for user in a)'
nightjar bundle pack --model "$data/model" --catalogue cat --histories events.csv --as-of 2024-05-01 --out past.njb >out 2>err
nightjar decode --bundle past.njb --users <(echo nobody) --format sequence --top 3 >popular.jsonl 2>err
check "the popular list of a night of the past knows nothing of what sold later" python3 -c '
import collections, protocol
items = [line.rstrip("\n") for line in open("'"$data"'/items.txt", encoding="utf-8")]
popular = collections.Counter(item for events in protocol.histories().values() for time, _, item in events if time < protocol.T)
assert protocol.rows("popular.jsonl")["nobody"]["items"] == sorted(popular, key=lambda i: (-popular[i], items.index(i)))[:3]'

# ---- lists say what they lack ----
expect_exit 0 '' -- nightjar eval --bundle b.njb --users events.csv --split time --from 2024-05-01 --lists time.jsonl,as-of.jsonl
check "... without a warning where they do" test -z "$(grep warning err)"
expect_exit 65 'time.jsonl: line 1: the list of user "' -- nightjar eval --bundle b.njb --users events.csv --lists time.jsonl
stderr_has 'was made for "from 1714521600", and "test" is judged'
expect_exit 65 'and "from 1714521601" is judged' -- \
    nightjar eval --bundle b.njb --users events.csv --split time --from 1714521601 --against as-of.jsonl --lists plain.jsonl
expect_exit 0 "plain.jsonl: $(wc -l <plain.jsonl) of $(wc -l <plain.jsonl) lists do not say what they were made without" -- \
    nightjar eval --bundle b.njb --users events.csv --split time --from 1714521600 --lists plain.jsonl
evaluate --users events.csv --target validation --per-user validation.jsonl
expect_exit 65 'was made for "validation", and "test" is judged' -- nightjar eval --bundle b.njb --users events.csv --lists validation.jsonl

# ---- ties ----
evaluate --users events.csv --tie-seed 3 --per-user ties.jsonl
cp result.json ties.json
evaluate --users again.csv --tie-seed 3 --per-user again.jsonl
check "shuffled ties do not depend on the order of the file" python3 -c '
import json, protocol
assert protocol.rows("ties.jsonl") == protocol.rows("again.jsonl")
metrics = lambda path: {k: v for k, v in json.load(open(path))["models"][0].items() if "recall" in k}
assert metrics("ties.json") == metrics("result.json")'
evaluate --users events.csv --tie-seed 4 --per-user other.jsonl
evaluate --users events.csv --per-user lines.jsonl
check "... but on the seed, and without one it is the last line that is held out" python3 -c '
import protocol
one, other, lines = (protocol.rows(name + ".jsonl") for name in ("ties", "other", "lines"))
assert sum(one[user]["target"] != other[user]["target"] for user in one) > 5
assert all(lines[user]["target"] == events[-1][2] for user, events in protocol.histories().items())'
expect_exit 65 'was made for "test; ties 3", and "test; ties 4" is judged' -- \
    nightjar eval --bundle b.njb --users events.csv --tie-seed 4 --lists ties.jsonl

# ---- kept and masked ----
# Most users must not get nearly all that narrow beams reach, so that a list as deep as the beams needs a wider search than a night's.
nightjar decode --bundle b.njb --users events.csv --beam 120 --top 120 --keep-history >wanted.jsonl 2>err
python3 -c '
import json, protocol
wanted = protocol.rows("wanted.jsonl")
with open("masked.jsonl", "w") as out, open("cut.jsonl", "w") as cut:
    for n, (user, events) in enumerate(protocol.histories().items()):
        items, never = [item for _, _, item in events], wanted[user]["items"][1:] if n % 4 else []
        out.write(json.dumps({"user": user, "items": items, "exclude": never}) + "\n")
        cut.write(json.dumps({"user": user, "items": items[:-1], "exclude": never}) + "\n")'
for options in '--beam 6 --top 2' '--beam 60 --top 20' '--beam 30 --top 20 --procs 3'; do
    evaluate --users masked.jsonl $options --per-user both.jsonl
    nightjar decode --bundle b.njb --users cut.jsonl ${options% --procs 3} >masked-lists.jsonl 2>err
    nightjar decode --bundle b.njb --users cut.jsonl ${options% --procs 3} --keep-history >kept-lists.jsonl 2>err
    check "both ranks are those of a night's lists ($options)" python3 -c '
import protocol
both, kept, masked = (protocol.rows(name + ".jsonl") for name in ("both", "kept-lists", "masked-lists"))
for user, row in both.items():
    assert row["items"] == masked[user]["items"], row
    assert row["rank"] == row["rank_masked"] == protocol.rank(masked[user]["items"], row["target"]), row
    assert row["rank_kept"] == protocol.rank(kept[user]["items"], row["target"]), row
assert "top 2" in "'"$options"'" or any(row["rank_kept"] and not row["rank_masked"] for row in both.values()), "bought again"
assert any(kept[user]["items"] != masked[user]["items"] for user in both)'
    evaluate --users masked.jsonl $options --keep-history --per-user kept.jsonl
    check "... whichever was asked for" python3 -c '
import protocol
both, kept, lists = (protocol.rows(name + ".jsonl") for name in ("both", "kept", "kept-lists"))
for user, row in kept.items():
    assert row["items"] == lists[user]["items"] and row["rank"] == row["rank_kept"] == both[user]["rank_kept"], row
    assert row["rank_masked"] == both[user]["rank_masked"], row'
done

# The lists of others: the masked one is what is left, and that it is short is said.
printf '%s\n' 'u1 kettle-01 kettle-02 kettle-03' 'u2 kettle-02 kettle-04' >h.txt
printf '%s\n' '{"user": "u1", "items": ["kettle-01", "kettle-05", "kettle-03"], "held_out": "test"}' \
    '{"user": "u2", "items": ["kettle-05", "kettle-06", "kettle-04"], "held_out": null}' >l.jsonl
judge_lists() { # OPTION...
    expect_exit 0 '' -- nightjar eval --users h.txt --lists l.jsonl --json --per-user o.jsonl "$@"
}
holds() { # PYTHON over m (the first model) and o (the outcomes)
    check "$1" python3 -c "
import json, protocol
m, o = json.load(open('out'))['models'][0], protocol.rows('o.jsonl')
assert $1, (m, o)"
}
judge_lists --bundle b.njb
holds "[o[u]['rank_kept'] for u in ('u1', 'u2')] == [3, 3] and [o[u]['rank_masked'] for u in ('u1', 'u2')] == [2, 3]"
holds "m['recommended'] == 5 and m['invalid'] == 0 and m['short_lists'] == 1"
cp out with-bundle.json
judge_lists --bundle b.njb --keep-history
holds "o['u1']['rank'] == 3 and m['recommended'] == 6 and m['short_lists'] == 0"
judge_lists --bundle b.njb --top 2 # the third place moves up to the second
holds "o['u1']['rank'] == 2 and o['u1']['rank_kept'] is None and o['u2']['rank'] is None"
printf 'kettle-05\n' >deny.txt
judge_lists --bundle b.njb --deny deny.txt
holds "m['invalid'] == 2 and o['u1']['rank'] == 2"
judge_lists --ids "$data/items.txt"
check "a bundle is not needed to judge lists" python3 -c '
import json
a, b = json.load(open("with-bundle.json")), json.load(open("out"))
keys = [k for k in a["models"][0] if "@" in k or k in ("recommended", "invalid", "short_lists")]
assert len(keys) > 5 and all(a["models"][0][k] == b["models"][0][k] for k in keys) and a["users"] == b["users"]'
printf '%s\n' 'x kettle-03 kettle-03' 'y kettle-04' >training.txt
judge_lists --ids "$data/items.txt" --training-users training.txt
holds "[o[u]['popularity'] for u in ('u1', 'u2')] == [2, 1] and not o['u1']['cold']"
expect_exit 0 '' -- nightjar eval --users h.txt --ids "$data/items.txt" --lists l.jsonl,l.jsonl --against l.jsonl --json
check "several models stand side by side" python3 -c 'import json; assert len(json.load(open("out"))["models"]) == 3'

# ---- what is refused ----
expect_exit 2 '--bundle FILE is required, or --lists FILE' -- nightjar eval --users h.txt --ids "$data/items.txt"
expect_exit 2 'judged over the items of --bundle FILE, or of --ids FILE' -- nightjar eval --users h.txt --lists l.jsonl
expect_exit 2 '--deny needs --bundle' -- nightjar eval --users h.txt --lists l.jsonl --ids "$data/items.txt" --deny deny.txt
expect_exit 2 '--target is "none"' -- nightjar eval --bundle b.njb --users h.txt --target none
expect_exit 2 '--split is "half"' -- nightjar eval --bundle b.njb --users h.txt --split half
expect_exit 2 '--split time needs --from' -- nightjar eval --bundle b.njb --users h.txt --split time
expect_exit 2 '--from and --until go with --split time' -- nightjar eval --bundle b.njb --users h.txt --from 5
expect_exit 2 '--until "4" is not behind --from "5"' -- nightjar eval --bundle b.njb --users h.txt --split time --from 5 --until 4
expect_exit 65 'h.txt: the form sequence has no times' -- nightjar eval --bundle b.njb --users h.txt --split time --from 5
expect_exit 65 'h.txt: the form sequence has no times' -- nightjar decode --bundle b.njb --users h.txt --tie-seed 1
expect_exit 65 'holds no history before the time of --as-of' -- nightjar decode --bundle b.njb --users events.csv --as-of 5
for time in yesterday nan 1e400 2024-02-30 2024-05-01T06:30:60 0x10; do
    expect_exit 2 "--as-of is \"$time\", must be a finite decimal number" -- nightjar decode --bundle b.njb --users events.csv --as-of $time
done
sed 's/,\([0-9]*\)$/,\1000/' events.csv >ms.csv
expect_exit 65 'so times are not in seconds: give --as-of as such a number' -- nightjar decode --bundle b.njb --users ms.csv --as-of 2024-05-01
expect_exit 65 'so times are not in seconds: give --from and --until' -- nightjar eval --bundle b.njb --users ms.csv --split time --from 2024-05-01
done_testing
