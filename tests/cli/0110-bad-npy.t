# An array file that is cut, inflated, of another kind or no array at all is refused with the file and both numbers.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

python3 - <<'P'
from forge import *
good = ints("h", [b for i in range(8) for b in (i // 4, i // 2 % 2, i % 2)])
npy("good.npy", "<i2", (8, 3), good)
npy("magic.npy", "<i2", (8, 3), good, magic=b"\x93NUMPX")
npy("version.npy", "<i2", (8, 3), good, version=9)
npy("fortran.npy", "<i2", (8, 3), good, order="True")
npy("floats.npy", "<f4", (8, 3), good * 2)
npy("big-endian.npy", ">i2", (8, 3), good)
npy("objects.npy", "|O", (8, 3), good)
npy("complex.npy", "<c16", (8, 3), good)
npy("records.npy", "", 0, good, header="{'descr': [('a', '<i2')], 'fortran_order': False, 'shape': (8, 3), }")
npy("dims1.npy", "<i2", (24,), good)
npy("dims3.npy", "<i2", (2, 4, 3), good)
npy("dims0.npy", "<i2", (), good[:2])
npy("dims40.npy", "<i1", "(" + ",".join("1" * 40) + ")", b"\0")
npy("overflow.npy", "<i2", (1 << 62, 3), good)
npy("terabytes.npy", "<i2", (1 << 40, 3), good)
npy("digits.npy", "<i2", "(99999999999999999999999, 3)", good)
npy("negative.npy", "<i2", "(-1, 3)", good)
npy("rows0.npy", "<i2", (0, 3), b"")
npy("levels0.npy", "<i2", (8, 0), b"")
npy("levels9.npy", "<i1", (2, 9), bytes(18))
npy("longer.npy", "<i2", (8, 3), good + b"x")
npy("header.npy", "<i2", (8, 3), good, length=65535)
npy("header4g.npy", "<i2", (8, 3), good, version=2, length=0xffffffff)
npy("nested.npy", "", 0, good, header="(" * 20000)
npy("nul.npy", "", 0, good, header="{'descr': '<i2\0', 'fortran_order': False, 'shape': (8, 3), }")
npy("no-order.npy", "", 0, good, header="{'descr': '<i2', 'shape': (8, 3), }")
npy("twice.npy", "", 0, good, header="{'descr': '<i2', 'descr': '<i2', 'fortran_order': False, 'shape': (8, 3), }")
npy("long-type.npy", "", 0, good, header="{'descr': '" + "x" * 5000 + "', 'fortran_order': False, 'shape': (8, 3), }")
npy("escapes.npy", "", 0, good, header="{'" + "\x1b[31m\xff" * 500 + "': 1, 'fortran_order': False, 'shape': (8, 3), }")
P
: >empty.npy
mkdir folder.npy

while read -r code file text; do
    expect_exit "$code" "$file.npy$text" -- nightjar catalogue import --sids "$file.npy" --codes-per-level 2 --out cat
done <<'L'
65 empty : not a .npy file (0 bytes)
65 magic : not a .npy file
65 version : format version 9.0, versions 1.0 to 3.0 are read
65 fortran : is in Fortran order, only C order is read
65 floats : type '<f4' holds floats, whole numbers are needed
65 big-endian : type '>i2' is big-endian
65 objects : type '|O' is not one of
65 complex : type '<c16' is not one of
65 records : header, byte 10: 'descr' is not the name of one number type
65 dims1 : 1 dimensions, SIDs have 2: [items, levels]
65 dims3 : 3 dimensions, SIDs have 2
65 dims0 : 0 dimensions, SIDs have 2
65 dims40 : has more than 4 dimensions
65 overflow : the shape's product is beyond 64 bits
65 terabytes : has 48 bytes of data, shape and type need 6597069766656
65 digits : header, byte 70: a length in 'shape' is too large
65 negative : header, byte 51: a length in 'shape' is not a whole number
65 rows0 : 0 items, must be 1 to 2147483647
65 levels0 : 0 levels, must be 1 to 8
65 levels9 : 9 levels, must be 1 to 8
65 longer : has 49 bytes of data, shape and type need 48
65 header : header of 65535 bytes ends beyond the file's 176 bytes
65 header4g : header of 4294967295 bytes, the limit is 65535
65 nested : header, byte 0: expected '{'
65 nul : type '<i2
65 no-order : header has no 'fortran_order'
65 twice : header names 'descr' twice
65 long-type : type 'xxxxx
65 escapes : header has an unknown key '?[31m
65 folder : not a regular file
5 missing : cannot open: No such file or directory
L
expect_exit 65 'good.npy/x: cannot open: Not a directory' -- nightjar catalogue import --sids good.npy/x --codes-per-level 2 --out cat
expect_exit 65 'not a regular file' -- nightjar catalogue import --sids /dev/zero --codes-per-level 2 --out cat
mkfifo pipe.npy
expect_exit 65 'pipe.npy: not a regular file' -- timeout 20 nightjar catalogue import --sids pipe.npy --codes-per-level 2 --out cat

for bytes in 0 5 6 8 9 10 11 50 100 127 128 129 150 175; do
    head -c $bytes good.npy >cut.npy
    expect_exit 65 'cut.npy' -- nightjar catalogue import --sids cut.npy --codes-per-level 2 --out cat
done
expect_absent cat
expect_exit 0 '' -- nightjar catalogue import --sids good.npy --codes-per-level 2 --out cat
done_testing
