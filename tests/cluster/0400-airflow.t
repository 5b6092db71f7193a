# The DAG's commands, run by bash: inputs that come late, a night that Airflow ends and takes up, one whose inputs changed, one without
# some users.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
dag=$source_dir/ops/airflow/nightjar_dag.py

make_night 400
outputs="out \$(touch made) \"puts" # the shell takes nothing of a folder's name for its own
mkdir inputs "$outputs"
python3 - users.txt >inputs/users.jsonl <<'EOF'
import json, sys
for user, *items in (line.split() for line in open(sys.argv[1])):
    print(json.dumps({"user": user, "items": items}))
EOF
cp night.njb inputs
export NIGHT_INPUTS=$work/inputs NIGHT_STORE=$work/store NIGHT_OUTPUTS=$work/$outputs NIGHT_WORKERS=2
export NIGHTJAR_TOP=10 NIGHTJAR_SHARD_USERS=8

# The warehouse is late: 75, again and again, until the tries are used up. Then it is there, and Airflow ends the night in its middle.
expect_exit 1 python3 "$here/airflow_stub.py" "$dag"
[[ $(grep -c '^inputs again: inputs: exit 75' last.out) -eq 21 ]] || fail "$(cat last.out)"
[[ ! -e store ]] || fail "a night without inputs"
touch inputs/_SUCCESS
slowly=(NIGHTJAR_KERNELS=ref NIGHTJAR_BATCH=4 NIGHTJAR_WITHOUT=token-tables,prefix-tables,last-step,same-history)
start ended env "${slowly[@]}" python3 "$here/airflow_stub.py" "$dag"
await_committed store 2
kill -TERM "${pid[ended]}"
expect_end ended 1
expect_middle store
grep -q '^night again: Task received signal 15' ended.out || fail "$(cat ended.out)"
expect_said ended 'committed shards are kept'
[[ $(sed -n 's/^nightjar_run_exit_code //p' "$outputs/nightjar.prom") == 143 ]] || fail "the night was not asked to end"

# Other inputs than those it was begun with: exit 78, tried once.
mv inputs/users.jsonl users.jsonl
head -n 100 users.jsonl >inputs/users.jsonl
expect_exit 1 python3 "$here/airflow_stub.py" "$dag"
[[ $(grep -c '^night ' last.out) -eq 1 ]] || fail "tried again: $(cat last.out)"
grep -q '^night failed: night: exit 78' last.out || fail "$(cat last.out)"

# The right ones again: it goes on, publishes, verifies and hands on.
mv users.jsonl inputs/users.jsonl
expect_exit 0 python3 "$here/airflow_stub.py" "$dag"
[[ $(grep -c ' ok$' last.out) -eq 4 ]] || fail "$(cat last.out)"
[[ $(sed -n 's/.*"resumed_shards": \([0-9]*\).*/\1/p' last.out) -ge 2 ]] || fail "it began anew: $(cat last.out)"
expect_rows store
cmp "$outputs/lists.jsonl" expected.jsonl || fail "other lists were handed on"

# Every exit code is taken for something, and only one is none of ours: a process killed by SIGKILL.
python3 - "$dag" "$source_dir/schemas/status.def" <<'EOF' >faults || fail "$(cat faults)"
import re, sys
again = set(map(int, re.search(r"^AGAIN = \{(.*)\}", open(sys.argv[1]).read(), re.M)[1].split(",")))
codes = {int(code) for code in re.findall(r"^NJ_STATUS\(\w+, *\d+, *(\d+),", open(sys.argv[2]).read(), re.M)}
faults = [f"{code} is none of status.def" for code in again - codes - {137}] + [f"{code} is tried again" for code in again & {0, 2, 3, 4, 5, 65, 78}]
faults += [f"{code} is not tried again" for code in codes - again - {0, 2, 3, 4, 5, 65, 78}]
print("\n".join(faults))
sys.exit(bool(faults))
EOF
