# `nightjar grade --split`: each user is graded on the list of the channel that served him, and channels are compared over their own users.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
head -n 120 "$data/histories.txt" >users.txt
night() { # OPTION...
    nightjar run --bundle b.njb --users users.txt --store store --workers 1 --gate-users off "$@"
}
printf 'kettle-01\n' >deny.txt
expect_exit 0 '' -- night --controls 50%
first=$(<store/CURRENT)
expect_exit 0 '' -- night --controls 50% --top 12 --deny deny.txt
second=$(<store/CURRENT)
nightjar store publish --store store --channel canary "$second" 2>err
nightjar store publish --store store "$first" 2>err
python3 - "$first" "$second" <<'P'
import json
import random
import subprocess
import sys
random.seed(8)
rows = []
for name in sys.argv[1:]:
    lines = subprocess.run(["nightjar", "store", "export", "--store", "store", "--gen", name], capture_output=True, text=True, check=True).stdout
    rows.append({row["user"]: row["items"] for row in map(json.loads, lines.splitlines())})
json.dump(rows, open("rows.json", "w"))
with open("events.csv", "w", encoding="utf-8") as out:
    out.write("user,item,timestamp\n")
    for user, items in rows[1].items():
        out.write(f"{user},{random.choice(items[:12]) if random.random() < 0.6 else 'nowhere'},1000\n")
    out.write("stranger,kettle-01,1000\n")
P
cat >counted.py <<'P'
import csv
import hashlib
import json
import sys

grade, rows = json.load(open("grade.json")), json.load(open("rows.json"))
taken = {row["user"]: row["item"] for row in csv.DictReader(open("events.csv", encoding="utf-8"))}


def part(user):
    return int.from_bytes(hashlib.blake2b(b"spring\0" + user.encode(), digest_size=32).digest()[:8], "big") % 10000


channels = [[u for u in rows[0] if (part(u) >= 6000) == which and u in rows[which]] for which in (False, True)]
hits = [sum(taken[u] in rows[which][u][:10] for u in users) / len(users) for which, users in enumerate(channels)]
slices = {s["slice"]: s for s in grade["slices"] if s["by"] == "channel"}
if sys.argv[1] == "both":
    assert [(c["channel"], c["parts"], c["graded"]) for c in grade["channels"]] == [("current", 6000, len(channels[0])), ("canary", 4000, len(channels[1]))], grade["channels"]
    assert sum(c["without_row"] for c in grade["channels"]) == grade["users"]["without_row"] == 1 and grade["users"]["elsewhere"] == 0
    for name, users, share in zip(("current", "canary"), channels, hits):
        assert slices[name]["users"] == len(users) > 20 and abs(slices[name]["figures"]["hit@10"]["value"] - share) < 1e-9, (name, share)
    more = grade["channels"][1]["more"]["hit@10"]
    assert grade["channels"][0]["more"] is None and abs(more["value"] - (hits[1] - hits[0])) < 1e-9 and more["low"] < more["value"] < more["high"], more
    assert hits[0] != hits[1], "nothing to see"
    assert [c["name"] for c in grade["controls"]] == ["popular", "co-visitation"] and grade["controls"][0]["users"] > 40
else:
    assert set(slices) == {"canary"} and grade["users"]["graded"] == len(channels[1]) and grade["users"]["elsewhere"] >= len(channels[0])
    assert abs(grade["figures"]["hit@10"]["value"] - hits[1]) < 1e-9
    assert grade["channels"][1]["more"] is None
P
grade() { # OPTION...
    nightjar grade --store store --events events.csv --from 1000 "$@"
}
split=(--split current=6000,canary=4000 --salt spring)
expect_exit 0 '' -- grade "${split[@]}" --json
stdout_is_valid grade
cp out grade.json
cp out both.json
check "each user is graded on his own channel's list, where the readers' split puts him" python3 counted.py both
expect_exit 0 '' -- grade "${split[@]}"
stdout_has 'hit@10 more than current'
expect_exit 0 '' -- grade "${split[@]}" --channel canary --json --keep
cp out grade.json
check "... or on one channel alone, whose grade can be kept" python3 counted.py canary
check "... under its generation's name" test -s "store/reports/$second.grade.json"

# Behind a promotion the generations that were served are given by name.
nightjar store promote --store store canary 2>err
expect_exit 0 '' -- grade --split "$first=6000,$second=4000" --salt spring --json
check "... which gives the same grade" python3 - <<'P'
import json
grade, before = json.load(open("out")), json.load(open("both.json"))
assert [c["generation"] for c in grade["channels"]] == [c["channel"] for c in grade["channels"]] == [c["generation"] for c in before["channels"]]
assert grade["figures"] == before["figures"] and [c["more"] for c in grade["channels"]] == [c["more"] for c in before["channels"]]
P
expect_exit 0 '' -- grade --channel canary --json
stdout_has "\"generation\": \"$second\""

before=$(digest_of store)
expect_exit 2 'add up to 9000, must be 10000' -- grade --split current=8000,canary=1000
expect_exit 2 'has two shares' -- grade --split current=5000,current=5000
expect_exit 2 'is not CHANNEL=PARTS' -- grade --split current=100%
expect_exit 2 'add up to 0' -- grade --split ''
expect_exit 2 'which --split does not have' -- grade "${split[@]}" --channel other
expect_exit 2 'give one' -- grade --gen "$first" --channel canary
expect_exit 2 '--gen does not go with --split' -- grade --gen "$first" "${split[@]}"
expect_exit 2 '--salt goes with --split' -- grade --salt x
expect_exit 2 'keeps the grade of one generation' -- grade "${split[@]}" --keep
expect_exit 75 'were served by other channels' -- grade --split "current=10000,$first=0" --channel "$first"
expect_exit 5 'ghost' -- grade --split current=5000,ghost=5000
expect_exit 65 '' -- grade --split current=5000,../x=5000
expect_untouched store "$before"
done_testing
