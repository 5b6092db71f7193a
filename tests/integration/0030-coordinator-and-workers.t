# A coordinator and workers that know only its address and key: the night finishes, and everybody leaves with exit 0.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 300
make_keys server worker other
cat worker.key.pub other.key.pub >allowed

start_coordinator coordinator "tcp://127.0.0.1:*" store
where=$(endpoint coordinator)
start_worker one "$where"
# A key as text instead of a file, another worker key, another cache, and two processes of one command.
start two nightjar-worker --connect "$where" --server-key "$(cat server.key.pub)" --key other.key "${slow[@]}" --cache cache2 \
    --procs 2
expect_end coordinator 0
expect_end one 0
expect_end two 0

expect_rows store
expect_json coordinator.out rows 300
expect_json coordinator.out shards 38
expect_json coordinator.out lost_leases 0
[[ $(count_said coordinator "/[0-9]+ joins") -eq 3 ]] || fail "not three workers joined"
[[ $(count_said coordinator "/[0-9]+ leaves") -eq 3 ]] || fail "not three workers left"
expect_not_said coordinator "(warning|error):"
expect_not_said one "(warning|error):"
