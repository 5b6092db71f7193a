# A worker that was asked to end finishes for no longer than --drain-ms, and a second signal does not wait for the batch at hand.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_failpoints
make_fleet 40

# The worker does one shard; the next takes eight seconds, in the midst of which it is asked to end.
end_slow_worker() { # NAME SHARDS SIGNALS OPTION...
    local name=$1 shards=$2 signals=$3 begun
    shift 3
    NJ_FAILPOINT=compute.begun=slow@2:8000 start_worker "$name" "$where" "$@"
    await_committed store "$shards"
    begun=$SECONDS
    for ((i = 0; i < signals; i++)); do
        kill -TERM "${pid[$name]}"
        sleep 0.3
    done
    expect_end "$name" 143
    [[ $((SECONDS - begun)) -le 4 ]] || fail "$name took $((SECONDS - begun)) s to end"
    [[ -d store/staging ]] || fail "the night was over before the worker"
}

start_coordinator coordinator "tcp://127.0.0.1:*" store
where=$(endpoint coordinator)
end_slow_worker bounded 1 1 --drain-ms 700
expect_said bounded 'finishing what is being computed, for at most 700 ms'
end_slow_worker impatient 2 2
expect_said impatient 'asked to end at once'

start_worker sound "$where"
expect_end coordinator 0
expect_end sound 0
expect_whole store
