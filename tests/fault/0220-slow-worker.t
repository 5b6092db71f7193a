# One worker is ten times slower than the others. At the end of the night its shards are given to a second worker, and the night takes
# little longer than without it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_fleet 480 # 60 shards; a user takes 20 ms of sleep, and 200 ms with the slow worker: 1.6 s a shard
USER_MS=20
SLOW_MS=200

paced_worker() { # NAME ENDPOINT MS
    NJ_FAILPOINT=compute.user=slow:$3 start "$1" nightjar-worker --connect "$2" --server-key server.key.pub --key worker.key --cache cache
}

three_workers() { # NAME MS-OF-THE-FIRST
    local where
    start_coordinator "$1" "tcp://127.0.0.1:*" "store-$1" --lease-ms 1500
    where=$(endpoint "$1")
    paced_worker "$1-a" "$where" "$2"
    paced_worker "$1-b" "$where" $USER_MS
    paced_worker "$1-c" "$where" $USER_MS
}

three_workers even $USER_MS
three_workers uneven $SLOW_MS
for name in even uneven; do
    expect_end $name 0
    expect_whole store-$name
    for worker in a b c; do
        reap $name-$worker
    done
done
even=$(json_of even.out decode_s)
uneven=$(json_of uneven.out decode_s)
echo "decoded in $even s with three equal workers, in $uneven s with one of them ten times slower"
# Two and a tenth workers instead of three: 1.43 times as long. Without second leases the slow one would hold two shards for 3.2 s.
awk "BEGIN { exit !($uneven < 2 * $even + 1) }" || fail "$uneven s with a slow worker, $even s without"
[[ $(json_of uneven.out speculations_won) -ge 1 ]] || fail "no second lease was won"
[[ $(json_of uneven.out speculations_started) -le 3 ]] || fail "more than three second leases of 60 shards"
