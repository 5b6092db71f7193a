# Bytes that change on the disk: in the staging area, in a generation, in CURRENT and in HISTORY. Staged rows that are not those that were
# committed are not published; a night publishes past a damaged generation, and a rollback passes over it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_fleet 40

flip() { # FILE OFFSET
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# Every shard is committed, nothing is packed. A byte of an item's id is changed, in old copies of the page as well.
NJ_FAILPOINT=pack.due=kill start_coordinator first "tcp://127.0.0.1:*" store --audit-users 0
start worker nightjar-worker --connect "$(endpoint first)" --server-key server.key.pub --key worker.key --cache cache
expect_end first 137
reap worker
cp -r store kept
item=$(grep -a -o 'verger-[0-9]*' store/staging/data.mdb | tail -n 1)
for at in $(grep -a -o -b "$item" store/staging/data.mdb | cut -d : -f 1); do
    flip store/staging/data.mdb $((at + 7))
done
start_coordinator flipped "tcp://127.0.0.1:*" store --audit-users 0 --resume
expect_end flipped 4
expect_said flipped "staged rows have the digest .*, the ledger says"
[[ ! -e store/CURRENT && $(generations store) -eq 0 ]] || fail "rows that nobody computed were packed"
rm -r store
mv kept store
start_coordinator sound "tcp://127.0.0.1:*" store --audit-users 0 --resume
expect_end sound 0
expect_whole store

# Three generations; the one in the middle is damaged.
first=$(cat store/CURRENT)
for name in second third; do
    expect_exit 0 nightjar run "${night[@]}" --store store --workers 1
    [[ $name == third ]] || middle=$(cat store/CURRENT)
done
flip "store/$middle/data.mdb" 9000
expect_exit 0 nightjar store rollback --store store
expect_said last "passed over: store/$middle/data.mdb: its digest is"
[[ $(cat store/CURRENT) == "$first" ]] || fail "the rollback went to $(cat store/CURRENT)"
expect_whole store

# CURRENT garbled or naming nothing: readers are told, and a rollback or the next night mends it.
for text in garbage gen-00000000000000000000000000 ''; do
    printf '%s\n' "$text" >store/CURRENT
    for command in stat verify export; do
        code=0
        nightjar store $command --store store >last.out 2>last.log || code=$?
        [[ $code -eq 4 || $code -eq 5 ]] || fail "store $command with CURRENT \"$text\": exit $code"
    done
done
head -c 100000 /dev/urandom >store/HISTORY
expect_exit 5 nightjar store rollback --store store
expect_exit 0 nightjar run "${night[@]}" --store store --workers 1
expect_whole store

# The data of the current generation cut and flipped: refused, never a crash; the next night publishes all the same.
current=$(cat store/CURRENT)
size=$(stat -c %s "store/$current/data.mdb")
cp "store/$current/data.mdb" whole.mdb
for cut in 0 1 4096 $((size / 2)) $((size - 1)); do
    truncate -s "$cut" "store/$current/data.mdb"
    expect_exit 4 nightjar store verify --store store
    expect_said last "has $cut bytes, the manifest says $size"
    cp whole.mdb "store/$current/data.mdb"
done
flip "store/$current/data.mdb" $((size - 100))
expect_exit 4 nightjar store verify --store store
expect_exit 0 nightjar run "${night[@]}" --store store --workers 1
expect_whole store
