# The coordinator's address stands in a file: workers wait for it, and follow when the coordinator comes back elsewhere.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
make_keys server worker
cat worker.key.pub >allowed

start_worker early file:address
await_said early "waiting for a coordinator to write its address: .*address: is not there yet"
start_coordinator coordinator "tcp://127.0.0.1:*" store --ready-file address
first=$(endpoint coordinator)
await_committed store 2
[[ $(cat address) == "$first" ]] || fail "address is \"$(cat address)\", should be $first"

# It vanishes, as with its host: the file stays, and names nobody. The next one has another port.
kill -9 "${pid[coordinator]}"
wait "${pid[coordinator]}" 2>/dev/null || true
unset "pid[coordinator]"
[[ -e address ]] || fail "nobody was there to remove the file"
expect_middle store
mv coordinator.log first.log
start_coordinator coordinator "tcp://0.0.0.0:*" store --ready-file address --resume
second=$(endpoint coordinator)
[[ $second != "$first" ]] || fail "the same port twice"
expect_said coordinator "address: $second leads workers of other hosts to themselves"
! grep -q "leads workers" first.log || fail "an address of its own is warned of"
await_said early "file:address: the coordinator has moved to $second"
expect_end coordinator 0
expect_end early 0
expect_rows store
[[ ! -e address ]] || fail "the file outlives its coordinator"

# Nobody writes it.
expect_exit 75 nightjar-worker --connect file:address --server-key server.key.pub --key worker.key --give-up-ms 1000
expect_said last "waited 1 s for a coordinator: address: is not there yet"
# Asked to end while it waits.
start_worker waiting file:address
await_said waiting "is not there yet"
kill -TERM "${pid[waiting]}"
expect_end waiting 143

# It says something that is no address.
echo "here" >address
expect_exit 78 nightjar-worker --connect file:address --server-key server.key.pub --key worker.key
expect_said last "here: must be tcp://ADDRESS:PORT"

# A file that cannot be written leaves the store as it was.
rm -r store
expect_exit 74 nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" \
    --store store --ready-file /proc/address
expect_said last "/proc/address"
[[ ! -e store/staging ]] || fail "a night that never began has a staging area"
