# A disk that fills up ends the night with exit 74. Committed shards stay, and --resume goes on when there is room.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
small_disk() { # KILOBYTES COMMAND...: no file of the command may be larger
    ulimit -f "$1"
    trap '' XFSZ
    shift
    exec "$@"
}
make_keys server worker
cp worker.key.pub allowed
start cramped small_disk 160 nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" \
    "${shards[@]}" --store store
start_worker one "$(endpoint cramped)"
expect_end cramped 74
expect_end one 75
expect_said cramped "store/staging.*asked for again \(1 of 5\)"
[[ ! -e store/CURRENT ]] || fail "half a night was published"
done_before=$(committed store)
[[ $done_before -ge 1 && $done_before -lt 50 ]] || fail "$done_before of 50 shards fit on the small disk: nothing was tried"

start roomy nightjar run "${night[@]}" "${shards[@]}" --store store --workers 2 --resume --json
expect_end roomy 0
expect_json roomy.out resumed_shards "$done_before"
expect_rows store
