# A worker is killed at every point that schemas/failpoint.def names for it, and at later hits of the same point. Another worker with
# the same cache finishes the night: half a section in the cache, a shard half decoded, a RESULT without its ACK harm nothing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_fleet 40 # 5 shards
HITS='1 3'

killed=0
kill_at() { # POINT HIT RULE
    local at="$1@$2" where code=0
    start_coordinator "$at" "tcp://127.0.0.1:*" "$at" --lease-ms 1000 # noticed the sooner
    where=$(endpoint "$at")
    NJ_FAILPOINT=$3 start "victim-$at" nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key \
        --cache "cache-$at"
    await "$1 to be hit" ended "victim-$at"
    wait "${pid[victim-$at]}" || code=$?
    unset "pid[victim-$at]"
    [[ $code -eq 137 || ($code -eq 0 && $2 -gt 1) ]] || fail "$1, hit $2: the worker ended with exit $code"
    if [[ $code -eq 137 ]]; then
        killed=$((killed + 1))
        start "heir-$at" nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key --cache "cache-$at"
        expect_end "$at" 0
        reap "heir-$at" # it finds nobody where the victim had given its last rows away
    else
        expect_end "$at" 0
    fi
    expect_json "$at.out" rows 40
    expect_whole "$at"
}

for point in $(failpoints WORKER '\(PLACE\|STEP\)'); do
    for hit in $HITS; do
        kill_at "$point" "$hit" "$point=kill@$hit"
    done
done
user=$(sed -n '20s/ .*//p' users.txt)
kill_at engine.user 1 "engine.user=kill:$user"
[[ $killed -ge 16 ]] || fail "the worker was killed $killed times: fewer than 16"
echo "killed $killed times"
