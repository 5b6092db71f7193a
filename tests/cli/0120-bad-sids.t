# Codes beyond their level, and sizes that do not fit the array or the tokens, name row, level and both numbers.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

python3 - <<'P'
from forge import *
codes = [b for i in range(8) for b in (i // 4, i // 2 % 2, i % 2)]
npy("good.npy", "<i2", (8, 3), ints("h", codes))
npy("over.npy", "<i2", (8, 3), ints("h", codes[:-1] + [16]))
npy("negative.npy", "<i2", (8, 3), ints("h", [-1] + codes[1:]))
npy("u64.npy", "<u8", (8, 3), ints("Q", codes[:-1] + [1 << 63]))
npy("i64.npy", "<i8", (8, 3), ints("q", codes[:-1] + [-(1 << 63)]))
P
try() { # CODE TEXT FILE OPTION...
    local code=$1 text=$2 file=$3
    shift 3
    expect_exit "$code" "$text" -- nightjar catalogue import --sids "$file" --out cat "$@"
}
try 65 'over.npy: row 7, level 2: code 16, must be 0 to 15 (16 codes)' over.npy --codes-per-level 16
try 65 'negative.npy: row 0, level 0: code -1, must be 0 to 15' negative.npy --codes-per-level 16
try 65 'u64.npy: row 7, column 2: is beyond 2^63 - 1' u64.npy --codes-per-level 16
try 65 'i64.npy: row 7, level 2: code -9223372036854775808' i64.npy --codes-per-level 16

try 2 '--codes-per-level is required' good.npy
try 2 '--codes-per-level is required' good.npy --codes-per-level ''
for value in 0 1 -1 65537 abc 2, ,2 2,,2 ' 2' '2 ' 2x 99999999999999999999 2,2,2,2,2,2,2,2,2; do
    try 2 "--codes-per-level is \"$value\", must be at most 8 numbers from 2 to 65536" good.npy --codes-per-level "$value"
done
try 2 'good.npy: --codes-per-level has 2 numbers, must be one, or one for each of 3 levels' good.npy --codes-per-level 2,2
try 2 '--codes-per-level has 4 numbers' good.npy --codes-per-level 2,2,2,2

for value in -1 abc '' 2147483648; do
    try 2 "--token-base is \"$value\", must be a whole number from 0 to 2147483647" good.npy --codes-per-level 2 --token-base "$value"
done
try 65 'good.npy: tokens of level 0 end at 2147483648, the highest token is 2147483647' good.npy --codes-per-level 2 \
    --token-base 2147483647
try 65 'tokens of level 2 end at' good.npy --codes-per-level 2 --token-base 2147483643

expect_exit 2 'give either --sids or --index-json' -- nightjar catalogue import --codes-per-level 2 --out cat
try 2 'give either --sids or --index-json' good.npy --index-json index.json --codes-per-level 2
expect_absent cat
try 0 '' good.npy --codes-per-level 2 --token-base 2147483642
done_testing
