# --reserve: behind each list stands what would have been listed next. Lists are the same with it and without, in a night as from decode; a
# copy keeps it, and what is no list of items leaves it out.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 60
echo 'newcomer' >>users.txt
decode=(nightjar decode --bundle night.njb --users users.txt --beam 20)

without_reserve() { # FILE
    sed 's/, "reserve": \[[^]]*\]//' "$1"
}

# Of one search: the list alone is as it was, and list and reserve are a longer list.
"${decode[@]}" --top 8 --reserve 12 >split.jsonl 2>split.log
"${decode[@]}" --top 8 >bare.jsonl 2>bare.log
"${decode[@]}" --top 20 >whole.jsonl 2>whole.log
without_reserve split.jsonl | cmp - bare.jsonl >&2 || fail "--reserve has changed lists"
! grep -q '"reserve"' bare.jsonl || fail "lists have a reserve without being asked"
compared=$(
    python3 - <<'P'
import json
compared = 0
for split, whole in zip(open("split.jsonl"), open("whole.jsonl")):
    split, whole = json.loads(split), json.loads(whole)
    if len(split["items"] + split.get("reserve", [])) == 20 and "widened" not in split.get("flags", []):
        assert split["items"] + split["reserve"] == whole["items"], split["user"]
        compared += 1
print(compared)
P
)
((compared > 50)) || fail "only $compared lists and reserves are as long as a list of 20"
grep '"newcomer"' split.jsonl | grep -q '"cold".*"reserve": \[' || fail "a list of popular items has no reserve"

# A narrow beam is warned of, and a reserve has a bound.
"${decode[@]}" --top 20 --reserve 4 >narrow.jsonl 2>narrow.log
grep -q -- '--reserve 4 behind --top 20: a beam of 20 finds fewer items: --beam 24 finds all' narrow.log || fail "no warning of a narrow beam"
without_reserve narrow.jsonl | cmp - whole.jsonl >&2 || fail "--reserve has changed lists of a narrow beam"
expect_exit 2 "${decode[@]}" --reserve 201
expect_said last '--reserve is "201", must be a whole number from 0 to 200'

# A night's rows have it, and what is read as a list has not.
night=(nightjar run --bundle night.njb --users users.txt --beam 20 --top 8 --workers 2 --shard-users 16 --store store --json)
expect_exit 0 "${night[@]}" --reserve 12
nightjar store export --store store --to jsonl 2>>setup.log | sort >export.jsonl
sort split.jsonl | cmp - export.jsonl >&2 || fail "the night's rows say something else than decode"
nightjar store get --store store newcomer 2>>setup.log | cmp - <(grep '"newcomer"' split.jsonl) >&2 || fail "store get says something else"
nightjar store verify --store store >verify.out 2>&1 || fail "$(cat verify.out)"
nightjar store export --store store --to csv 2>>setup.log >with.csv

# A copy keeps it; under another reserve there is none.
expect_exit 0 "${night[@]}" --reserve 12 --since current
[[ $(json_of last.out copied) -eq 61 ]] || fail "only $(json_of last.out copied) of 61 rows were copied"
nightjar store export --store store --to jsonl 2>>setup.log | sed 's/, "copied"\]/]/; s/, "flags": \["copied"\]//; s/, "age": 1//' | sort |
    cmp - export.jsonl >&2 || fail "copies have another reserve"
expect_exit 0 "${night[@]}" --since current
[[ $(json_of last.out copied) -eq 0 ]] || fail "rows were copied though the settings differ"
expect_said last 'made with the settings .*reserve 12'
! nightjar store export --store store --to jsonl 2>>setup.log | grep -q '"reserve"' || fail "rows have a reserve without being asked"
nightjar store export --store store --to csv 2>>setup.log | cmp - with.csv >&2 || fail "--reserve has changed the lists of the night"
