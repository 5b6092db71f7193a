# A coordinator that is frozen for longer than its leases wakes up, takes what came meanwhile, and ends the night rightly. Frozen for
# so long that another has taken over, it writes nothing more.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
make_keys server worker
cp worker.key.pub allowed
start_coordinator first "tcp://127.0.0.1:*" store --lease-ms 1000
where=$(endpoint first)
start_worker one "$where"
start_worker two "$where"
await_committed store 5
kill -STOP "${pid[first]}"
sleep 2.5
expect_middle store
kill -CONT "${pid[first]}"
expect_end first 0
expect_end one 0
expect_end two 0
expect_rows store

start_coordinator sleeper "tcp://127.0.0.1:*" store2 --lease-ms 1000
start_worker three "$(endpoint sleeper)"
await_committed store2 5
kill -STOP "${pid[sleeper]}"
start_coordinator heir "tcp://127.0.0.1:*" store2 --lease-ms 1000 --resume
start_worker four "$(endpoint heir)"
await "the heir to publish" test -e store2/CURRENT
expect_end heir 0
expect_end four 0
cp store2/CURRENT current
kill -CONT "${pid[sleeper]}"
expect_end sleeper 75
cmp current store2/CURRENT || fail "the one that woke up has published"
expect_rows store2
expect_generations store2 1
# Its worker waits for a coordinator, or has been told in time that this one stops.
stop_tree "${pid[three]}"
reap three
