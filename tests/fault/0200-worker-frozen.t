# A worker that is frozen for longer than a lease loses its shards to another; what it delivers late is a duplicate.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 500
make_keys server worker
cp worker.key.pub allowed
start_coordinator coordinator "tcp://127.0.0.1:*" store --lease-ms 1000
where=$(endpoint coordinator)
start_worker one "$where"
start_worker two "$where"
await_committed store 5
kill -STOP "${pid[one]}"
await_said coordinator "/${pid[one]} has vanished"
before=$(committed store)
await_committed store $((before + 2))
kill -CONT "${pid[one]}"
expect_end coordinator 0
expect_end one 0
expect_end two 0
[[ $(json_of coordinator.out lost_leases) -ge 1 ]] || fail "the frozen worker lost no lease"
[[ $(json_of coordinator.out duplicates) -ge 1 ]] || fail "the frozen worker's late rows were no duplicate"
expect_rows store
