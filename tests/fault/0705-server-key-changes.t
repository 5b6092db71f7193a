# The coordinator's own key changes in the middle of a night: workers that know the old and the new one find the coordinator that was
# started again with --resume, by themselves, whichever stands first.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 400
make_keys server worker new
cp worker.key.pub allowed
port=$(free_port)
both=(--server-key "server.key.pub,new.key.pub")
start_coordinator before "tcp://127.0.0.1:$port" store
start one nightjar-worker --connect "tcp://127.0.0.1:$port" "${both[@]}" --key worker.key "${slow[@]}" --cache cache
start two nightjar-worker --connect "tcp://127.0.0.1:$port" --server-key "$(head -c 40 new.key.pub),server.key.pub" --key worker.key \
    "${slow[@]}" --cache cache
await_said one "bundle:"
await_said two "bundle:"
await_committed store 5
kill -9 "${pid[before]}"
expect_end before 137
expect_middle store

mv new.key server.key
start_coordinator after "tcp://127.0.0.1:$port" store --resume
restarted=$SECONDS
await "both workers to join again" eval '[[ $(count_said after "/[0-9]+ joins") -ge 2 ]]'
echo "found after $((SECONDS - restarted)) s under the new key" >&2
[[ $((SECONDS - restarted)) -le 25 ]] || fail "the workers took $((SECONDS - restarted)) s to find the new key"
expect_end after 0
expect_end one 0
expect_end two 0
[[ $(json_of after.out resumed_shards) -ge 5 ]] || fail "nothing was resumed"
expect_whole store

# Who has only the old key does not speak to the new coordinator.
start_coordinator last "tcp://127.0.0.1:$port" other
start old nightjar-worker --connect "tcp://127.0.0.1:$port" --server-key server.key.pub --key worker.key --cache cache --give-up-ms 2000
expect_end old 75
expect_not_said last "joins"
expect_exit 65 nightjar-worker --connect "tcp://127.0.0.1:$port" --server-key server.key.pub,server.key.pub --key worker.key
expect_said last "server keys 1 and 2 are the same"
reap last
exit 0
