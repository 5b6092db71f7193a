# Item ids: what is refused, with the line, and an id at its limit of 510 bytes and one beyond.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

python3 -c 'from forge import *; npy("s.npy", "<i1", (4, 2), bytes([0, 0, 0, 1, 1, 0, 1, 1]))'
refuse() { # TEXT CONTENT (printf)
    printf "$2" >ids.txt
    expect_exit 65 "ids.txt: $1" -- nightjar catalogue import --sids s.npy --ids ids.txt --codes-per-level 2 --out cat
}
refuse 'holds no id' ''
refuse 'line 1: is an empty line' '\xef\xbb\xbf'
refuse 'line 4: id "a" stands on line 1 too' 'a\nb\nc\na\n'
refuse 'line 4: id "a" stands on line 2 too' 'x\na\r\nc\na'
refuse '3 ids, there are 4 items' 'a\nb\nc\n'
refuse '5 ids, there are 4 items' 'a\nb\nc\nd\ne\n'
refuse 'line 2: is an empty line' 'a\n\nc\nd\n'
refuse 'line 2: is an empty line' 'a\r\n\r\nc\r\nd\r\n'
refuse 'line 3: id "?" is not valid UTF-8' 'a\nb\n\xff\nd\n'
refuse 'line 1: id "?????" is not valid UTF-8' '\xf8\x88\x80\x80\x80\nb\nc\nd\n'
refuse 'line 1: id "??" is not valid UTF-8' '\xc0\x80\nb\nc\nd\n'
refuse 'line 1: id "???" is not valid UTF-8' '\xed\xa0\x80\nb\nc\nd\n'
refuse 'line 3: id "x?y" contains a control character' 'a\nb\nx\x07y\nd\n'
refuse 'line 3: id "x?y" contains a control character' 'a\nb\nx\ty\nd\n'
refuse 'line 1: id "?[2J" contains a control character' '\x1b[2J\nb\nc\nd\n'
refuse 'line 3: contains a NUL byte' 'a\nb\nx\x00y\nd\n'
refuse 'line 4: id "zzzzz' "a\nb\nc\n$(repeat 511 z)\n"
stderr_has 'is longer than 510 bytes'
refuse 'line 4: is longer than 65536 bytes' "a\nb\nc\n$(repeat 70000 z)\n"
refuse 'line 1: contains a NUL byte' '\x00\x00\x00'
cp s.npy ids.txt
expect_exit 65 'ids.txt: line 1: ' -- nightjar catalogue import --sids s.npy --ids ids.txt --codes-per-level 2 --out cat
expect_exit 65 '/dev/zero: line 1: ' -- nightjar catalogue import --sids s.npy --ids /dev/zero --codes-per-level 2 --out cat
mkdir empty
expect_exit 65 'empty: is a folder without part files' -- nightjar catalogue import --sids s.npy --ids empty --codes-per-level 2 --out cat
expect_exit 5 'missing.txt: cannot open' -- nightjar catalogue import --sids s.npy --ids missing.txt --codes-per-level 2 --out cat
expect_absent cat

printf 'a\nwith a space\nümläut\n%s\n' "$(repeat 510 z)" >ids.txt
expect_exit 0 '' -- nightjar catalogue import --sids s.npy --ids ids.txt --codes-per-level 2 --out cat
check "an id of 510 bytes is kept" cmp -s cat/items.txt ids.txt
done_testing
