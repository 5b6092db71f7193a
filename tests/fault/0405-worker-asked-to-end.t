# A worker that is asked to end finishes its shard, gives the others back, and leaves with 143 or 130; the night goes on at once.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
make_keys server worker
cp worker.key.pub allowed
start_coordinator coordinator "tcp://127.0.0.1:*" store --lease-ms 600000 # nobody would wait for a lease that is not given back
where=$(endpoint coordinator)
start_worker one "$where"
start_worker two "$where"
start_worker three "$where"
await_committed store 5
kill -TERM "${pid[one]}"
kill -INT "${pid[two]}"
expect_end one 143
expect_end two 130
expect_middle store
expect_end coordinator 0
expect_end three 0
expect_json coordinator.out lost_leases 0 # nothing had to run out
expect_json coordinator.out duplicates 0  # nothing was computed twice
expect_rows store

# An idle worker and one that finds no coordinator leave at once.
start lonely nightjar-worker --connect "tcp://127.0.0.1:$(free_port)" --server-key server.key.pub --key worker.key --cache cache
sleep 0.3
kill -TERM "${pid[lonely]}"
expect_end lonely 143

# Asked a second time it does not finish its shard, which is the whole night here.
start_coordinator patient "tcp://127.0.0.1:*" store3 --shard-users 400 --lease-ms 600000
start_worker hasty "$(endpoint patient)"
await_said hasty "ready: kernels"
sleep 0.3
kill -TERM "${pid[hasty]}"
await_said hasty "finishing what is being computed"
kill -TERM "${pid[hasty]}"
expect_end hasty 143
expect_said hasty "asked to end at once"
[[ $(committed store3) -eq 0 ]] || fail "the shard was finished before the worker could be hurried"
kill -TERM "${pid[patient]}"
expect_end patient 143
[[ ! -e store3/staging ]] || fail "a night that came to nothing has left a staging area"

# A coordinator that is asked to end sends its workers away with exit 75: their scheduler may start them again.
start_coordinator stopping "tcp://127.0.0.1:*" store2
start_worker four "$(endpoint stopping)"
await_committed store2 3
kill -TERM "${pid[stopping]}"
expect_end stopping 143
expect_end four 75
expect_said four "the coordinator stops before the night is finished"

# The worker of a `nightjar run` that is asked to end is replaced.
start run nightjar run "${night[@]}" "${slow[@]}" "${shards[@]}" --store store2 --workers 2 --resume
await_committed store2 8
kill -TERM "$(worker_of run 1)"
expect_end run 0
expect_said run "exit 143\): starting another"
expect_rows store2
