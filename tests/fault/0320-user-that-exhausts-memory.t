# A user for whom a worker takes memory without end, until the system kills it. (0360 has memory that cannot be had.) The user is
# quarantined; the others of its shard have their rows.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_night 200
user=$(user_at 50)
NJ_FAILPOINT="engine.user=exhaust:$user" start run nightjar run "${night[@]}" --store store --workers 2 --shard-users 8 \
    --lease-ms 2000 --json --quarantine-max 1
expect_end run 3
expect_quarantined run.out "$user"
expect_whole_without store "$user"
