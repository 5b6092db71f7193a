# `nightjar run` is killed in the middle of the night: its workers go, nothing secret stays, and --resume goes on from what is committed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
run=(nightjar run "${night[@]}" "${slow[@]}" "${shards[@]}" --store store --json)

start first "${run[@]}" --workers 2
await_committed store 8
orphans=$(children "${pid[first]}")
kill -9 "${pid[first]}"
expect_end first 137
expect_middle store
[[ ! -e store/CURRENT ]] || fail "a night that was killed has published"
[[ -z $(ls -A tmp) ]] || fail "the night left $(ls -A tmp) in TMPDIR"
done_before=$(committed store)

# A plain run does not touch it, for fear that it runs; --resume goes on. Leases of the resumed night are those shards that were
# not committed, and no other.
expect_exit 75 "${run[@]}" --workers 1
expect_said last "go on with --resume"
[[ $(committed store) -eq $done_before ]] || fail "a plain run has touched the staging area"
start second "${run[@]}" --workers 2 --resume
expect_end second 0
expect_rows store
expect_json second.out rows 400
expect_json second.out resumed_shards "$done_before"
expect_json second.out resumed_rows $((done_before * 8))
expect_said second "resumed: $done_before of 50 shards are committed"
expect_generations store 1

# Without a staging area --resume begins.
expect_exit 0 nightjar run "${night[@]}" --workers 2 --store store --resume --json
expect_json last.out resumed_shards 0
expect_rows store
expect_generations store 2

# The workers of the killed night were told by the kernel: they end by themselves.
no_orphans() {
    local orphan
    for orphan in $orphans; do
        [[ ! -e /proc/$orphan ]] || return 1
    done
}
await "the killed night's workers to end" no_orphans
