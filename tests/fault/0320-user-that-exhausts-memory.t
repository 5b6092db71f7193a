# A user for whom a worker takes all the memory that its limit allows: it reports so, or dies. Both end in the user's quarantine.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
! is_sanitized || skip "a sanitizer's shadow does not fit under a memory limit"
make_night 200
user=$(user_at 50)
with_memory_limit() { # KILOBYTES COMMAND...
    ulimit -v "$1"
    shift
    exec "$@"
}
start run with_memory_limit 4000000 env NJ_FAILPOINT="engine.user=exhaust:$user" nightjar run "${night[@]}" --store store --workers 2 \
    --shard-users 8 --lease-ms 2000 --json --quarantine-max 1
expect_end run 3
expect_quarantined run.out "$user"
expect_whole_without store "$user"
