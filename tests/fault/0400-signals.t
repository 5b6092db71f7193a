# SIGTERM and SIGINT: what is committed stays, exit codes are 143 and 130, and --resume goes on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
run=(nightjar run "${night[@]}" "${slow[@]}" "${shards[@]}" --store store --workers 2 --json)

start first "${run[@]}"
await_committed store 3
kill -TERM "${pid[first]}"
expect_end first 143
expect_said first "go on with --resume"
expect_middle store
one=$(committed store)
[[ $one -ge 3 ]] || fail "committed shards went away"

start second "${run[@]}" --resume
await_committed store $((one + 3))
kill -INT "${pid[second]}"
expect_end second 130
expect_middle store
two=$(committed store)

# As from a service manager, which signals the coordinator and its workers at once. No worker's end may be taken for a failure.
start third "${run[@]}" --resume
await_committed store $((two + 3))
mapfile -t workers < <(children "${pid[third]}")
kill -TERM "${workers[@]}" "${pid[third]}"
expect_end third 143
expect_middle store
three=$(committed store)

start fourth "${run[@]}" --resume
expect_end fourth 0
expect_json fourth.out resumed_shards "$three"
expect_rows store
