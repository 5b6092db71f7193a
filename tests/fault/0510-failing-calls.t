# The coordinator's writes, syncs and renames fail at random (fiu-run). It pauses and tries again, or ends with exit 74 and is resumed; what is
# published is whole. Then publish, rollback and verify under the same faults: CURRENT names one of two whole generations at every instant.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need fiu-run fiu-utils
! is_sanitized || skip "a sanitizer and libfiu both want to be loaded first"
make_fleet 40
CALLS='posix/io/rw/pwrite posix/io/rw/writev posix/io/sync/fsync posix/io/sync/fdatasync posix/io/rw/ftruncate posix/io/dir/rename'

faulty() { # PROBABILITY COMMAND...
    local call options=() probability=$1
    shift
    for call in $CALLS; do
        options+=(-c "enable_random name=$call,probability=$probability")
    done
    exec fiu-run -x -f '' "${options[@]}" "$@"
}

knows_endpoint() { # NAME; or it ended without one
    said "$1" "listening on tcp" || ended "$1"
}

ends=0 pauses=0
for round in {1..3}; do
    store=store$round
    for try in {1..30}; do
        name=night$round.$try
        start $name faulty 0.04 nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" "${shards[@]}" \
            --store $store --json --resume --storage-wait-ms 20000
        await "$name to listen" knows_endpoint $name
        if alive $name; then
            start worker nightjar-worker --connect "$(endpoint $name)" --server-key server.key.pub --key worker.key --cache cache
            await "$name to end" ended $name
            reap worker
        fi
        code=0
        wait "${pid[$name]}" || code=$?
        unset "pid[$name]"
        pauses=$((pauses + $(count_said $name "paused: ")))
        expect_valid $store
        [[ $code -eq 0 ]] && break
        [[ $code -eq 74 ]] || fail "$name ended with exit $code"
        ends=$((ends + 1))
    done
    [[ $code -eq 0 ]] || fail "$store was not published in 30 tries"
    expect_rows $store
done
[[ $((ends + pauses)) -ge 1 ]] || fail "no call failed: nothing was tried"

old=$(cat store3/CURRENT)
expect_exit 0 nightjar run "${night[@]}" --store store3 --workers 1
new=$(cat store3/CURRENT)
failed=0
for round in {1..40}; do
    command=(publish "$new")
    [[ $((round % 2)) -eq 0 ]] || command=(rollback)
    code=0
    (faulty 0.1 nightjar store "${command[@]}" --store store3) >last.out 2>last.log || code=$?
    case $code in
        0) ;;
        74) failed=$((failed + 1)) ;;
        5) ;; # a rollback when the one before worked, and the publish between did not
        *) fail "store ${command[*]} under faults: exit $code" ;;
    esac
    [[ $(cat store3/CURRENT) == "$old" || $(cat store3/CURRENT) == "$new" ]] || fail "CURRENT says $(cat store3/CURRENT)"
    expect_valid store3
done
[[ $failed -ge 1 ]] || fail "no publish failed: nothing was tried"
echo "the night ended $ends times and paused $pauses times; $failed of 40 publishes and rollbacks failed"
