# A foreign program begins to read the staging area and hangs: its file grows, and the night goes on and publishes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for python in python3 /usr/bin/python3 ''; do
    ! "$python" -c 'import lmdb' 2>/dev/null || break
done
[[ -n $python ]] || skip "python3 has no module lmdb (Debian package python3-lmdb)"
make_fleet 80
start_coordinator night "tcp://127.0.0.1:*" store
start_worker one "$(endpoint night)"
await_committed store 1
start reader "$python" -c '
import lmdb, time
env = lmdb.open("store/staging", readonly=True, max_dbs=3)
with env.begin() as txn:
    print(txn.stat(), flush=True)
    time.sleep(600)
'
await "the reader to read" test -s reader.out
expect_end night 0
expect_end one 0
alive reader || fail "the reader did not last"
reap reader
expect_whole store
