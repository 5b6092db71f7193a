# The wall clock of coordinator and workers jumps a day forwards and back in the middle of the night. Leases, heartbeats and pauses are
# counted by the monotonic clock: no lease is lost, nobody is thrown out, and the rows are those of `decode`.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need faketime faketime
need_failpoints # to slow the workers down
! is_sanitized || skip "a sanitizer and libfaketime do not go together"
library=$(find /usr/lib -path '*faketime/libfaketimeMT.so.1' | head -n 1)
[[ -n $library ]] || skip "libfaketimeMT.so.1 is missing (Debian package libfaketime)"
make_fleet 400
clocked=(env LD_PRELOAD="$library" FAKETIME_TIMESTAMP_FILE="$work/clock" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
    DONT_FAKE_MONOTONIC=1)
set_clock() { # OFFSET
    echo "$1" >clock.new
    mv clock.new clock
}
set_clock +0d
"${clocked[@]}" date +%s >/dev/null 2>clock.log || skip "libfaketime does not work here: $(head -n 1 clock.log)"
set_clock +1d
[[ $(("$("${clocked[@]}" date +%s)" - $(date +%s))) -gt 80000 ]] || skip "libfaketime does not move the clock here"
set_clock +0d

coordinator_on_the_clock() {
    start coordinator "${clocked[@]}" nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" \
        "${shards[@]}" --store store --json
}
coordinator_on_the_clock
for name in one two; do
    start $name "${clocked[@]}" NJ_FAILPOINT=compute.user=slow:10 nightjar-worker --connect "$(endpoint coordinator)" \
        --server-key server.key.pub --key worker.key "${slow[@]}" --cache cache
done
await_committed store 5
for jump in +1d -1d +0d +30d; do
    set_clock $jump
    before=$(committed store)
    await_committed store $((before + 3))
done
expect_middle store
expect_end coordinator 0
expect_end one 0
expect_end two 0
expect_json coordinator.out lost_leases 0
expect_json coordinator.out duplicates 0
expect_not_said coordinator "vanished"
awk "BEGIN { s = $(json_of coordinator.out decode_s); exit !(s > 0 && s < 60) }" || fail "the night took $(json_of coordinator.out decode_s) s"
expect_whole store

# The generation is named by a clock that was a month ahead. A night of today is current all the same.
set_clock +0d
future=$(cat store/CURRENT)
expect_exit 0 nightjar run "${night[@]}" --store store --workers 2
[[ $(cat store/CURRENT) != "$future" ]] || fail "the generation of the future stays current"
expect_whole store
