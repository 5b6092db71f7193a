# Three users whose scores are NaN wherever they are decoded. Their shards are halved until each stands alone; they are named. Without
# a budget nothing is published, with one the night publishes at once from what is staged, and decoded again the users are whole.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_night 200
a=$(user_at 3)
b=$(user_at 60)
c=$(user_at 61) # its neighbour: one shard holds two of them
run=(nightjar run "${night[@]}" --store store --workers 2 --shard-users 8 --json)
export NJ_FAILPOINT="engine.user=nan:$a,engine.user=fail:$b,engine.user=nan:$c"

expect_exit 1 "${run[@]}"
[[ ! -e store/CURRENT ]] || fail "a night over its budget was published"
for user in "$a" "$b" "$c"; do
    expect_said last "\"$user\""
done
expect_middle store
expect_quarantined last.out "$a" "$b" "$c"
expect_json last.out rows 197

# One too few, and exactly as many as there are: nobody is decoded for that.
export NJ_FAILPOINT="compute.begun=kill"
expect_exit 1 "${run[@]}" --resume --quarantine-max 2
expect_exit 3 "${run[@]}" --resume --quarantine-max 3 --audit-users 0
expect_quarantined last.out "$a" "$b" "$c"
expect_json last.out resumed_rows 197
expect_whole_without store "$a" "$b" "$c"
expect_listed store "$a" "$b" "$c"
expect_exit 5 nightjar store get --store store "$a"

# Within the budget from the beginning.
export NJ_FAILPOINT="engine.user=nan:$a"
rm -r store
expect_exit 3 "${run[@]}" --quarantine-max 5
expect_quarantined last.out "$a"
expect_whole_without store "$a"

# What was wrong with them is mended: they are tried again, the others are not.
rm -r store
expect_exit 1 "${run[@]}"
unset NJ_FAILPOINT
expect_exit 0 "${run[@]}" --resume --retry-quarantined
expect_json last.out resumed_rows 199
expect_json last.out quarantined 0
expect_whole store
