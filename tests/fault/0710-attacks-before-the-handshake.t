# Thousands of strangers that say nothing, half a greeting, or far too much, and others that come and go as fast as they can: the
# coordinator's memory stays within a bound and the night has the same bytes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ATTACK_S=3
CONNECTIONS=2000
GROWTH_KB_MAX=$((96 * 1024)) # half a handshake costs some 19 KiB; 2000 of them, and as many that come after them

peak_kb() { # NAME
    sed -n 's/VmHWM: *\([0-9]*\).*/\1/p' "/proc/${pid[$1]}/status"
}

need_failpoints # to slow the workers down
make_fleet 300
start_coordinator coordinator "tcp://127.0.0.1:*" store --lease-ms 20000
where=$(endpoint coordinator)
before=$(peak_kb coordinator)
for mode in silent greeted; do
    python3 "$source_dir/tests/fault/attack.py" "${where#tcp://}" $mode $CONNECTIONS $ATTACK_S 2>&1 | tail -n 1 >&2
done
python3 "$source_dir/tests/fault/attack.py" "${where#tcp://}" giant 50 $ATTACK_S 2>&1 | tail -n 1 >&2
python3 "$source_dir/tests/fault/attack.py" "${where#tcp://}" early 50 $ATTACK_S 2>&1 | tail -n 1 >&2
start churn python3 "$source_dir/tests/fault/attack.py" "${where#tcp://}" churn 1 $ATTACK_S

# In the middle of the last attack the night goes on.
NJ_FAILPOINT=compute.user=slow:40 start_worker one "$where"
NJ_FAILPOINT=compute.user=slow:40 start_worker two "$where"
expect_end churn 0
is_sanitized || {
    growth=$(($(peak_kb coordinator) - before))
    echo "the coordinator's memory grew by $growth KiB under attack" >&2
    [[ $growth -le $GROWTH_KB_MAX ]] || fail "memory grew by $growth KiB, the bound is $GROWTH_KB_MAX"
}
expect_end coordinator 0
expect_end one 0
expect_end two 0
expect_said coordinator "is ended after [0-9]+ bytes: no handshake"
expect_json coordinator.out lost_leases 0
expect_whole store
