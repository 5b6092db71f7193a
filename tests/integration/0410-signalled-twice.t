# Who ends a job signals each of its processes, and the processes pass it on: each worker hears it twice, and drains all the same. A
# second request from the same side ends it at once.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
grep -q NJ_FAILPOINT "$bin/nightjar-worker" || {
    echo "SKIPPED: ${0##*/}: the programs are built without -DNIGHTJAR_FAILPOINTS=ON"
    exit 77
}

make_night 200
make_keys server worker
cat worker.key.pub >allowed
start_coordinator coordinator "tcp://127.0.0.1:*" store
where=$(endpoint coordinator)
export NJ_FAILPOINT=compute.user=slow:100 # a shard of 8 users: most of a second

start_worker fleet "$where" --procs 2
await_committed store 1
mapfile -t two < <(children "${pid[fleet]}" | grep .)
[[ ${#two[@]} -eq 2 ]] || fail "not two processes"
env kill -TERM "${pid[fleet]}" "${two[@]}" # a program of its own, nobody's parent
expect_end fleet 143
[[ $(count_said fleet "asked to end: finishing what is being computed") -eq 2 ]] || fail "not both workers drain"
expect_not_said fleet "asked to end at once"

# By its parent, which is this script, and by somebody else; then by its parent again.
export NJ_FAILPOINT=compute.user=slow@12:10000 # in its second shard
before=$(committed store)
start_worker single "$where"
await_committed store $((before + 1))
kill -TERM "${pid[single]}"
env kill -TERM "${pid[single]}"
await_said single "asked to end: finishing"
kill -TERM "${pid[single]}"
expect_end single 143
expect_said single "asked to end at once"
unset NJ_FAILPOINT

expect_middle store
start_worker last "$where"
expect_end coordinator 0
expect_end last 0
expect_rows store
