# The computation of one worker hangs for ever, at no user's fault. Its heartbeats go on, its progress does not: the process says so,
# gives its leases back and ends, so that another can take its place. The night does not notice more than that.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_fleet 200
start_coordinator coordinator "tcp://127.0.0.1:*" store --lease-ms 1000
where=$(endpoint coordinator)
NJ_FAILPOINT=compute.user=spin@30 start_worker hung "$where" --log-format json
start_worker sound "$where"
expect_end coordinator 0
expect_end sound 0
expect_end hung 75
expect_said hung '"event":"compute_hung","silent_ms":[0-9]+,"piece":[0-9]+,"message":"the computation makes no progress since [0-9]+ ms'
expect_said hung '"event":"ended","status":"AGAIN","exit":75,'
expect_said coordinator "failed shard .*makes no progress since [0-9]+ ms"
expect_whole store

# Asked to end while it hangs, a worker does not wait for the computation for ever.
start_coordinator second "tcp://127.0.0.1:*" store2 --lease-ms 1000
where=$(endpoint second)
NJ_FAILPOINT=compute.user=spin@5 start_worker hanging "$where"
await_said hanging "failpoint compute.user: spin"
kill -TERM "${pid[hanging]}"
await_said hanging "asked to end"
kill -TERM "${pid[hanging]}"
expect_end hanging 143
start_worker last "$where"
expect_end second 0
expect_end last 0
expect_whole store2
