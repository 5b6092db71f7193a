# catalogue assign: embeddings and codebooks that are not finite, not floats or do not fit each other are refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

python3 - <<'P'
from forge import *
E = [i % 4 + 0.1 * j for i in range(8) for j in range(4)]
C = [k + 0.1 * j for _ in range(2) for k in range(4) for j in range(4)]
f16 = lambda values: floats(values, "e")
npy("E.npy", "<f4", (8, 4), floats(E))
npy("E16.npy", "<f2", (8, 4), f16(E))
npy("E64.npy", "<f8", (8, 4), floats(E, "d"))
npy("E-nan.npy", "<f4", (8, 4), floats(E[:9] + [NAN] + E[10:]))
npy("E-inf.npy", "<f4", (8, 4), floats(E[:9] + [-INF] + E[10:]))
npy("E16-nan.npy", "<f2", (8, 4), f16(E[:31] + [NAN]))
npy("E16-inf.npy", "<f2", (8, 4), f16(E[:31] + [INF]))
npy("E64-large.npy", "<f8", (8, 4), floats(E[:31] + [1e300], "d"))
npy("E-wide3.npy", "<f4", (8, 3), floats(E[:24]))
npy("E-dims1.npy", "<f4", (32,), floats(E))
npy("E-dims3.npy", "<f4", (2, 4, 4), floats(E))
npy("E-rows0.npy", "<f4", (0, 4), b"")
npy("E-wide0.npy", "<f4", (8, 0), b"")
npy("E-int.npy", "<i4", (8, 4), bytes(128))
npy("E-fortran.npy", "<f4", (8, 4), floats(E), order="True")
npy("E-huge.npy", "<f4", (1 << 40, 4), floats(E))
npy("E-equal.npy", "<f4", (8, 4), floats([0.5] * 32))
npy("E-extreme.npy", "<f4", (8, 4), floats([3.4e38 * (-1) ** i for i in range(32)]))
npy("C.npy", "<f4", (2, 4, 4), floats(C))
npy("C16.npy", "<f2", (2, 4, 4), f16(C))
npy("C-nan.npy", "<f4", (2, 4, 4), floats(C[:9] + [NAN] + C[10:]))
npy("C16-inf.npy", "<f2", (2, 4, 4), f16(C[:31] + [INF]))
npy("C-dims2.npy", "<f4", (8, 4), floats(C))
npy("C-levels0.npy", "<f4", (0, 4, 4), b"")
npy("C-levels8.npy", "<f4", (8, 2, 4), floats([0] * 64))
npy("C-levels9.npy", "<f4", (9, 2, 4), floats([0] * 72))
npy("C-codes1.npy", "<f4", (2, 1, 4), floats(C[:8]))
npy("C-codes65537.npy", "<f4", (1, 65537, 1), floats([0] * 65537))
npy("C-int.npy", "<i4", (2, 4, 4), bytes(128))
npy("C-fortran.npy", "<f4", (2, 4, 4), floats(C), order="True")
P
: >E-empty.npy
: >C-empty.npy
head -c 200 E.npy >E-cut.npy
head -c 200 C.npy >C-cut.npy

while read -r file text; do
    expect_exit 65 "$file.npy: $text" -- nightjar catalogue assign --embeddings "$file.npy" --codebooks C.npy --out cat
done <<'L'
E-empty not a .npy file (0 bytes)
E-cut has 72 bytes of data, shape and type need 128
E-nan row 2, column 1: is not a number (NaN)
E-inf row 2, column 1: is infinite as float32
E16-nan row 7, column 3: is not a number (NaN)
E16-inf row 7, column 3: is infinite as float32
E64-large row 7, column 3: is infinite as float32
E-wide3 embeddings are 3 wide, the codebooks of C.npy 4
E-wide0 embeddings are 0 wide, the codebooks of C.npy 4
E-dims1 1 dimensions, embeddings have 2: [items, width]
E-dims3 3 dimensions, embeddings have 2
E-rows0 0 items, must be 1 to 2147483647
E-int type '<i4' holds whole numbers, floats are needed
E-fortran is in Fortran order, only C order is read
E-huge has 128 bytes of data, shape and type need 17592186044416
E-equal 8 items share the codes
L
stderr_has 'the collision counter has 4 codes'

while read -r file text; do
    expect_exit 65 "$file.npy: $text" -- nightjar catalogue assign --embeddings E.npy --codebooks "$file.npy" --out cat
done <<'L'
C-empty not a .npy file (0 bytes)
C-cut has 72 bytes of data, shape and type need 128
C-nan element [0, 2, 1]: is not a number (NaN)
C16-inf element [1, 3, 3]: is infinite as float32
C-dims2 2 dimensions, codebooks have 3: [levels, codes, width]
C-levels0 shape [0, 4, 4], must be [1 to 8, 2 to 65536, 1 to 65536]
C-levels8 8 levels and a collision counter make 9, the limit is 8
C-levels9 shape [9, 2, 4], must be
C-codes1 shape [2, 1, 4], must be
C-codes65537 shape [1, 65537, 1], must be
C-int type '<i4' holds whole numbers, floats are needed
C-fortran is in Fortran order
L
mkdir folder
expect_exit 5 'folder/catalogue.json: cannot open' -- nightjar catalogue assign --embeddings E.npy --codebooks folder --out cat
expect_exit 65 'folder: not a regular file' -- nightjar catalogue assign --embeddings folder --codebooks C.npy --out cat
expect_exit 5 'missing.npy: cannot open' -- nightjar catalogue assign --embeddings missing.npy --codebooks C.npy --out cat
expect_exit 5 'missing.npy: cannot open' -- nightjar catalogue assign --embeddings E.npy --codebooks missing.npy --out cat
make_catalogue
mv cat plain
expect_exit 65 'plain: is a catalogue without codebooks' -- nightjar catalogue assign --embeddings E.npy --codebooks plain --out cat
expect_absent cat

# What is fine: other float types, equal vectors without a counter, the largest numbers there are.
expect_exit 0 '' -- nightjar catalogue assign --embeddings E.npy --codebooks C.npy --out cat
expect_exit 0 '' -- nightjar catalogue assign --embeddings E64.npy --codebooks C.npy --out cat64
check "float64 gives the same codes" cmp -s cat/sids.npy cat64/sids.npy
expect_exit 0 '' -- nightjar catalogue assign --embeddings E16.npy --codebooks C16.npy --out cat16
expect_exit 0 '' -- nightjar catalogue assign --embeddings E-equal.npy --codebooks C.npy --no-suffix --out equal
expect_exit 0 '' -- nightjar catalogue assign --embeddings E-extreme.npy --codebooks C.npy --no-suffix --out extreme
expect_exit 0 '' -- nightjar catalogue assign --embeddings E.npy --codebooks cat --out again
check "codebooks from a catalogue give the same codes" cmp -s cat/sids.npy again/sids.npy
done_testing
