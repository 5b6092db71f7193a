# A catalogue from SIDs made elsewhere: every form of input that is fine, and what becomes of it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expect_exit 0 '' -- nightjar "${import[@]}" --out cat
stdout_has '552 items, 3 levels of 16, 16, 16 codes, tokens 2 to 49'
check "ids are kept in row order" cmp -s cat/items.txt "$data/items.txt"
expect_exit 0 '' -- nightjar catalogue show cat
stdout_has '552 distinct SIDs; 0 items share theirs with another'

# Eight items, every type and format version.
python3 - <<'P'
from forge import *
codes = [b for i in range(8) for b in (i // 4, i // 2 % 2, i % 2)]
for name, code in (("i1", "b"), ("i2", "h"), ("i4", "i"), ("i8", "q"), ("u1", "B"), ("u2", "H"), ("u4", "I"), ("u8", "Q")):
    npy(name + ".npy", ("|" if name[1] == "1" else "<") + name, (8, 3), ints(code, codes))
npy("v2.npy", "<i2", (8, 3), ints("h", codes), version=2)
npy("v3.npy", "<i2", (8, 3), ints("h", codes), version=3)
npy("one.npy", "<i2", (1, 1), ints("h", [0]))
P
for file in i1 i2 i4 i8 u1 u2 u4 u8 v2 v3; do
    expect_exit 0 '' -- nightjar catalogue import --sids $file.npy --codes-per-level 2 --out "cat.$file"
    check "... and gives the same codes" cmp -s "cat.$file/sids.npy" cat.i1/sids.npy
done
seq 0 7 >rows
check "without --ids an item is called by its row" cmp -s cat.i1/items.txt rows
expect_exit 0 '' -- nightjar catalogue import --sids one.npy --codes-per-level 2 --out cat.one
expect_exit 0 '' -- nightjar catalogue import --sids i1.npy --codes-per-level 2,3,65536 --token-base 0 --out cat.levels
stdout_has '8 items, 3 levels of 2, 3, 65536 codes, tokens 0 to 65540'

# Files of other systems.
printf 'a\nb\nc\nd\ne\nf\ng\nh\n' >plain.txt
printf 'a\r\nb\r\nc\r\nd\r\ne\r\nf\r\ng\r\nh\r\n' >crlf.txt
printf 'a\nb\nc\nd\ne\nf\ng\nh' >open.txt
printf '\xef\xbb\xbfa\nb\nc\nd\ne\nf\ng\nh\n' >bom.txt
for form in plain crlf open bom; do
    expect_exit 0 '' -- nightjar catalogue import --sids i1.npy --ids $form.txt --codes-per-level 2 --out "cat.$form"
    check "... and reads the same ids" cmp -s "cat.$form/items.txt" plain.txt
done
printf '\xef\xbb\xbf{"0": ["<a_1>", "<b_0>"], "1": ["<a_1>", "<b_0>"]}' >index.json
expect_exit 0 '' -- nightjar catalogue import --index-json index.json --out cat.index
stdout_has '1 distinct SIDs; 2 items share theirs with another, at most 2 in one'
done_testing
