# Before a night is packed, workers decode a sample again. A row that differs from the stored one stops the night with exit 4.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 100
run=(nightjar run "${night[@]}" --workers 2 --shard-users 8 --json)
expect_exit 0 "${run[@]}" --store sound
expect_json last.out audited_users 32
expect_exit 0 "${run[@]}" --store whole --audit-users 4096
expect_json last.out audited_users 100
expect_exit 0 "${run[@]}" --store unaudited --audit-users 0
expect_json last.out audited_users 0
expect_rows unaudited

# A row that was damaged after it was committed: the last bit of a score.
start broken "${run[@]}" "${slow[@]}" --store store
await_committed store 3
kill -TERM "${pid[broken]}"
expect_end broken 143
expect_middle store
/usr/bin/python3 - store/staging <<'PYTHON'
import lmdb, msgpack, sys
env = lmdb.open(sys.argv[1], max_dbs=3)
rows = env.open_db(b"rows")
with env.begin(write=True) as txn:
    key, value = next(iter(txn.cursor(db=rows)))
    score = msgpack.packb(msgpack.unpackb(value)[3][0], use_single_float=True)
    assert value.count(score) >= 1
    txn.put(key, value.replace(score, score[:-1] + bytes([score[-1] ^ 1]), 1), db=rows)
PYTHON
expect_exit 4 "${run[@]}" --store store --resume --audit-users 4096
expect_said last "audit: .* decoded user \"[^\"]*\" to another list than the one that is stored"
expect_said last "nothing is published"
[[ ! -e store/CURRENT ]] || fail "a night whose audit failed was published"
