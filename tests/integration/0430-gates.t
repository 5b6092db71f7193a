# Gates: a night whose input is late or partial ends before it begins, with the figure and the rule, and the store stays. One whose lists do
# not hold is packed and not published, and a person may publish it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 200
run=(nightjar run --bundle night.njb "${settings[@]}" --workers 1 --store store --json --gate-least 100 --audit-users 0)
some_item=$(sed -n 7p "$data/items.txt")

expect_refused() { # EXIT WORDS COMMAND...
    local code=$1 words=$2 before
    shift 2
    before=$(ls store; cat store/CURRENT)
    expect_exit "$code" "$@"
    expect_said last "$words"
    [[ $(ls store; cat store/CURRENT) == "$before" ]] || fail "a night that was refused has changed the store"
}

# The first night has nothing to be compared with; its facts say how many items there were.
expect_exit 0 "${run[@]}" --users users.txt
nightjar store stat --store store --json 2>>setup.log >stat.json
expect_json stat.json item_count 552

# Users: two percent are allowed in either direction, or what is said.
head -n 196 users.txt >fewer.txt
expect_exit 0 "${run[@]}" --users fewer.txt
python3 -c "
import json
gates = {g['gate']: g for g in json.load(open('last.out'))['gates']}
assert gates['users'].pop('text').endswith('--gate-users allows 2 %')
assert gates['users'] == dict(gate='users', group=None, passed=True, part=196, whole=200, value=2.0, bound=2.0), gates
assert set(gates) == {'users', 'items', 'unknown', 'emptied', 'fallbacks'}, gates"
head -n 150 users.txt >partial.txt
expect_refused 4 "users: 150, and 196 in the current generation, 23.47 % fewer; --gate-users allows 2 %" \
    "${run[@]}" --users partial.txt
expect_exit 0 "${run[@]}" --users partial.txt --gate-users 24
expect_refused 4 "33.33 % more" "${run[@]}" --users users.txt
expect_exit 0 "${run[@]}" --users users.txt --gate-users off
expect_refused 2 "must be off or percent" "${run[@]}" --users users.txt --gate-users some

# Items: a list of what is sold that lost half of them.
head -n 276 "$data/items.txt" >half.txt
expect_refused 4 "items that may be recommended: 276, and 552 in the current generation, 50.00 % fewer" \
    "${run[@]}" --users users.txt --eligible half.txt

# Histories of another catalogue, of all users or of the users of one group.
sed -E '1,120s/ .*/ foreign-a foreign-b/' users.txt >foreign.txt
expect_refused 4 "users none of whose items it knows: 119 of .*--gate-emptied allows 25 %" "${run[@]}" --users foreign.txt
expect_refused 4 "items that the catalogue does not know: " "${run[@]}" --users foreign.txt --gate-emptied off --gate-unknown 5
printf '{"group": "north", "deny": ["%s"]}\n' "$some_item" >groups.jsonl
head -n 130 users.txt | sed 's/ .*//; s/$/,north/' | sed '1i user,group' >user-groups.csv
expect_refused 4 "group north: users none of whose items it knows: 119 of" \
    "${run[@]}" --users foreign.txt --gate-emptied 70 --groups groups.jsonl --user-groups user-groups.csv

# Users of a group against those it had: one that shrinks, and one that is gone because --groups was forgotten.
groups=(--groups groups.jsonl --user-groups user-groups.csv)
expect_exit 0 "${run[@]}" --users users.txt --gate-users off "${groups[@]}"
expect_json "store/$(cat store/CURRENT)/GROUPS.json" groups "[{'group': 'north', 'users': 130}]"
expect_exit 0 "${run[@]}" --users users.txt "${groups[@]}"
head -n 121 user-groups.csv >fewer-north.csv
expect_refused 4 "group north: users: 120, and 130 in the current generation, 7.69 % fewer; --gate-users allows 2 %" \
    "${run[@]}" --users users.txt --groups groups.jsonl --user-groups fewer-north.csv
expect_refused 4 "group north: users: 0, and 130 in the current generation" "${run[@]}" --users users.txt
expect_exit 0 "${run[@]}" --users users.txt --gate-least 131
[[ ! -e store/$(cat store/CURRENT)/GROUPS.json ]] || fail "a night without groups has written GROUPS.json"

# Events: late is another exit than wrong, and a time that lies ahead is wrong. What is known of them is counted from --as-of.
awk 'BEGIN { print "user,item,timestamp" } { for (i = 2; i <= NF; i++) print $1 "," $i "," 1714500000 + i }' users.txt >events.csv
late=("${run[@]}" --users events.csv --gate-users off --gate-event-age 36h)
expect_exit 0 "${late[@]}" --as-of 2024-05-02
nightjar store stat --store store --json 2>>setup.log >stat.json
newest=$(sed 's/.*,//' events.csv | tail -n +2 | sort -n | tail -n 1)
expect_json stat.json newest_event_ms "${newest}000"
expect_refused 75 "the newest event is 50.0 h old; --gate-event-age allows 36.0 h" "${late[@]}" --as-of 2024-05-02T20:00
expect_refused 75 "tonight's input is late" "${late[@]}"
sed '$s/,[0-9]*$/,4102444800/' events.csv >ahead.csv
expect_refused 4 "h in the future" "${run[@]}" --users ahead.csv --gate-users off --gate-event-age 36h
sed -E 's/,(1714[0-9]+)$/,\1000/' events.csv >milliseconds.csv
expect_refused 65 "seconds since 1970" "${run[@]}" --users milliseconds.csv --gate-users off --gate-event-age 36h
expect_refused 65 "--gate-event-age" "${run[@]}" --users users.txt --gate-event-age 36h

# Lists: a generation that a gate holds back is there, sound, unpublished and no obstacle for the next night. A person may publish it.
expect_held() { # WORDS OPTION...
    local words=$1 before held
    shift
    before=$(cat store/CURRENT)
    expect_exit 4 "${run[@]}" --users users.txt --gate-users off "$@"
    expect_said last "is packed and verified, and not published; a gate does not hold: $words"
    [[ $(cat store/CURRENT) == "$before" && ! -e store/staging ]] || fail "a night that is held back is not over, or is published"
    held=$(json_of last.out held)
    expect_json last.out generation None
    python3 "$source_dir/tests/cli/schema.py" "$source_dir/schemas/json" report "store/reports/$held.json" run last.out \
        >schema.log 2>&1 || [[ $? -eq 77 ]] || fail "the report of what is held back is none: $(tail -n 1 schema.log)"
    grep -q "The night did not publish it; a gate does not hold: " "store/reports/$held.html" ||
        fail "the report does not say that the generation is held back"
    python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["processes"][-1]["end"] == "held back"' "store/reports/$held.json"
    grep -qE "<td[^>]*>no</td>" "store/reports/$held.html" || fail "the report does not say which gate does not hold"
    expect_exit 0 nightjar store verify --store store --gen "$held"
    echo "$held" >held
}
expect_held "first 10 places as in the current generation: .* %, mean of 199 users of both; --gate-overlap asks for 99 %" \
    --temperature 3 --top 5 --gate-overlap 99
expect_exit 0 nightjar store publish --store store "$(cat held)"
[[ $(cat store/CURRENT) == "$(cat held)" ]] || fail "the generation that was held back is not published by hand"
expect_held "items in a list: [0-9]* of 552 items that may be recommended" --gate-coverage 100
expect_exit 0 "${run[@]}" --users users.txt --gate-users off --gate-coverage 5 --temperature 3 --top 5 --gate-overlap 100
sed -E '1,120s/ .*/ foreign-a foreign-b/' users.txt >users.good
mv users.txt users.kept && mv users.good users.txt
expect_held "lists that are empty, cold, or filled with popular items: 120 of 200 lists, 60.00 %; --gate-fallbacks allows 50 %" \
    --gate-emptied off
mv users.kept users.txt
expect_exit 0 "${run[@]}" --users users.txt --gate-users off

# A plan says the same before the night, and --strict ends with the gate's exit.
plan=(nightjar plan --bundle night.njb "${settings[@]}" --workers 1 --probe-seconds 1 --store store --gate-least 100)
expect_refused 4 "--gate-users allows 2 %" "${plan[@]}" --users partial.txt --strict
grep -q "gate DOES NOT HOLD: users: 150, and " last.out || fail "the plan does not say that a gate does not hold"
grep -q "gate holds: items that may be recommended: 552, and 552 " last.out || fail "the plan does not say that a gate holds"

# An interrupted night has passed its gates when it began.
start night "${run[@]}" "${slow[@]}" "${shards[@]}" --users partial.txt --gate-users off
await_committed store 2
kill -9 "${pid[night]}"
expect_end night 137
expect_exit 0 "${run[@]}" "${slow[@]}" "${shards[@]}" --users partial.txt --resume
expect_json last.out rows 150
