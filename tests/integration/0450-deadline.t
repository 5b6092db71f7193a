# run --deadline: at the deadline the night is held, or who is not done keeps yesterday's row: filtered by what tonight may be shown, flagged,
# with its age, within budgets. Every user is exactly one of committed, copied, carried and quarantined.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 64
settings+=(--reserve 1)
options=(--bundle night.njb --users users.txt "${settings[@]}" --shard-users 8 --audit-users 0 --json)
alone=(nightjar-coordinator --bind "tcp://127.0.0.1:*" --insecure --store store) # nobody decodes

# The first night; what it lists most often is denied in the second, one user buys what he was listed, and one is new.
expect_exit 0 nightjar run "${options[@]}" --store store --workers 1
first=$(cat store/CURRENT)
nightjar store export --store store --to jsonl >before.jsonl 2>export.log
python3 - >denied.txt <<'END'
import collections, json
lists = [json.loads(line) for line in open("before.jsonl")]
print(collections.Counter(i for r in lists for i in r["items"]).most_common(1)[0][0])
buyer = lists[-2]
histories = open("users.txt").read().splitlines()
with open("users.txt", "w") as out:
    for line in histories:
        out.write(line + (" " + buyer["items"][2] if line.split()[0] == buyer["user"] else "") + "\n")
    out.write("zz-new " + buyer["items"][2] + "\n")
open("buyer", "w").write(buyer["user"] + " " + buyer["items"][2])
END
options+=(--deny denied.txt)
nightjar decode "${options[@]:0:10}" --deny denied.txt 2>>setup.log | sort >expected.jsonl

# Part of the second night is decoded, and then nobody decodes any more.
start begun nightjar run "${options[@]}" --store store --workers 1 "${slow[@]}"
await_committed store 2
kill -9 "${pid[begun]}"
expect_end begun 137
expect_middle store
shards_done=$(committed store)
done_users=$((shards_done * 8))

expect_held() { # PATTERN OPTION...
    local pattern=$1
    shift
    expect_exit 75 "${alone[@]}" "${options[@]}" --resume "$@"
    expect_said last "has passed with $done_users of 65 users done, .*$pattern.* The night is held"
    [[ $(cat store/CURRENT) == "$first" && -d store/staging ]] || fail "a night that is held has changed the store"
}

# Held: with the same words at once, because the moment is the night's; whatever goes wrong with carrying holds it too.
cp -a store later
expect_held "--on-deadline is hold" --deadline 1s
expect_held "--on-deadline is hold" --deadline 1s
expect_held "--on-deadline is hold"
expect_held "$((65 - done_users - 1)) users would be carried over, .*, --carry-max is 10 %" --on-deadline carry
expect_held "1 users would have no list, of them 1 who have no row in $first .*--quarantine-max is 0" --carry-max 100
expect_exit 2 "${alone[@]}" "${options[@]}" --on-deadline carry
expect_exit 2 "${alone[@]}" "${options[@]}" --deadline 25:00
expect_exit 2 "${alone[@]}" "${options[@]}" --deadline 1h --on-deadline perhaps

# Carried: what is noted needs not be said again.
expect_exit 3 "${alone[@]}" "${options[@]}" --resume --quarantine-max 1
carried=$((64 - done_users))
expect_json last.out users 65
expect_json last.out rows 64
expect_json last.out carried "$carried"
expect_json last.out carried_from "$first"
expect_json last.out carried_age 1
expect_json last.out quarantined 1
expect_said last "is published; users quarantined, and without a list: 1; users with the list of an earlier night: $carried"
expect_exit 0 nightjar store verify --store store
[[ ! -d store/staging ]] || fail "the staging area is left"
grep -q '"zz-new"' "store/$(cat store/CURRENT)/QUARANTINED.jsonl" || fail "the new user is not listed"
expect_exit 0 nightjar store stat --store store
grep -qx "carried over   $carried rows, the oldest decoded 1 nights ago" last.out || fail "stat: $(cat last.out)"
nightjar store stat --store store --json >stat.json 2>>setup.log
expect_json stat.json carried_count "$carried"
expect_json stat.json carried_age 1
grep -q "$carried of them were not decoded tonight" store/reports/*.html || fail "the page does not tell of carried users"
nightjar store export --store store --to jsonl >after.jsonl 2>export.log
python3 - "$carried" <<'END'
import json, sys
def read(name): return {r["user"]: r for r in map(json.loads, open(name))}
before, after, expected = read("before.jsonl"), read("after.jsonl"), read("expected.jsonl")
denied = open("denied.txt").read().strip()
buyer, bought = open("buyer").read().split()
carried = refilled = 0
for user, row in after.items():
    if "carried" not in row.get("flags", []):
        assert row == expected[user], user
        continue
    carried += 1
    gone = {denied, bought} if user == buyer else {denied}
    old = before[user]
    kept = [(i, s) for i, s in zip(old["items"], old["scores"]) if i not in gone]
    reserve = [i for i in old.get("reserve", []) if i not in gone]
    refill = reserve[:10 - len(kept)]
    kept += [(i, old["scores"][-1]) for i in refill]
    assert list(zip(row["items"], row["scores"])) == kept, user
    assert row.get("reserve", []) == reserve[len(refill):], user
    refilled += len(refill)
    assert row["age"] == 1 and ("short" in row["flags"]) == (len(kept) < 10), user
assert carried == int(sys.argv[1]) and refilled > 9, (carried, refilled)
assert any(denied in before[u]["items"] for u in after if "carried" in after[u].get("flags", []))
assert bought in before[buyer]["items"] and bought not in after[buyer]["items"]
END

# A second night without anybody who decodes: rows of both ages. A third with workers takes none of the carried for its own.
expect_exit 3 "${alone[@]}" "${options[@]}" --deadline 1s --on-deadline carry --carry-max 100 --quarantine-max 1
expect_json last.out carried 64
expect_json last.out carried_age 2
expect_exit 0 nightjar run "${options[@]}" --store store --workers 1 --since current --without token-tables
expect_json last.out copied 0
nightjar store export --store store --to jsonl 2>export.log | cmp - expected.jsonl >&2 || fail "the night after a carried one has other lists"

# A night that was held is finished with another deadline, or none; the deadline does not matter where all are done in time.
expect_exit 75 "${alone[@]:0:4}" --store later "${options[@]}" --resume --deadline 1s
expect_exit 0 nightjar run "${options[@]}" --store later --workers 1 --resume --deadline none
nightjar store export --store later --to jsonl 2>export.log | cmp - expected.jsonl >&2 || fail "a night that went on has other lists"
expect_exit 0 nightjar run "${options[@]}" --store later --workers 1 --deadline 10m --on-deadline carry
expect_json last.out carried 0

# Nothing was published before: there is nothing to carry, and nothing to keep.
expect_exit 75 "${alone[@]:0:4}" --store new "${options[@]}" --deadline 1s --on-deadline carry --carry-max 100
expect_said last "nothing has been published in new yet"
expect_said last "there is no earlier generation to carry rows over from"
[[ ! -e new/CURRENT && ! -d new/staging ]] || fail "an empty night left something"
