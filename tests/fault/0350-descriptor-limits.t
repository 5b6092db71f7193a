# Too few descriptors to begin a night with: the coordinator says so, ends with 74 and leaves nothing in the way. With 64, and a worker with
# 20, the night has the same bytes. (0730 takes them away in the middle of a night.)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

! is_sanitized || skip "a sanitizer needs descriptors of its own"
make_fleet 60
with_descriptors() { # COUNT COMMAND...
    ulimit -n "$1"
    exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- # what the caller has left open
    shift
    exec "$@"
}
coordinator=(nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" "${shards[@]}" --json)

for count in 12 14; do
    start few$count with_descriptors $count "${coordinator[@]}" --store store
    expect_end few$count 74
    expect_said few$count "Too many open files"
    [[ ! -e store/staging ]] || fail "a night that could not begin has left a staging area"
done
start enough with_descriptors 64 "${coordinator[@]}" --store store
start worker with_descriptors 20 nightjar-worker --connect "$(endpoint enough)" --server-key server.key.pub --key worker.key --cache cache
expect_end enough 0
expect_end worker 0
expect_json enough.out lost_leases 0
expect_whole store
