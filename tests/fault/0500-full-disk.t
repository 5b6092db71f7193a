# A small disk (tmpfs) is full when rows are committed, when the generation is drafted, copied and named, and when it is published. The night
# pauses, goes on by itself when there is room, and publishes the same bytes; nothing that is published or staged is ever broken.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [[ -z ${IN_NAMESPACE:-} ]]; then
    unshare -rm true 2>/dev/null || skip "a mount namespace cannot be made here (unshare -rm)"
    NIGHTJAR_BIN=$bin IN_NAMESPACE=1 unshare -rm bash "$source_dir/tests/fault/${0##*/}"
    exit 0
fi
need_failpoints
make_fleet 40
mkdir disk
mount -t tmpfs -o size=2m tmpfs disk
trap 'code=$?; umount -l disk; end_test $code' EXIT

fill_disk() {
    cat /dev/zero >>disk/ballast 2>/dev/null || true
    [[ $(df --output=avail disk | tail -n 1) -eq 0 ]] || fail "the disk has room left"
}

# The coordinator stands still at a point while somebody else takes the rest of the disk.
full_at() { # POINT [NAME]
    local name=${2:-$1}
    NJ_FAILPOINT="$1=stop@1" start_coordinator "$name" "tcp://127.0.0.1:*" disk/store --audit-users 0
    start "worker-$name" nightjar-worker --connect "$(endpoint "$name")" --server-key server.key.pub --key worker.key --cache cache
    await_stopped "$name"
    fill_disk
    kill -CONT "${pid[$name]}"
}

# Without what the last night published before, which the disk has no room for.
keep_current() {
    find disk/store -maxdepth 1 -name 'gen-*' ! -name "$(cat disk/store/CURRENT)" -exec rm -r {} +
}

for point in commit.begun pack.due pack.drafted pack.synced publish.due; do
    full_at $point
    await_said $point "paused: .*(No space left|disk full)"
    expect_valid disk/store
    rm disk/ballast
    expect_end $point 0
    reap "worker-$point"
    expect_said $point "can be written again after"
    expect_whole disk/store
    keep_current
done

# The removal of the staging area needs no room. A rollback needs some; without, it says so and changes nothing.
full_at remove.due
expect_end remove.due 0
reap worker-remove.due
expect_whole disk/store
before=$(cat disk/store/CURRENT)
fill_disk
expect_exit 74 nightjar store rollback --store disk/store
expect_said last "No space left on device"
[[ $(cat disk/store/CURRENT) == "$before" ]] || fail "a rollback that failed has moved CURRENT"
expect_valid disk/store
rm disk/ballast
expect_exit 0 nightjar store rollback --store disk/store
[[ $(cat disk/store/CURRENT) != "$before" ]] || fail "the rollback has not moved CURRENT"
expect_valid disk/store

# Nobody makes room: the night ends, and --resume publishes without computing anything again.
full_at pack.drafted hopeless
await_said hopeless "paused: "
kill -TERM "${pid[hopeless]}" # somebody loses patience
expect_end hopeless 143
reap worker-hopeless
expect_valid disk/store
rm disk/ballast
start_coordinator last-try "tcp://127.0.0.1:*" disk/store --audit-users 0 --resume
expect_end last-try 0
expect_json last-try.out resumed_shards 5
expect_whole disk/store
