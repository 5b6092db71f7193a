# A user for whom the computation never ends. The worker answers and makes no progress: it loses its lease, and so does the next one,
# until the user stands alone. Workers that spin are not waited for.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_night 200
user=$(user_at 50)
run=(nightjar run "${night[@]}" --store store --workers 2 --shard-users 4 --lease-ms 1000 --json)
NJ_FAILPOINT="engine.user=spin:$user" start run "${run[@]}" --quarantine-max 1
expect_end run 3
expect_quarantined run.out "$user"
expect_whole_without store "$user"
