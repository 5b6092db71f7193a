# The coordinator is killed at every point that schemas/failpoint.def names for it, and at later hits of the same point too. Whatever
# the instant: CURRENT is valid, no committed shard is lost or computed again, and --resume publishes the same bytes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_fleet 40 # 5 shards
HITS='1 2'

committed_of() { # STORE: also when there is no staging area (any more)
    [[ -d $1/staging ]] && committed "$1" || echo 0
}

killed=0
kill_at() { # POINT HIT; false when the night ended before
    local store="$1@$2" code=0 before
    NJ_FAILPOINT="$1=kill@$2" start_coordinator "$store" "tcp://127.0.0.1:*" "$store"
    await "$1 to be hit" knows_endpoint_or_ended "$store"
    if alive "$store"; then
        start worker nightjar-worker --connect "$(endpoint "$store")" --server-key server.key.pub --key worker.key --cache cache
        await "$1 to be hit" ended "$store"
        reap worker
    fi
    wait "${pid[$store]}" || code=$?
    unset "pid[$store]"
    [[ $code -eq 137 || ($code -eq 0 && $2 -gt 1) ]] || fail "$1, hit $2: the coordinator ended with exit $code"
    expect_valid "$store"
    [[ $code -eq 137 ]] || return 1
    killed=$((killed + 1))
    before=$(committed_of "$store")
    finish_night "$store-resumed" "$store" # begins another where this one was over
    expect_json "$store-resumed.out" resumed_shards "$before"
    expect_whole "$store"
}

knows_endpoint_or_ended() { # NAME
    said "$1" "listening on tcp" || ended "$1"
}

for point in $(failpoints COORDINATOR); do
    for hit in $HITS; do
        kill_at "$point" "$hit" || break
    done
done
[[ $killed -ge 45 ]] || fail "the coordinator was killed $killed times: fewer than 45"
echo "killed $killed times"
