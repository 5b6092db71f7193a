# A user whom no worker can decode is found by halving his shard. The night goes on without him within the budget (exit 3), and says
# beyond it how to go on (exit 1): nothing is computed again for that.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
grep -q NJ_FAILPOINT "$bin/nightjar-worker" || {
    echo "SKIPPED: ${0##*/}: the programs are built without -DNIGHTJAR_FAILPOINTS=ON"
    exit 77
}

make_night 200
poison=$(sed -n 77p users.txt | cut -d' ' -f1)
grep -v "\"user\": \"$poison\"" expected.jsonl >others.jsonl
run=(nightjar run "${night[@]}" --shard-users 64 --lease-ms 2000 --workers 2 --json)

# Over the budget: everything else is decoded and kept.
export NJ_FAILPOINT=engine.user=nan:$poison
expect_exit 1 "${run[@]}" --store store
expect_said last "quarantine-max is 0. They are \"$poison\""
expect_said last "user \"$poison\" is quarantined after 2 tries"
expect_json last.out generation None
expect_json last.out rows 199
expect_json last.out quarantined 1
expect_json last.out splits 6
[[ ! -e store/CURRENT ]] || fail "a night over its budget was published"

# Once more without a budget gives the same at once; with one it is published. Neither decodes anything but the audit's sample.
expect_exit 1 "${run[@]}" --store store --resume
expect_json last.out leases 0
expect_exit 3 "${run[@]}" --store store --resume --quarantine-max 1
expect_json last.out resumed_rows 199
expect_json last.out splits 0
# Eight ranges of four users; one that crosses the end of a shard, of which there are three, is two leases.
[[ $(json_of last.out leases) -le 11 ]] || fail "$(json_of last.out leases) leases for an audit of 32 users"
expect_rows store others.jsonl
expect_exit 0 nightjar store verify --store store --json
expect_json last.out user_count 200
expect_json last.out row_count 199
named=$(cat store/gen-*/QUARANTINED.jsonl)
[[ $named == "{\"user\": \"$poison\", \"reason\": \"user \\\"$poison\\\": the model gives NaN"*"\"attempts\": 2}" ]] || fail "QUARANTINED.jsonl: $named"
expect_exit 5 nightjar store get --store store "$poison"

# A user who kills his worker is found just so, and takes no neighbour with him.
export NJ_FAILPOINT=engine.user=kill:$poison
expect_exit 3 "${run[@]}" --store killed --quarantine-max 1
expect_json last.out quarantined 1
expect_rows killed others.jsonl

# What was given up may be tried again.
export NJ_FAILPOINT=engine.user=nan:$poison
expect_exit 1 "${run[@]}" --store mended
unset NJ_FAILPOINT
expect_exit 2 "${run[@]}" --store mended --retry-quarantined
expect_exit 0 "${run[@]}" --store mended --resume --retry-quarantined
expect_json last.out resumed_rows 199
expect_json last.out quarantined 0
[[ $(json_of last.out leases) -le 12 ]] || fail "$(json_of last.out leases) leases for one user and the audit"
expect_rows mended
