# The allow-list changes while a night runs: at once on SIGHUP, by itself within seconds; a broken list changes nothing and says why; a
# worker whose key is gone gets nothing more and loses its leases at once, not at the end of their time.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 800
make_keys server worker second
cp worker.key.pub allowed
long=(--lease-ms 60000) # a lease that only runs out would take longer than this test

replace_list() { # FILE...: written beside and renamed, as the handbook says
    cat "$@" >allowed.new
    mv allowed.new allowed
}

start_coordinator coordinator "tcp://127.0.0.1:*" store "${long[@]}"
where=$(endpoint coordinator)
start_worker first "$where"
start newcomer nightjar-worker --connect "$where" --server-key server.key.pub --key second.key "${slow[@]}" --cache cache
await_said coordinator "not in the list of workers"
await_committed store 2

echo "half a k" >allowed
await_said coordinator "allowed:1: not a key: .*the list of workers stays as it was"
: >allowed
kill -HUP "${pid[coordinator]}"
await_said coordinator "allowed: holds no key.*stays as it was"
before=$(committed store)
await_committed store $((before + 2)) # the first worker is still let in

# The second key comes by itself; then the first one goes, on SIGHUP.
replace_list worker.key.pub second.key.pub
await_said coordinator "allowed was read again: 2 workers may connect"
await "the newcomer to join" test "$(count_said coordinator '/[0-9]+ joins')" -ge 1
await_said newcomer "bundle:"
replace_list second.key.pub
kill -HUP "${pid[coordinator]}"
asked=$SECONDS
await_said coordinator "allowed was read again: 1 workers may connect"
await_said coordinator "/${pid[first]} has vanished"
[[ $((SECONDS - asked)) -le 10 ]] || fail "the first worker's leases came back after $((SECONDS - asked)) s"
expect_end coordinator 0
expect_end newcomer 0
expect_whole store
expect_json coordinator.out duplicates 0
alive first && reap first # it asks for a coordinator until its patience ends
exit 0
