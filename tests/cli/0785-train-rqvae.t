# train rqvae: what it writes serves assign and import, threads and interruptions change no byte, and what is refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

python3 - <<'P'
from forge import *
import random
random.seed(5)
centres = [[random.uniform(-4, 4) for _ in range(6)] for _ in range(40)]
rows = [[c + random.gauss(0, 0.4) for c in centres[i % 40]] for i in range(300)]
flat = [v for row in rows for v in row]
npy("E.npy", "<f4", (300, 6), floats(flat))
npy("E-more.npy", "<f4", (301, 6), floats(flat + flat[-6:]))
open("more.txt", "w").write("".join(f"{i}\n" for i in range(301)))
npy("E16.npy", "<f2", (300, 6), floats(flat, "e"))
npy("E-other.npy", "<f4", (300, 6), floats(flat[:-1] + [0.5]))
npy("E-nan.npy", "<f4", (300, 6), floats(flat[:1301] + [NAN] + flat[1302:]))
npy("E-inf.npy", "<f2", (300, 6), floats(flat[:15] + [-INF] + flat[16:], "e"))
npy("E-one.npy", "<f4", (1, 6), floats(flat[:6]))
npy("E-few.npy", "<f4", (5, 6), floats(flat[:30]))
npy("E-equal.npy", "<f4", (50, 6), floats([0.25] * 300))
npy("E-thin.npy", "<f4", (300, 1), floats(flat[:300]))
npy("E-flat.npy", "<f4", (300, 6), floats([1e-3 if i % 6 == 2 else v for i, v in enumerate(flat)]))
npy("E-huge.npy", "<f4", (300, 6), floats([v * 1e37 for v in flat]))
npy("E-dims1.npy", "<f4", (1800,), floats(flat))
npy("E-int.npy", "<i4", (300, 6), bytes(7200))
open("nan.py", "w").write("import json, sys; json.load(open(sys.argv[1]), parse_constant=lambda c: sys.exit(c))\n")
P
train=(nightjar train rqvae --levels 2 --codes 8 --hidden 16 --latent 4 --batch 64 --epochs 6 --validate-every 2 --rate 0.01 --warmup 5)
assign=(nightjar catalogue assign --embeddings E.npy --collisions leaves)

expect_exit 0 'info: epoch 6 of 6' -- "${train[@]}" --embeddings E.npy --out whole
stdout_has 'items collide'
stdout_has 'level 1: 100.0 % of 8 codes used'
check "a training that is complete leaves no checkpoint" test ! -e whole/checkpoint.nj
check "its report is a page" grep -q '</html>' whole/report.html
check "its log is plain JSON" python3 nan.py whole/training.json
expect_exit 0 '' -- "${assign[@]}" --codebooks whole/codebooks.safetensors --out assigned
expect_exit 0 '' -- nightjar catalogue import --sids whole/codes.npy --codes-per-level 8 --out imported
check "assign gives the codes that training counted" cmp -s assigned/sids.npy imported/sids.npy
check "the decoder stands apart" grep -q 'decoder.1.weight' whole/decoder.safetensors
check "... and not among the codebooks" test -z "$(grep -l decoder whole/codebooks.safetensors)"
expect_exit 0 '' -- nightjar catalogue refresh --from assigned --embeddings E-more.npy --ids more.txt --collisions leaves --out refreshed
stdout_has '1 new'
expect_exit 0 '' -- nightjar catalogue check --embeddings E.npy assigned
expect_exit 0 '' -- "${train[@]}" --embeddings E.npy --threads 3 --quiet --json --out three
stdout_is_json
for file in codebooks.safetensors decoder.safetensors codes.npy; do
    check "threads change no byte of $file" cmp -s whole/$file three/$file
done
expect_exit 0 '' -- "${train[@]}" --embeddings E.npy --seed 1 --quiet --out seed1
check "another seed gives other codebooks" test "$(cmp -s whole/codebooks.safetensors seed1/codebooks.safetensors; echo $?)" = 1

# Killed when a file has its place (log, codebooks, checkpoint: whichever is the 20th), it goes on and ends with the same bytes.
if NJ_FAILPOINT=file.placed=kill@20 "${train[@]}" --embeddings E.npy --out killed >out 2>err; then
    skip "this build has no failpoints: nothing was killed"
else
    expect_exit 75 'go on with --resume' -- "${train[@]}" --embeddings E.npy --out killed
    expect_exit 78 'embeddings' -- "${train[@]}" --embeddings E-other.npy --resume --out killed
    expect_exit 78 'begun with best "error"' -- "${train[@]}" --embeddings E.npy --best collisions --resume --out killed
    expect_exit 78 'beta' -- "${train[@]}" --embeddings E.npy --beta 0.5 --resume --out killed
    expect_exit 0 '' -- "${train[@]}" --embeddings E.npy --resume --threads 1 --out killed
    for file in codebooks.safetensors decoder.safetensors codes.npy; do
        check "a resumed training ends with the same $file" cmp -s whole/$file killed/$file
    done
fi
expect_exit 0 '' -- "${train[@]}" --embeddings E.npy --resume --out whole
stdout_has 'complete since an earlier run'

# Small, odd and constant: all of it can be trained.
for options in '--levels 1' '--latent 20' '--hidden 5,7,9' '--standardise whole' '--standardise none' \
    '--codebook-start random --keep-dead' '--best collisions' '--dropout 0.1'; do
    expect_exit 0 '' -- "${train[@]}" --embeddings E.npy --epochs 2 --quiet --overwrite $options --out odd
done
for file in E16 E-thin E-flat E-huge; do
    expect_exit 0 '' -- "${train[@]}" --embeddings $file.npy --epochs 2 --quiet --overwrite --out odd
    check "... of finite figures ($file)" python3 nan.py odd/training.json
done

# A rate that breaks the loss: what was kept before stays.
cp -r whole before
expect_exit 1 'try a lower rate' -- "${train[@]}" --embeddings E.npy --rate 1e3 --weight-decay 1e3 --quiet --overwrite --out whole
for file in codebooks.safetensors decoder.safetensors codes.npy; do
    check "... and $file is as it was" cmp -s before/$file whole/$file
done

refuse() { # CODE TEXT OPTION...
    expect_exit "$1" "$2" -- "${train[@]}" "${@:3}" --out refused
}
refuse 65 'row 216, column 5' --embeddings E-nan.npy
refuse 65 'row 2, column 3' --embeddings E-inf.npy
refuse 65 'all 1 rows are equal' --embeddings E-one.npy
refuse 65 'all 50 rows are equal' --embeddings E-equal.npy
refuse 65 '5 rows cannot use the 8 codes of level 0' --embeddings E-few.npy
refuse 65 'embeddings have 2' --embeddings E-dims1.npy
refuse 65 'E-int.npy' --embeddings E-int.npy
refuse 65 'beyond float32' --embeddings E-huge.npy --standardise none
refuse 5 'missing.npy' --embeddings missing.npy
refuse 2 '--codes has 3 numbers' --embeddings E.npy --codes 8,8,8
refuse 2 '--levels' --embeddings E.npy --levels 9
refuse 2 '--latent' --embeddings E.npy --latent 0
refuse 2 '--hidden' --embeddings E.npy --hidden 16,0
refuse 2 '--beta' --embeddings E.npy --beta=-1
refuse 2 '--standardise is "some"' --embeddings E.npy --standardise some
refuse 2 '--codebook-start is "good"' --embeddings E.npy --codebook-start good
refuse 2 '--best is "all"' --embeddings E.npy --best all
refuse 2 '--validate-every is 0' --embeddings E.npy --validate-every 0
check "nothing of what was refused is a model" test ! -e refused/codebooks.safetensors

done_testing
