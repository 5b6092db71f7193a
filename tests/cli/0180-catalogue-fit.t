# catalogue fit: the three methods, what assign makes of its codebooks, a fit that is killed and goes on, and what is refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

python3 - <<'P'
from forge import *
import random
random.seed(5)
centres = [[random.uniform(-4, 4) for _ in range(6)] for _ in range(40)]
rows = [[c + random.gauss(0, 0.4) for c in centres[i % 40]] for i in range(600)]
flat = [v for row in rows for v in row]
npy("E.npy", "<f4", (600, 6), floats(flat))
npy("E16.npy", "<f2", (600, 6), floats(flat, "e"))
npy("E-nan.npy", "<f4", (600, 6), floats(flat[:3001] + [NAN] + flat[3002:]))
npy("E-inf.npy", "<f2", (600, 6), floats(flat[:15] + [-INF] + flat[16:], "e"))
npy("E-equal.npy", "<f4", (50, 6), floats([0.25] * 300))
npy("E-few.npy", "<f4", (5, 6), floats(flat[:30]))
npy("E-copies.npy", "<f4", (60, 6), floats(flat[:60] * 6))
npy("E-dims1.npy", "<f4", (3600,), floats(flat))
npy("E-int.npy", "<i4", (600, 6), bytes(14400))
npy("E-wide.npy", "<f4", (1, 4097), floats([0] * 4097))
open("ids.txt", "w").write("".join(f"item{i}\n" for i in range(600)))
open("ids-599.txt", "w").write("".join(f"item{i}\n" for i in range(599)))
P
fit=(nightjar catalogue fit --levels 3 --codes 8 --suffix-codes 64)

expect_exit 0 '' -- "${fit[@]}" --embeddings E.npy --ids ids.txt --token-base 2 --out cat
stdout_has 'level 2: 8 codes'
expect_exit 0 '' -- nightjar catalogue assign --embeddings E.npy --ids ids.txt --codebooks cat --suffix-codes 64 --out again
check "assign gives the codes of the fit" cmp -s cat/sids.npy again/sids.npy
expect_exit 0 '' -- "${fit[@]}" --embeddings E.npy --threads 3 --out cat3
check "threads change no code" cmp -s cat/codebooks.safetensors cat3/codebooks.safetensors
expect_exit 0 '' -- "${fit[@]}" --embeddings E.npy --seed 1 --out cat4
check "another seed gives other codebooks" test "$(cmp -s cat/codebooks.safetensors cat4/codebooks.safetensors; echo $?)" = 1
expect_exit 0 '' -- "${fit[@]}" --embeddings E16.npy --json --no-suffix --out cat16
stdout_is_json
stdout_has '"squared_residual"'
for options in '--method product' '--method hierarchical' '--standardise --pca 4' --balanced; do
    expect_exit 0 '' -- "${fit[@]}" --embeddings E.npy $options --collisions leaves --out other
    expect_exit 0 '' -- nightjar catalogue assign --embeddings E.npy --codebooks other --collisions leaves --out again --overwrite
    check "assign gives the codes of the fit with $options" cmp -s other/sids.npy again/sids.npy
    rm -r other
done

# What would be found wrong behind the fit is found before it: ids that can be read only once, tokens that nobody has.
mkfifo ids.pipe
cat ids.txt >ids.pipe &
feeder=$!
expect_exit 65 'ids.pipe: not a regular file' -- "${fit[@]}" --embeddings E.npy --ids ids.pipe --out piped
kill "$feeder" 2>>kill.err || true # it waits for a reader that never comes
wait "$feeder" 2>>kill.err || true
expect_exit 65 '--token-base: tokens of level 2 end at 2147483649, the highest token is 2147483647' -- \
    "${fit[@]}" --embeddings E.npy --token-base 2147483626 --out piped
expect_absent piped

# Killed behind the write of a state, the fit goes on and ends with the same bytes.
state=(--embeddings E.npy --tolerance 0 --iterations 6 --state-every 0)
expect_exit 0 '' -- "${fit[@]}" "${state[@]}" --out whole
check "a fit that is done leaves no state" test ! -e whole.fit
if NJ_FAILPOINT=file.placed=kill@7 "${fit[@]}" "${state[@]}" --out killed >out 2>err; then
    skip "this build has no failpoints: nothing was killed"
else
    check "a killed fit leaves its state and no catalogue" test -e killed.fit -a ! -e killed
    expect_exit 75 'killed.fit: an interrupted fit is here: --resume goes on' -- "${fit[@]}" "${state[@]}" --out killed
    expect_exit 78 'killed.fit: is a fit of other embeddings or options' -- "${fit[@]}" "${state[@]}" --seed 9 --resume --out killed
    expect_exit 78 'killed.fit: is a fit of other embeddings or options' -- \
        "${fit[@]}" "${state[@]}" --embeddings E16.npy --resume --out killed
    expect_exit 0 '' -- "${fit[@]}" "${state[@]}" --resume --out killed
    check "the codebooks are those of a whole fit" cmp -s whole/codebooks.safetensors killed/codebooks.safetensors
    check "... and so are the SIDs" cmp -s whole/sids.npy killed/sids.npy
    check "... and the state is gone" test ! -e killed.fit
fi
# Two fits with one --out would write one state.
exec 9>busy.fit.lock
flock 9
expect_exit 75 'busy.fit.lock: another process is working on busy.fit' -- "${fit[@]}" "${state[@]}" --out busy
exec 9>&-
expect_exit 0 '' -- "${fit[@]}" "${state[@]}" --out busy
check "a lock that nobody holds any more is taken, and goes with the fit" test -e busy -a ! -e busy.fit.lock -a ! -e killed.fit.lock
# A counter that is too narrow is only found behind the fit: what was learned is kept, and another width goes on from it.
expect_exit 65 'the collision counter has 2 codes' -- "${fit[@]}" "${state[@]}" --suffix-codes 2 --out narrow
check "the fit is kept" test -e narrow.fit -a ! -e narrow
expect_exit 0 '' -- "${fit[@]}" "${state[@]}" --resume --out narrow
check "another counter goes on from it" cmp -s whole/sids.npy narrow/sids.npy
echo "no state" >bad.fit
expect_exit 65 'bad.fit: is cut' -- "${fit[@]}" --embeddings E.npy --resume --out bad
check "... and is still there" grep -q 'no state' bad.fit

while read -r file text; do
    expect_exit 65 "$file.npy: $text" -- "${fit[@]}" --embeddings "$file.npy" --out new
done <<'L'
E-nan row 500, column 1: is not a number (NaN)
E-inf row 2, column 3: is infinite as float32
E-equal all 50 rows are equal
E-few 5 items, level 0 has 8 codes
E-dims1 1 dimensions, embeddings have 2
E-int holds whole numbers, floats are needed
E-wide embeddings are 4097 wide, must be 1 to 4096
L
expect_exit 65 'E-copies.npy: 10 distinct rows among 60, level 0 has 16 codes' -- \
    nightjar catalogue fit --embeddings E-copies.npy --levels 1 --codes 16 --out new
expect_exit 65 'ids-599.txt: 599 ids, there are 600 items' -- "${fit[@]}" --embeddings E.npy --ids ids-599.txt --out new
expect_exit 2 '--levels is "9"' -- nightjar catalogue fit --embeddings E.npy --levels 9 --out new
expect_exit 2 '--codes has 2 numbers' -- nightjar catalogue fit --embeddings E.npy --codes 8,8 --out new
expect_exit 2 '8 levels and a collision counter make 9' -- nightjar catalogue fit --embeddings E.npy --levels 8 --codes 4 --out new
expect_exit 2 '--method is "opq"' -- "${fit[@]}" --embeddings E.npy --method opq --out new
expect_exit 2 '--tolerance is "x"' -- "${fit[@]}" --embeddings E.npy --tolerance x --out new
expect_exit 2 '7 principal components are more' -- "${fit[@]}" --embeddings E.npy --pca 7 --out new
check "nothing was written" test ! -e new -a ! -e new.fit
mkdir full
echo keep >full/note
expect_exit 65 'full: holds "note"' -- "${fit[@]}" --embeddings E.npy --overwrite --out full
expect_exit 65 'cat: is a catalogue already' -- "${fit[@]}" --embeddings E.npy --out cat
check "what was there is still there" cmp -s cat/sids.npy cat3/sids.npy
done_testing
