# A coordinator is stopped (SIGSTOP) at instants that matter and wakes up when another has taken its night over. What it holds no lock
# for it has lost: it writes and publishes nothing more. While it holds the store's lock nobody can take over: the other says who
# holds it, within 10 seconds, and the sleeper goes on when it wakes up.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_fleet 40

stopped_at() { # POINT
    NJ_FAILPOINT=$1=stop@1 start_coordinator "$1" "tcp://127.0.0.1:*" "$1"
    start "worker-$1" nightjar-worker --connect "$(endpoint "$1")" --server-key server.key.pub --key worker.key --cache cache
    await_stopped "$1"
    expect_valid "$1"
}

for point in result.received commit.due ack.due pack.row pack.synced pack.sealed pack.named verify.begun; do
    stopped_at $point
    finish_night "heir-$point" $point
    cp $point/CURRENT current
    kill -CONT "${pid[$point]}"
    expect_end $point 75
    cmp current $point/CURRENT >&2 || fail "$point: the one that woke up has published"
    expect_whole $point
    [[ $(generations $point) -le 2 ]] || fail "$point: $(generations $point) generations" # one had its name before it was fenced
    reap "worker-$point"
done

locked=(commit.put publish.due)
for point in "${locked[@]}"; do
    stopped_at "$point"
    start_coordinator "heir-$point" "tcp://127.0.0.1:*" "$point" --resume
done
began=$SECONDS
for point in "${locked[@]}"; do
    expect_end "heir-$point" 75
    expect_said "heir-$point" "${pid[$point]}"
done
[[ $((SECONDS - began)) -le 12 ]] || fail "it took $((SECONDS - began)) s to notice the lock"
for point in "${locked[@]}"; do
    kill -CONT "${pid[$point]}"
    expect_end "$point" 0
    reap "worker-$point"
    expect_whole "$point"
    expect_generations "$point" 1
done
