# More strangers than the coordinator has descriptors: it lives, nobody new is let in for a moment, those who prove nothing are ended
# sooner than usual, a worker gets through, commits find descriptors for the store's files, and the night has the same bytes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

LIMIT=4096
make_fleet 300
[[ $(ulimit -Hn) -ge 8192 ]] || skip "the attacker needs 8192 descriptors (ulimit -Hn)"
start limited prlimit --nofile=$LIMIT:$LIMIT nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed \
    "${night[@]}" --shard-users 8 --lease-ms 20000 --store store --json
where=$(endpoint limited)
start crowd python3 "$source_dir/tests/fault/attack.py" "${where#tcp://}" silent 7000 60
await_said limited "descriptors are in use: nobody new is let in"
start_worker one "$where"
await_said limited "joins"
expect_end limited 0
expect_end one 0
expect_not_said limited "Too many open files"
expect_said limited "no handshake, and connections run short"
expect_json limited.out rows 300
expect_whole store
reap crowd
