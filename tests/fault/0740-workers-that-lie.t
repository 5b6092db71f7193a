# Workers with the right key and wrong answers: nothing of theirs is written, each is told why, and the night of the honest has the same
# bytes. The liar has the real session and sockets (tests/bench/stub_worker.c).
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_fleet 60

start_liar() { # LIE
    start liar stub_worker --connect "$where" --server-key server.key.pub --key worker.key --items "$data/items.txt" --compute-ms 1 --lie "$1"
}

# One night a lie: the liar alone, until the coordinator says what it thinks of it; then an honest worker.
expect_refused() { # LIE PATTERN
    start_coordinator coordinator "tcp://127.0.0.1:*" "store-$1"
    where=$(endpoint coordinator)
    start_liar "$1"
    await_said coordinator "$2"
    [[ $(committed "store-$1") -eq 0 ]] || fail "rows of a liar ($1) were written"
    reap liar
    start honest nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key --cache cache
    expect_end coordinator 0
    expect_end honest 0
    expect_whole "store-$1"
    rm -f coordinator.log
}

expect_refused digest "failed shard .*the rows do not have the digest that was sent with them"
expect_refused items "failed shard .*an item that is not in the catalogue"
expect_refused long "failed shard .*a list is longer than --top"
expect_refused short "failed shard .*the rows do not fit the shard's users"

# Another protocol version and another numeric class end the worker, with both sides named; results of another night or of a shard
# that does not exist are answered and forgotten.
start_coordinator coordinator "tcp://127.0.0.1:*" store
where=$(endpoint coordinator)
start_liar version
expect_end liar 1
expect_said liar "the peer speaks protocol version 2, this program speaks 1"
start_liar class
expect_end liar 78
expect_said liar "numeric class"
for lie in epoch shard; do
    start_liar $lie
    await_said coordinator "stub/${pid[liar]} joins"
    sleep 0.5
    [[ $(committed store) -eq 0 ]] || fail "rows of a liar ($lie) were written"
    reap liar
done

# Every result twice is no lie: the rows of the first count. (They are not those of the model: this store is not compared.)
start_liar twice
expect_end coordinator 0
expect_end liar 0
[[ $(json_of coordinator.out duplicates) -ge 1 ]] || fail "no result came twice"
expect_json coordinator.out rows 60
expect_valid store
