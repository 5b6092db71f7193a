# What differs between two generations makes a second store the first one's copy; on a wrong base nothing is changed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store
first=$generation
{ # users go, come and change
    sed 1,4d users.txt
    sed -n '21,26p' "$data/histories.txt"
    sed -n '2{s/^[^ ]*/newcomer/;p;q}' users.txt
} >tomorrow.txt
sed -i '3s/$/ '"$(sed -n 7p "$data/items.txt")"'/' tomorrow.txt
expect_exit 0 '' -- nightjar run --bundle b.njb --users tomorrow.txt --store store --workers 1
second=$(cat store/CURRENT)

is_copy() { # GENERATION STORE
    check "... and $2 has $1 byte for byte" diff -r --exclude ORIGIN "store/$1" "$2/$1"
    check "... and CURRENT names it" test "$(cat "$2/CURRENT")" = "$1"
}

# One segment after the other.
expect_exit 0 "nothing to $first: 20 upserts, 0 deletes" -- nightjar store export --store store --gen "$first" --to delta
cp out whole
expect_exit 0 "$first to $second: 8 upserts, 4 deletes" -- nightjar store export --store store --since "$first"
cp out step
expect_exit 0 '' -- nightjar store export --store store --since "$first" --out file
check "--out has what is printed otherwise" cmp file step
stdout_lines 0
expect_exit 0 "CURRENT names $first" -- nightjar store apply --store copy whole
is_copy "$first" copy
expect_exit 0 "CURRENT names $second" -- nightjar store apply --store copy step --json
stdout_is_valid store-apply
is_copy "$second" copy
expect_exit 0 '' -- nightjar store export --store store
cp out rows
expect_exit 0 '' -- nightjar store export --store copy
check "both export the same" cmp rows out
expect_exit 0 'every byte of' -- nightjar store verify --store copy
before=$(digest_of copy)
expect_exit 0 '' -- nightjar store apply --store copy step
expect_untouched copy "$before"
expect_exit 0 "CURRENT stays at $second: $first was current before it" -- nightjar store apply --store copy whole --json
stdout_has '"published": false'
expect_untouched copy "$before"
expect_exit 0 "CURRENT names $first" -- nightjar store rollback --store copy
expect_exit 0 "CURRENT names $second" -- nightjar store apply --store copy step
expect_exit 0 "$second to $first" -- nightjar store export --store store --since "$second" --gen "$first"
cp out back
expect_exit 0 "CURRENT names $first" -- nightjar store apply --store copy back
expect_exit 0 "CURRENT names $second" -- nightjar store apply --store copy step
cat whole step >both
expect_exit 0 "CURRENT names $second" -- nightjar store apply --store stream both
is_copy "$second" stream

# A feed, and a store that enters it.
expect_exit 0 "nothing to $first" -- nightjar store export --store store --gen "$first" --feed feed
expect_exit 0 "$first to $second" -- nightjar store export --store store --feed feed
expect_exit 0 "ends with $second already" -- nightjar store export --store store --feed feed
check "the feed has the two segments" test "$(ls feed | tr '\n' ' ')" = '0000000001.delta 0000000002.delta lock '
check "the first is the one without a base" cmp whole feed/0000000001.delta
expect_exit 0 '' -- nightjar store apply --store entered feed --dry-run --json
stdout_is_valid store-apply
expect_absent entered
expect_exit 0 "CURRENT names $second" -- nightjar store apply --store entered feed
is_copy "$second" entered

# Trimmed: who is in it goes on, who is behind is told to resync, and does.
expect_exit 0 '' -- nightjar store apply --store behind whole
cp -r feed trimmed
expect_exit 0 'trimmed: 1 old segments are removed' -- nightjar store export --store store --feed trimmed --feed-keep 1
check "the newest is left" test "$(ls trimmed | tr '\n' ' ')" = '0000000002.delta lock '
expect_exit 4 "does not have $first, where segment 2 begins, the oldest that is left: resync" -- nightjar store apply --store late trimmed
expect_exit 0 '' -- nightjar store export --store store --to delta --out resync
expect_exit 0 '' -- nightjar store apply --store late resync
expect_exit 0 '' -- nightjar store apply --store late trimmed
is_copy "$second" late
expect_exit 0 "CURRENT names $second" -- nightjar store apply --store behind trimmed
expect_exit 2 'give --feed too' -- nightjar store export --store store --feed-keep 1
expect_exit 2 'feed-keep' -- nightjar store export --store store --feed trimmed --feed-keep 0

# A wrong base, another store, damage: nothing changes.
expect_exit 4 'resync' -- nightjar store apply --store nobody step
expect_absent nobody
mkdir empty
expect_exit 4 "does not have $first" -- nightjar store apply --store empty step
check "empty is empty" test -z "$(ls -A empty)"
nightjar run --bundle b.njb --users users.txt --store other --workers 1 >out 2>err
before=$(digest_of other)
expect_exit 4 "the delta to $first is of store $(cat store/ID)" -- nightjar store apply --store other whole
expect_exit 4 'resync' -- nightjar store apply --store other step
expect_exit 4 'is a feed of store' -- nightjar store export --store other --feed feed
expect_untouched other "$before"
head -c -1 step >cut
expect_exit 65 'cut: delta segment: byte' -- nightjar store apply --store copy cut
expect_exit 65 'does not begin with "njdelta1"' -- nightjar store apply --store copy users.txt
expect_exit 5 'holds no segments' -- nightjar store apply --store copy empty
expect_exit 5 'missing' -- nightjar store apply --store copy missing
expect_exit 65 "a delta needs two generations" -- nightjar store export --store store --since "$second"
expect_exit 5 'no such generation' -- nightjar store export --store store --since gen-01ARZ3NDEKTSV4RRFFQ69G5FAV
expect_exit 2 '--since and --out exclude --feed' -- nightjar store export --store store --since "$first" --feed feed
expect_exit 2 '--since and --out exclude --feed' -- nightjar store export --store store --feed feed --out file
expect_exit 2 '--to csv and --since exclude each other' -- nightjar store export --store store --since "$first" --to csv

# What `store verify` would refuse is neither sent nor taken: users without a row that nobody counts, a row that is none.
chmod u+w "store/$second"
echo '{"user": "u"}' >"store/$second/QUARANTINED.jsonl"
expect_exit 4 'names 1 users, the manifest counts 0' -- nightjar store export --store store --since "$first"
rm "store/$second/QUARANTINED.jsonl"
cat >forge.py <<'PYTHON'
import hashlib, struct
def forge(name, kind, change):
    data, at, out = open("whole", "rb").read()[:-32], 8, b"njdelta1"
    while at < len(data):
        is_kind, key_bytes, value_bytes = struct.unpack_from("<cHI", data, at)
        end = at + 7 + key_bytes + min(value_bytes, len(data))
        block, at = data[at:end], end
        if is_kind == kind:
            block, kind = change(block), None
        out += block
    open(name, "wb").write(out + hashlib.blake2b(out, digest_size=32).digest())
line = b'{"user": "u"}\n'
forge("same", b"F", lambda block: block)
forge("quarantined", b"F", lambda block: block + struct.pack("<cHI", b"Q", 0, len(line)) + line)
forge("row", b"U", lambda block: block[: 7 + block[1]] + b"\xc1" + block[8 + block[1] :])
PYTHON
python3 forge.py
check "the forger can make the segment itself" cmp same whole
expect_exit 65 'names 1 users without a row' -- nightjar store apply --store forged quarantined
expect_exit 65 "the delta to $first: " -- nightjar store apply --store forged row
expect_absent "forged/$first" forged/CURRENT

# Killed at any step, a store has the generation whole or not at all, and the same command goes on.
for step in pack.meta=fail file.synced=kill file.renamed=kill@2 folder.synced=kill folder.renamed=kill folder.placed=kill; do
    rm -rf killed
    nightjar store apply --store killed whole >out 2>err
    code=0
    env NJ_FAILPOINT=$step nightjar store apply --store killed step >out 2>err || code=$?
    check "$step ends it" test $code -ne 0
    if [[ -e killed/$second ]]; then
        expect_exit 0 'every byte of' -- nightjar store verify --store killed --gen "$second"
    fi
    expect_exit 0 '' -- nightjar store apply --store killed step
    is_copy "$second" killed
done
# A delta that is copied anew while it is read.
cp whole cut
NJ_FAILPOINT=pack.meta=stop nightjar store apply --store cutstore cut >out 2>err &
applying=$!
until [[ $(cut -d ' ' -f 3 "/proc/$applying/stat") == T ]]; do sleep 0.02; done
: >cut
kill -CONT "$applying"
code=0
wait "$applying" || code=$?
check "a delta that is cut short under the reader is refused" test "$code" = 4
stderr_has 'was cut short under the reader'
expect_absent cutstore/CURRENT

code=0
env NJ_FAILPOINT=file.written=kill nightjar store export --store store --feed killed-feed >out 2>err || code=$?
check "a feed is written whole or not at all" test $code -ne 0 -a ! -e killed-feed/0000000001.delta
expect_exit 0 "nothing to $second" -- nightjar store export --store store --feed killed-feed
check "... and nothing is left of the first try" test "$(ls killed-feed | tr '\n' ' ')" = '0000000001.delta lock '
done_testing
