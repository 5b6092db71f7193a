# A worker that is killed in the middle of the night loses nothing and doubles nothing, and its shards do not wait for their lease.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
start run nightjar run "${night[@]}" --store store --workers 2 "${slow[@]}" --shard-users 8 --lease-ms 600000 --json
await_committed store 5
victim=$(worker_of run 1)
kill -9 "$victim"
expect_middle store
# Its leases would live for ten minutes: the coordinator must notice that the connection is dead.
expect_end run 0

expect_rows store
expect_said run "worker $victim ended \(signal 9\): starting another"
expect_said run "/$victim has vanished"
expect_json run.out rows 400
[[ $(json_of run.out lost_leases) -ge 1 ]] || fail "the killed worker held no lease: nothing was tried"
[[ -z $(ls -A tmp) ]] || fail "the night left $(ls -A tmp) in TMPDIR"
