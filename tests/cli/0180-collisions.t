# catalogue assign: items of equal codes get a counter of its own width, other codes, or stay together; what cannot be is refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Ten items at 0, one at 3; two levels of four codes, fine steps of 0.1 behind coarse ones of 1.
python3 - <<'P'
from forge import *
npy("E.npy", "<f4", (11, 1), floats([0] * 10 + [3]))
npy("C.npy", "<f4", (2, 4, 1), floats([0, 1, 2, 3, 0, 0.1, 0.2, 0.3]))
npy("many.npy", "<f4", (17, 1), floats([0] * 17))
P
assign=(nightjar catalogue assign --codebooks C.npy --token-base 0)
codes_of() { # CATALOGUE
    python3 -c 'import struct, sys
b = open(sys.argv[1] + "/sids.npy", "rb").read()
n = 10 + struct.unpack("<H", b[8:10])[0]
print(*struct.unpack("<%di" % ((len(b) - n) // 4), b[n:]))' "$1"
}
codes_are() { # CATALOGUE CODES
    check "... and $1 has the codes $2" test "$(codes_of "$1")" = "$2"
}

expect_exit 65 'E.npy: 10 items share the codes 0 0, the collision counter has 4 codes' -- "${assign[@]}" --embeddings E.npy --out cat
expect_exit 0 '' -- "${assign[@]}" --embeddings E.npy --suffix-codes 10 --out counted
stdout_has '3 levels of 4, 4, 10 codes'
codes_are counted '0 0 0 0 0 1 0 0 2 0 0 3 0 0 4 0 0 5 0 0 6 0 0 7 0 0 8 0 0 9 3 0 0'

expect_exit 0 '' -- "${assign[@]}" --embeddings E.npy --suffix-codes 5 --suffix-overflow relocate --out shared
codes_are shared '0 0 0 0 0 1 0 0 2 0 0 3 0 0 4 0 1 0 0 1 1 0 1 2 0 1 3 0 1 4 3 0 0'

expect_exit 0 '' -- "${assign[@]}" --embeddings E.npy --collisions relocate --out moved
stdout_has '11 distinct SIDs; 0 items share theirs'
check "... and the item that is alone stays" grep -q ' 3 0$' <<<"$(codes_of moved)"
expect_exit 0 '' -- "${assign[@]}" --embeddings E.npy --collisions relocate --out again
check "the same again" cmp -s moved/sids.npy again/sids.npy
expect_exit 65 'many.npy: there are more items than SIDs that they could have' -- "${assign[@]}" --embeddings many.npy --collisions relocate --out cat

expect_exit 0 '' -- "${assign[@]}" --embeddings E.npy --collisions leaves --out together
stdout_has '2 distinct SIDs; 10 items share theirs with another, at most 10'
expect_exit 0 '' -- "${assign[@]}" --embeddings E.npy --no-suffix --out alias
check "--no-suffix is the same" cmp -s together/sids.npy alias/sids.npy

expect_exit 2 '--collisions is "none", must be suffix, relocate or leaves' -- "${assign[@]}" --embeddings E.npy --collisions none --out cat
expect_exit 2 '--suffix-codes is 1, must be 0 or 2 to 65536' -- "${assign[@]}" --embeddings E.npy --suffix-codes 1 --out cat
expect_exit 2 '--suffix-overflow is "drop", must be refuse or relocate' -- "${assign[@]}" --embeddings E.npy --suffix-overflow drop --out cat
expect_exit 2 '--no-suffix is --collisions leaves, not relocate' -- "${assign[@]}" --embeddings E.npy --no-suffix --collisions relocate --out cat
expect_absent cat

expect_exit 0 '' -- nightjar bench collisions --items 2000 --dim 4 --levels 2 --codes 64 --collisions relocate --json
check "bench collisions: every item has a SID of its own" python3 -c 'import json
row, = json.load(open("out"))["results"]
assert row["bench"] == "collisions" and row["unique"] == 1 and row["items_moved"] > 0 and row["resolve_s"] > 0, row'
done_testing
