# A computation that spins ends its worker with exit 75, in four leases; another worker does its shard.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_failpoints
make_fleet 40
shards=(--shard-users 8 --lease-ms 500)

start_coordinator coordinator "tcp://127.0.0.1:*" store
where=$(endpoint coordinator)
NJ_FAILPOINT=compute.user=spin@11 start_worker spinning "$where" --log-format json
expect_end spinning 75
expect_said spinning '"level":"error".*"event":"compute_hung","silent_ms":2[0-9]{3},"message":"no user was done in 2[0-9]* ms'
expect_said spinning '"event":"ended","status":"AGAIN","exit":75,'
expect_said coordinator 'goes to another worker'
[[ -d store/staging ]] || fail "the night was over without the shard that hung"

start_worker sound "$where"
expect_end coordinator 0
expect_end sound 0
expect_whole store
