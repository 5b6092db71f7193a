# A disk that fills up pauses the night: no shard is lost, nobody is told that rows are stored, and the night goes on by itself when there is
# room. Where none comes, it ends with exit 74; committed shards stay, and --resume goes on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
small_disk() { # KILOBYTES COMMAND...: no file of the command may be larger, until somebody allows it
    ulimit -S -f "$1"
    trap '' XFSZ
    shift
    exec "$@"
}
make_keys server worker
cp worker.key.pub allowed
start_cramped() { # NAME STORE OPTION...
    local name=$1 store=$2
    shift 2
    start "$name" small_disk 160 nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" \
        "${shards[@]}" --store "$store" --json "$@"
}

# No room comes.
start_cramped cramped store --storage-wait-ms 1500
start_worker one "$(endpoint cramped)"
expect_end cramped 74
expect_end one 75
expect_said cramped "paused: .*store/staging.*goes on by itself"
expect_said cramped "could not be written for .*--storage-wait-ms 1500"
[[ ! -e store/CURRENT ]] || fail "half a night was published"
done_before=$(committed store)
[[ $done_before -ge 1 && $done_before -lt 50 ]] || fail "$done_before of 50 shards fit on the small disk: nothing was tried"
start roomy nightjar run "${night[@]}" "${shards[@]}" --store store --workers 2 --resume --json
expect_end roomy 0
expect_json roomy.out resumed_shards "$done_before"
expect_rows store

# Room comes: the same night ends well, and what had been committed is not computed again.
start_cramped paused other
start_worker two "$(endpoint paused)"
await_said paused "still paused"
done_before=$(committed other)
prlimit --pid "${pid[paused]}" --fsize=unlimited
expect_end paused 0
expect_end two 0
expect_said paused "can be written again after"
expect_rows other
expect_json paused.out resumed_shards 0
expect_json paused.out lost_leases 0
[[ $(json_of paused.out leases) -le $((50 + 8 + 8)) ]] || fail "$(json_of paused.out leases) leases for 50 shards and 8 audits"
python3 -c 'import json; assert json.load(open("paused.out"))["paused_s"] > 0.2'
