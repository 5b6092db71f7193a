# Whatever connects to the port and says anything, or nothing, the night finishes with the same bytes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 300
make_keys server worker
cp worker.key.pub allowed
start_coordinator coordinator "tcp://127.0.0.1:*" store
where=$(endpoint coordinator)
port=${where##*:}
start hostile python3 "$source_dir/tests/integration/hostile.py" "$port" 200
await_said hostile "200 silent connections are open"
start_worker one "$where"
await_committed store 3
start_worker two "$where" # past all of them
expect_end coordinator 0
expect_end one 0
expect_end two 0
expect_rows store
expect_json coordinator.out lost_leases 0
[[ $(count_said coordinator "/[0-9]+ joins") -eq 2 ]] || fail "somebody else was welcomed"
expect_end hostile 0
expect_said hostile "[0-9]+ hostile connections"

# The open endpoint has no keys to keep them out, and messages reach the parser.
start open nightjar-coordinator --bind "tcp://127.0.0.1:*" --insecure "${night[@]}" "${shards[@]}" --store open-store --json
where=$(endpoint open)
start talker python3 "$source_dir/tests/integration/hostile.py" "${where##*:}" 20 --zmtp
start three nightjar-worker --connect "$where" --insecure "${slow[@]}" --cache cache
start four nightjar-worker --connect "$where" --insecure "${slow[@]}" --cache cache
expect_end open 0
expect_end three 0
expect_end four 0
expect_rows open-store
expect_end talker 0
[[ $(count_said open "message from .* refused: ") -ge 10 ]] || fail "few hostile messages reached the parser"
expect_said open "credit.* is not a number within its limit"
