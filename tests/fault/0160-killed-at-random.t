# Killed at five moments that nobody chose, resumed each time: the same bytes, and no shard is lost on the way.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 2003 # 501 shards: far more than five rounds can commit, also on a fast machine
before=0
for round in 1 2 3 4 5; do
    start "round$round" nightjar run "${night[@]}" "${slow[@]}" --shard-users 4 --lease-ms 2000 --store store --workers 2 --resume
    sleep "0.$((RANDOM % 600 + 100))"
    kill -9 "${pid[round$round]}" 2>/dev/null || true
    expect_end "round$round" 137
    after=$(committed store)
    [[ $after -ge $before ]] || fail "round $round: $before shards were committed, now $after"
    before=$after
    [[ $before -lt 250 ]] || break # a fast machine: the night must not end by itself in a later round
done
[[ $before -ge 1 ]] || fail "nothing was committed in five rounds"
start last nightjar run "${night[@]}" --shard-users 4 --lease-ms 2000 --store store --workers 2 --resume --json
expect_end last 0
expect_json last.out resumed_shards "$before"
expect_rows store
expect_generations store 1
