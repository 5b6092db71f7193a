# A bundle that is cut, lengthened or has one bit flipped is refused: 65 where its table is wrong, 4 where a section is.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
size=$(stat -c %s b.njb)

either() { # TEXT FILE: the two commands that read a bundle whole
    expect_exit "$1" "$2" -- nightjar bundle verify "$3"
    expect_exit "$1" "$2" -- nightjar decode --bundle "$3" --users users.txt
}
: >empty.njb
either 65 'bundle "empty.njb": not a nightjar bundle (0 bytes)' empty.njb
either 65 'bundle "users.txt": not a nightjar bundle' users.txt
either 65 '.: not a regular file' .
either 5 'missing.njb: cannot open' missing.njb
either 65 'users.txt/x: cannot open: Not a directory' users.txt/x
for bytes in 7 8 63 64 65 100 623 624 1000 4096 5000 $((size / 2)) $((size - 1)); do
    head -c $bytes b.njb >cut.njb
    expect_exit 65 'bundle "cut.njb": ' -- nightjar bundle verify cut.njb
done
expect_exit 65 'bundle "cut.njb": ' -- nightjar bundle list cut.njb
(cat b.njb && echo x) >long.njb
either 65 "bundle \"long.njb\": sections end at byte $size, the file at $((size + 2))" long.njb

python3 - <<'P'
from forge import *
raw = pathlib.Path("b.njb").read_bytes()
b = Bundle("b.njb")
flip = lambda at: replace(raw, at, bytes([raw[at] ^ 0x20]))
for name, at in (("magic", 3), ("version", 8), ("count", 12), ("digest", 16), ("entry-name", 64), ("entry-offset", 100), ("entry-digest", 130)):
    pathlib.Path("flip-%s.njb" % name).write_bytes(flip(at))
pathlib.Path("gap-reserved.njb").write_bytes(flip(50))
pathlib.Path("gap-table.njb").write_bytes(flip(4095))
for name, value in b.sections.items():
    for where, at in (("first", 0), ("middle", len(value) // 2), ("last", len(value) - 1)):
        pathlib.Path("section-%s-%s.njb" % (name, where)).write_bytes(flip(raw.index(value) + at))


def entry(number, offset=None, size=None, name=None):
    def change(table):
        at = 80 * number
        table = replace(table, at, name) if name is not None else table
        table = replace(table, at + 32, struct.pack("<Q", offset)) if offset is not None else table
        return replace(table, at + 40, struct.pack("<Q", size)) if size is not None else table
    return change


b.write("offset.njb", table=entry(1, offset=(1 << 64) - 64))
b.write("size.njb", table=entry(1, size=(1 << 64) - 1))
b.write("odd.njb", table=entry(1, offset=4097))
b.write("name.njb", table=entry(1, name=b"\xff" * 32))
b.write("noname.njb", table=entry(1, name=b"\0" * 32))
b.write("twice.njb", table=entry(1, name=b"catalogue".ljust(32, b"\0")))
b.write("version2.njb", version=2)
b.write("many.njb", count=0xffffffff)
b.write("sixty-five.njb", count=65)
P
for field in magic version count digest entry-name entry-offset entry-digest; do
    expect_exit 65 "bundle \"flip-$field.njb\": " -- nightjar bundle verify flip-$field.njb
done
expect_exit 4 'bundle "gap-reserved.njb": byte 50 is 32, a gap holds zeros' -- nightjar bundle verify gap-reserved.njb
expect_exit 4 'bundle "gap-table.njb": byte 4095 is 32, a gap holds zeros' -- nightjar bundle verify gap-table.njb
for file in section-*.njb; do
    name=${file#section-}
    name=${name%-*}
    expect_exit 4 "bundle \"$file\": section \"$name\" has digest " -- nightjar bundle verify "$file"
done
stderr_has 'the table says '
expect_exit 4 'section "weights" has digest ' -- nightjar decode --bundle section-weights-middle.njb --users users.txt
expect_exit 4 'section "weights" has digest ' -- nightjar run --bundle section-weights-middle.njb --users users.txt --store store
expect_absent store
expect_exit 0 '' -- nightjar bundle list section-weights-middle.njb

while read -r file text; do
    either 65 "bundle \"$file.njb\": $text" "$file.njb"
done <<'L'
offset section "counts" lies at 18446744073709551552 with 2208 bytes
size section "counts" lies at 4352 with 18446744073709551615 bytes
odd section "counts" lies at 4097 with 2208 bytes
name a section has no valid name
noname a section has no valid name
twice section "catalogue" is out of order
version2 version 2, this program reads 1
many 4294967295 sections; at most 64 fit
sixty-five 65 sections; at most 64 fit
L
done_testing
