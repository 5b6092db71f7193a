# run --plan and nightjar-coordinator --plan: the night beside its plan, number by number. A plan of another night is no plan; a file that
# is none stops the night before it begins; and no plan changes a row.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
nightjar plan "${night[@]}" --workers 2 --probe-seconds 1 --out plan.json >plan.out 2>plan.log || fail "no plan: $(cat plan.log)"

# Sizes and counts are known before; times are this machine's, and not judged here.
expect_exit 0 nightjar run "${night[@]}" --workers 2 --store store --plan plan.json --json
expect_said last "planned: .* on 2 cores"
expect_rows store
python3 - last.out plan.json <<'END' || fail "the summary is not as it should be"
import json, sys
summary, plan = (json.load(open(path)) for path in sys.argv[1:])
assert summary["planned"] == plan
actual = summary["actual"]
for key in ("users", "copied", "shards", "cores"):
    assert actual[key] == plan[key], key
for key, share in (("store_bytes", 0.2), ("staging_bytes", 0.4)):
    assert abs(plan[key] / actual[key] - 1) < share, (key, plan[key], actual[key])
assert plan["users"] == 400
assert actual["searches"] is None and actual["cost"] == {"total": None, "million_users": None}
assert set(actual["seconds"]) == set(plan["seconds"]) and actual["memory_bytes"]["worker"] > 1e6
parts = sum(seconds for key, seconds in actual["seconds"].items() if key != "total")
assert parts <= actual["seconds"]["total"] + 1e-6, actual["seconds"]
END

# For people: a table.
expect_exit 0 nightjar run "${night[@]}" --workers 2 --store store --plan plan.json
grep -q 'as planned?  *planned  *actual' last.out || fail "no table: $(cat last.out)"
grep -Eq '  the whole night  *[0-9.]+  *[0-9.]+ s ' last.out || fail "no line of the whole night: $(cat last.out)"

# The same plan for one user less.
head -n 399 users.txt >fewer.txt
expect_exit 0 nightjar run --bundle night.njb --users fewer.txt "${settings[@]}" --workers 1 --store other --plan plan.json --json
expect_said last "plan.json was made for another night \(400 users .*tonight 399"
expect_json last.out planned None

# A coordinator on its own.
start coordinator nightjar-coordinator --bind tcp://127.0.0.1:* --insecure "${night[@]}" --store far --plan plan.json --json
await_said coordinator 'listening on tcp'
endpoint=$(sed -nE 's/.*listening on (tcp:[^ ]*).*/\1/p' coordinator.log | head -n 1)
start worker nightjar-worker --connect "$endpoint" --insecure
expect_end coordinator 0
expect_end worker 0
expect_json coordinator.out users 400
python3 -c '
import json
s = json.load(open("coordinator.out"))
assert s["planned"]["users"] == 400 and s["actual"]["cores"] == 1 and s["actual"]["memory_bytes"]["worker"] is None' ||
    fail "the coordinator's summary is not as it should be"

# What is no plan.
sed 's/"version": 1/"version": 2/' plan.json >bad.json
expect_exit 65 nightjar run "${night[@]}" --workers 1 --store none --plan bad.json
expect_said last 'bad.json: "version"'
expect_exit 5 nightjar run "${night[@]}" --workers 1 --store none --plan missing.json
[[ ! -e none ]] || fail "a night without a plan has made a store"
