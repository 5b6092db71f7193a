# Killed when every shard is committed and nothing is published yet: --resume publishes, and needs no worker for it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 200
make_keys server worker
cp worker.key.pub allowed
start_coordinator first "tcp://127.0.0.1:*" store --lease-ms 60000 --shard-users 100
where=$(endpoint first)
start_worker busy "$where"
await_committed store 1 # it has the other shard too, and is frozen in the middle of it
kill -STOP "${pid[busy]}"
start_worker idle "$where"
await_said idle "ready: kernels"
sleep 0.5
kill -STOP "${pid[idle]}" # the coordinator will wait for its farewell, two seconds long
kill -CONT "${pid[busy]}"
await_committed store 2
kill -9 "${pid[first]}"
expect_end first 137
expect_middle store
[[ ! -e store/CURRENT ]] || fail "the night was published before it could be killed"
stop_tree "${pid[idle]}"
stop_tree "${pid[busy]}"

start_coordinator second "tcp://127.0.0.1:*" store --lease-ms 60000 --shard-users 100 --resume
expect_end second 0
expect_json second.out resumed_shards 2
expect_json second.out resumed_rows 200
expect_json second.out users_per_s 0.0
expect_rows store
