# A worker lies in the middle of the night: flipped bytes, a digest that does not fit, rows of another shard, rows in another order,
# another epoch, an attempt that nobody was given. Nothing of it is written; the others' rows are those of `decode`.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_fleet 400
lies=(flip digest shard order epoch attempt)
for lie in "${lies[@]}"; do
    start_coordinator "$lie" "tcp://127.0.0.1:*" "store-$lie"
    start_middleman "liar-$lie" "$lie" "$lie" 3
    start_worker "lied-$lie" "$(endpoint "liar-$lie")"
    start_worker "honest-$lie" "$(endpoint "$lie")"
done
for lie in "${lies[@]}"; do
    expect_end "$lie" 0
    expect_end "honest-$lie" 0
    reap "lied-$lie"
    kill -TERM "${pid[liar-$lie]}"
    expect_end "liar-$lie" 0
    expect_said "liar-$lie" "lie 1: $lie about shard"
    expect_whole "store-$lie"
    expect_not_said "$lie" "computes wrongly"
done
expect_said flip "digest"
expect_said digest "digest"
expect_said shard "another history"
expect_said order "another history"

# The right rows of a shard, and then sound rows with a wrong score: an alarm, and nothing is published.
start_coordinator twofold "tcp://127.0.0.1:*" store-twofold
start_middleman liar-twofold twofold both 3
start_worker lied-twofold "$(endpoint liar-twofold)"
expect_end twofold 4
expect_said twofold "computes wrongly"
[[ ! -e store-twofold/CURRENT ]] || fail "a night with an alarm was published"
expect_middle store-twofold
reap lied-twofold
