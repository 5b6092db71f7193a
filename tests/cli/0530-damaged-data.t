# data.mdb that was cut, replaced or has flipped bytes is refused (4) before LMDB follows it; nothing crashes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store
db=store/$generation/data.mdb
cp "$db" good.mdb
size=$(stat -c %s good.mdb)

refuse() { # TEXT
    local command words
    for command in 'get alma' export verify; do
        read -ra words <<<"$command"
        expect_exit 4 "$1" -- nightjar store "${words[@]}" --store store
    done
}
for bytes in 0 1 4096 8192 $((size - 1)); do
    head -c $bytes good.mdb >"$db"
    refuse "data.mdb: has $bytes bytes, the manifest says $size"
done
(cat good.mdb && echo) >"$db"
refuse "data.mdb: has $((size + 1)) bytes, the manifest says $size"
rm "$db"
refuse 'data.mdb: no such plain file'
mkdir "$db"
refuse 'data.mdb: no such plain file'
rmdir "$db"
mkfifo "$db"
refuse 'data.mdb: no such plain file'
rm "$db"
head -c "$size" /dev/zero >"$db"
refuse 'data.mdb: its first '

# Headers, pointers and contents of the pages behind the first ones, which a quick look does not cover.
python3 - "$size" <<'P'
import sys
good = open("good.mdb", "rb").read()
for number in range(40):
    page = 2 + number % (len(good) // 4096 - 2)
    at = page * 4096 + (number * 7919 % 64 if number % 4 else number * 7919 % 4096)
    value = good[at] ^ (0xff, 0x80, 0x01, 0x10)[number % 4]
    open("flip.%d.mdb" % number, "wb").write(good[:at] + bytes([value]) + good[at + 1:])
P
for number in {0..39}; do
    cp flip.$number.mdb "$db"
    for command in 'get alma' export; do
        read -ra words <<<"$command"
        expect_exit 4 'data.mdb: its digest is ' -- nightjar store "${words[@]}" --store store
    done
done
stderr_has 'the manifest says '
expect_exit 4 'data.mdb: its digest is ' -- nightjar store verify --store store
expect_exit 4 'data.mdb: its digest is ' -- nightjar store rollback --store store --to "$generation"

# A generation too large to be compared for one look: whatever LMDB does with the damaged pages, it is no signal.
not_crashing() { # COMMAND...: found, not found, damaged, or an error of LMDB's own
    local code=0
    "$@" || code=$?
    case $code in 0 | 4 | 5 | 74) return 0 ;; *) return $code ;; esac
}
for number in {0..39}; do
    cp flip.$number.mdb "$db"
    expect_exit 0 '' -- not_crashing nightjar store get alma --store store --check-mb 0
done
python3 - <<'P' # entries of every page lie far behind the end of the file
good = open("good.mdb", "rb").read()
open("wild.mdb", "wb").write(good[:8192] + bytes(0xff if 16 <= i % 4096 < 200 else b for i, b in enumerate(good[8192:])))
P
cp wild.mdb "$db"
expect_exit 4 'data.mdb is damaged or cannot be read: LMDB failed in it' -- nightjar store get alma --store store --check-mb 0
cp good.mdb "$db"
expect_exit 0 '' -- nightjar store verify --store store
done_testing
