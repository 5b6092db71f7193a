# Where a catalogue is written: never over something else, over a catalogue only with --overwrite, and whole or not at all.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_catalogue
before=$(digest_of cat)
python3 -c 'from forge import *; npy("s.npy", "<i1", (4, 2), bytes([0, 0, 0, 1, 1, 0, 1, 1])); npy("bad.npy", "<i1", (4, 2), bytes([9] * 8))'
other=(catalogue import --sids s.npy --codes-per-level 2)

expect_exit 65 'cat: is a catalogue already; --overwrite would replace it' -- nightjar "${other[@]}" --out cat
expect_untouched cat "$before"
expect_exit 65 'bad.npy: row 0' -- nightjar catalogue import --sids bad.npy --codes-per-level 2 --out cat --overwrite
expect_untouched cat "$before"

mkdir precious && echo mine >precious/thesis.txt
expect_exit 65 'precious: holds "thesis.txt", which is no part of a catalogue' -- nightjar "${other[@]}" --out precious --overwrite
cp -r cat mixed && echo mine >mixed/notes.txt
expect_exit 65 'mixed: holds "notes.txt", which is no part' -- nightjar "${other[@]}" --out mixed --overwrite
mkdir nojson && echo mine >nojson/items.txt
expect_exit 65 'nojson: is a folder without catalogue.json; it is not overwritten' -- nightjar "${other[@]}" --out nojson --overwrite
check "what was there is there" grep -q mine precious/thesis.txt mixed/notes.txt nojson/items.txt
expect_exit 65 's.npy: is a file; a catalogue is a folder' -- nightjar "${other[@]}" --out s.npy --overwrite
expect_exit 65 's.npy/cat: cannot open: Not a directory' -- nightjar "${other[@]}" --out s.npy/cat
expect_exit 65 'which is no part of a catalogue' -- nightjar "${other[@]}" --out / --overwrite
expect_exit 65 'which is no part of a catalogue' -- nightjar "${other[@]}" --out . --overwrite
expect_exit 65 'zzz: cannot open: File name too long' -- nightjar "${other[@]}" --out "$(repeat 5000 z)"
expect_exit 74 'File name too long' -- nightjar "${other[@]}" --out "$(repeat 255 z)"
expect_exit 74 'cannot make folder' -- nightjar "${other[@]}" --out /proc/cat
ln -s loop loop
expect_exit 65 'loop: cannot open: Too many levels of symbolic links' -- nightjar "${other[@]}" --out loop

mkdir empty
expect_exit 0 '' -- nightjar "${other[@]}" --out empty
expect_exit 0 '' -- nightjar "${other[@]}" --out new/parents/cat
ln -s cat link
expect_exit 0 '' -- nightjar "${other[@]}" --out link/ --overwrite
check "a link is followed" test -L link
expect_exit 0 '' -- nightjar catalogue show cat
stdout_has '4 items, 2 levels'
check "nothing temporary is left" test -z "$(find . -name '*.tmp*')"
done_testing
