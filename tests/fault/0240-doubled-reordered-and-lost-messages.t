# Between coordinator and workers every message is doubled, or overtakes others, or is lost now and then: the same bytes. Late and
# doubled results are answered, and written once.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_fleet 400
for mode in double reorder lose; do
    start_coordinator $mode "tcp://127.0.0.1:*" store-$mode
    start_middleman between-$mode $mode $mode 7
    start_worker one-$mode "$(endpoint between-$mode)"
    start_worker two-$mode "$(endpoint between-$mode)"
done
for mode in double reorder lose; do
    expect_end $mode 0
    reap one-$mode # its DRAIN may be lost
    reap two-$mode
    kill -TERM "${pid[between-$mode]}"
    expect_end between-$mode 0
    expect_whole store-$mode
    expect_json $mode.out rows 400
    expect_not_said $mode "computes wrongly"
done
[[ $(json_of double.out duplicates) -ge 40 ]] || fail "only $(json_of double.out duplicates) results of 50 were duplicates"
expect_json double.out lost_leases 0
