# A worker says what memory it plans before its first lease, and does not grow over the night.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 2003
# Everybody three more times, under other names.
awk '{ print; for (i = 1; i <= 3; i++) { id = $1 "-" i; rest = $0; sub(/^[^ ]+/, id, rest); print rest } }' users.txt >many.txt
mv many.txt users.txt
expected_rows users.txt >expected.jsonl
shard_count=$(((4 * 2003 + 7) / 8))
make_keys server worker
cp worker.key.pub allowed
start_coordinator coordinator "tcp://127.0.0.1:*" store
# Kernels of one class and fair speed: 8,012 users would keep the reference kernels busy for minutes.
start worker nightjar-worker --connect "$(endpoint coordinator)" --server-key server.key.pub --key worker.key --cache cache --batch 1

resident_kb() { # PID
    awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status" 2>/dev/null || echo 0
}
await_committed store $((shard_count / 5))
early=$(resident_kb "${pid[worker]}")
late=$early
while alive worker; do
    now=$(resident_kb "${pid[worker]}")
    if [[ ${now:-0} -gt $late ]]; then
        late=$now
    fi
    sleep 0.02
done
expect_end coordinator 0
expect_end worker 0
[[ $early -gt 1000 ]] || fail "the worker's memory could not be read: $early kB"
if is_sanitized; then
    echo "SKIPPED: a sanitizer keeps freed memory, so growth says nothing"
else
    [[ $((late - early)) -lt 3000 ]] || fail "the worker grew from $early kB to $late kB"
fi
expect_rows store

# The plan was printed once, before there was anything to compute.
expect_said worker "ready: kernels .* memory [0-9.]+ MB mapped, [0-9.]+ MB model, [0-9.]+ MB scratch for 1 users of"
[[ $(count_said worker "ready: kernels") -eq 1 ]] || fail "the worker was set up more than once"
start_coordinator idle "tcp://127.0.0.1:*" store2 --shard-users 4096
start early nightjar-worker --connect "$(endpoint idle)" --server-key server.key.pub --key worker.key "${slow[@]}" --cache cache
await_said early "ready: kernels"
[[ $(committed store2) -eq 0 ]] || fail "a shard was committed before the plan was printed"

# A worker that may not use what the plan needs says both numbers and ends with 78; a larger bound lets it work.
start small nightjar-worker --connect "$(endpoint idle)" --server-key server.key.pub --key worker.key --cache cache --memory-max 1
expect_end small 78
expect_said small "the plan needs [0-9]+ bytes .*, at most 1000000 are allowed"
expect_exit 78 nightjar run "${night[@]}" --store store3 --workers 1 --memory-max 1
expect_said last "the plan needs [0-9]+ bytes"
expect_exit 0 nightjar run --bundle night.njb --users users.txt --beam 10 --store store4 --workers 1 --memory-max 100
