# Memory runs out. Too little for the coordinator's map: it says so and leaves nothing in the way. All of it gone in the middle of the
# night, in a worker and in the coordinator: the worker reports that or dies, another one does its shards; the coordinator ends, and
# --resume goes on from what is committed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
! is_sanitized || skip "a sanitizer's shadow does not fit under a memory limit"
make_fleet 200
with_memory() { # KILOBYTES COMMAND...
    ulimit -v "$1"
    ulimit -c 0
    shift
    exec "$@"
}
coordinator=(nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" "${shards[@]}" --json)
worker=(nightjar-worker --server-key server.key.pub --key worker.key --cache cache)

start small with_memory 400000 "${coordinator[@]}" --store store
expect_end small 1
expect_said small "Cannot allocate memory"
[[ ! -e store/staging ]] || fail "a night that could not begin has left a staging area"

NJ_FAILPOINT=ack.due=exhaust@3 start drained with_memory 1300000 "${coordinator[@]}" --store store
NJ_FAILPOINT=compute.begun=exhaust@2 start starved with_memory 250000 "${worker[@]}" --connect "$(endpoint drained)"
await_said starved "failpoint compute.begun: exhaust"
start_worker sound "$(endpoint drained)"
await_said drained "failpoint ack.due: exhaust"
await "the coordinator without memory to end" ended drained
code=0
wait "${pid[drained]}" || code=$?
unset "pid[drained]"
echo "without memory the coordinator ended with exit $code"
[[ $code -ne 0 && $code -ne 3 ]] || fail "the coordinator ended with exit $code"
expect_valid store
reap starved
reap sound
before=$(committed store)
finish_night resumed store
expect_json resumed.out resumed_shards "$before"
expect_whole store
