# Descriptors run out. Too few to begin with: the coordinator says so and leaves nothing in the way. Taken by strangers in the middle
# of the night: the workers that are connected finish it, and it is published.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints # to slow the worker down
make_fleet 200
with_descriptors() { # COUNT COMMAND...
    ulimit -n "$1"
    exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- # what the caller has left open
    shift
    exec "$@"
}
coordinator=(nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" "${shards[@]}" --json)

if is_sanitized; then
    echo "SKIPPED: a sanitizer needs descriptors of its own: the smallest limits are not tried"
else
    start few with_descriptors 12 "${coordinator[@]}" --store store
    expect_end few 74
    expect_said few "Too many open files"
    start fewer with_descriptors 14 "${coordinator[@]}" --store store
    expect_end fewer 74
    expect_said fewer "Too many open files"
    [[ ! -e store/staging ]] || fail "a night that could not begin has left a staging area"
fi

start one with_descriptors 40 "${coordinator[@]}" --store store
where=$(endpoint one)
NJ_FAILPOINT=compute.user=slow:40 start worker with_descriptors 24 nightjar-worker --connect "$where" --server-key server.key.pub \
    --key worker.key --cache cache --batch 4
await_committed store 2
start crowd python3 "$source_dir/tests/integration/hostile.py" "${where##*:}" 100
await_said crowd "[1-9][0-9]* silent connections are open"
expect_middle store
expect_end one 0
expect_end worker 0
expect_json one.out lost_leases 0
expect_whole store
reap crowd
