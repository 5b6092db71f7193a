# A user at whom every worker dies. Workers are started again, the shard is halved until the user stands alone, and is named; the
# others of its shard have their rows.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_night 200
user=$(user_at 50)
run=(nightjar run "${night[@]}" --store store --workers 2 --shard-users 8 --lease-ms 2000 --json)

NJ_FAILPOINT="engine.user=kill:$user" expect_exit 3 timeout 120 "${run[@]}" --quarantine-max 1
expect_quarantined last.out "$user"
expect_whole_without store "$user"
[[ $(json_of last.out lost_leases) -ge 5 ]] || fail "few leases were lost: the user killed nobody"
