# Workers may be there before the coordinator, come late, and wait for a coordinator that is started again on its port.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 500
make_keys server worker
cp worker.key.pub allowed
where=tcp://127.0.0.1:$(free_port)

start_worker early "$where"
sleep 0.5
start_coordinator first "$where" store
await_committed store 3
start_worker late "$where"
await_said first "/${pid[late]} joins"

kill -9 "${pid[first]}"
expect_end first 137
expect_middle store
done_before=$(committed store)
sleep 1
alive early && alive late || fail "a worker has ended with its coordinator"
start_coordinator second "$where" store --resume
expect_end second 0
expect_end early 0
expect_end late 0
expect_said second "/[0-9]+ joins, 2 workers"
expect_json second.out resumed_shards "$done_before"
expect_rows store
# They were prepared for this night: nothing was fetched or set up a second time.
[[ $(count_said early "ready: kernels") -eq 1 && $(count_said late "ready: kernels") -eq 1 ]] ||
    fail "a worker was set up twice for one night"
