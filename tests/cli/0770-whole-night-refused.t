# `run --embeddings` with inputs that cannot be: each is named, and what the store has stays as it was.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
script=$source_dir/tests/integration/whole_night.py
python3 "$script" books books.npy
python3 "$script" items emb.npy ids.txt 0 0
nightjar catalogue assign --embeddings emb.npy --ids ids.txt --codebooks books.npy --no-suffix --out cat >out 2>err
head -n 60 "$data/histories.txt" >users.txt
run() { # OPTION...: later ones win
    nightjar run --embeddings emb.npy --ids ids.txt --catalogue cat --model "$data/model" --users users.txt --store store --top 5 \
        --workers 1 "$@"
}

# What has to be given.
plain=(nightjar run --users users.txt --store store)
expect_exit 2 '--bundle FILE is required, or --embeddings FILE for the whole night' -- "${plain[@]}"
expect_exit 2 'give --bundle or --embeddings, not both' -- run --bundle b.njb
expect_exit 2 '--embeddings needs --catalogue' -- "${plain[@]}" --embeddings emb.npy --model "$data/model"
expect_exit 2 '--embeddings needs --model' -- "${plain[@]}" --embeddings emb.npy --catalogue cat
expect_exit 2 '--max-retired is "101", must be a number from 0 to 100' -- run --max-retired 101

# What is not there.
expect_exit 5 'nothing.npy' -- run --embeddings nothing.npy
expect_exit 5 'nothing.txt' -- run --ids nothing.txt
expect_exit 5 'nothing/catalogue.json' -- run --catalogue nothing
expect_exit 5 'nothing' -- run --model nothing
expect_exit 5 'nothing.txt' -- run --users nothing.txt
expect_exit 5 'nothing.txt' -- run --histories nothing.txt
expect_absent store

# What does not fit.
python3 - <<'P'
from forge import *
raw = open("emb.npy", "rb").read()[-552 * 48 * 4:]
npy("narrow.npy", "<f4", (552, 47), raw[:552 * 47 * 4])
npy("nan.npy", "<f4", (552, 48), raw[:4 * 48 * 5] + floats([NAN]) + raw[4 * 48 * 5 + 4:])
npy("few.npy", "<f4", (440, 48), raw[-440 * 48 * 4:])
P
tail -n 440 ids.txt >few.txt
tail -n 551 ids.txt >short.txt
nightjar "${import[@]}" --out bare >out 2>err
nightjar catalogue assign --embeddings emb.npy --ids ids.txt --codebooks books.npy --no-suffix --token-base 40 --out high >out 2>err
tac ids.txt >turned.txt
nightjar catalogue assign --embeddings emb.npy --ids turned.txt --codebooks books.npy --no-suffix --out turned >out 2>err
refused() { # CODE TEXT OPTION...
    expect_exit "$1" "$2" -- run "${@:3}"
}
for store in fresh made; do
    if [[ $store == made ]]; then
        expect_exit 0 '' -- run
        before=$(digest_of store)
    fi
    refused 65 '47' --embeddings narrow.npy
    stderr_has '48'
    refused 65 'nan.npy: ' --embeddings nan.npy
    stderr_has 'row 5'
    refused 65 '440' --embeddings few.npy
    stderr_has '552'
    refused 65 '551' --ids short.txt
    refused 4 '112' --embeddings few.npy --ids few.txt
    if [[ $store == fresh ]]; then
        refused 65 'bare: ' --catalogue bare
        expect_absent store/CURRENT store/night/catalogue store/night/bundle store/staging
    else
        expect_untouched store "$before"
    fi
done

# Another catalogue than the one that the published SIDs came of.
refused 4 "store/night/catalogue/catalogue holds the SIDs that were published from this store" --catalogue turned --ids turned.txt
stderr_has 'did not come of turned'
refused 4 'the tokens of high begin at 40, those of store/night/catalogue/catalogue at 2' --catalogue high
expect_untouched store "$before"
refused 78 'the model has 50 tokens' --catalogue high --store other
expect_absent other/night/bundle other/staging other/CURRENT

# A model that does not know these SIDs, found by the users' own histories; and one that says so.
unset NIGHTJAR_NO_PAIRING_CHECK
refused 4 'the model does not know these SIDs' --catalogue turned --ids turned.txt --store third
expect_absent third/night/bundle third/staging third/CURRENT
python3 -c 'from forge import *; model("pledged", None, config(nightjar={"sids": "0" * 64, "items": 552}))'
refused 4 'pledged was trained on the SIDs 0000' --model pledged
expect_untouched store "$before"
expect_exit 0 'the model knows these SIDs: over 59 held-out transitions' -- run
export NIGHTJAR_NO_PAIRING_CHECK=true

# A counter that is full: the night says so, and may give the new item other codes. Item "twin" is as an item of the fullest codes.
expect_exit 2 '--suffix-overflow is "drop", must be refuse or relocate' -- run --suffix-overflow drop
python3 - <<'P'
from forge import *
head = len(open("emb.npy", "rb").read()) - 552 * 48 * 4
raw = open("emb.npy", "rb").read()[head:]
rows = [raw[i:i + 192] for i in range(0, len(raw), 192)]
books = open("books.npy", "rb").read()[-3 * 16 * 48 * 4:]
npy("two.npy", "<f4", (2, 16, 48), books[:2 * 16 * 48 * 4])
npy("crowd.npy", "<f4", (80, 48), b"".join(rows[:64] + rows[:1] * 16))
npy("twin.npy", "<f4", (81, 48), b"".join(rows[:64] + rows[:1] * 17))
names = ["c%d" % i for i in range(80)]
open("crowd.txt", "w").write("".join(name + "\n" for name in names))
open("twin.txt", "w").write("".join(name + "\n" for name in names + ["twin"]))
open("fans.txt", "w").write("".join("u%d c%d c%d\n" % (i, i, i + 1) for i in range(9)))
P
expect_exit 0 '' -- nightjar catalogue assign --embeddings crowd.npy --ids crowd.txt --codebooks two.npy --suffix-codes 16 \
    --suffix-overflow relocate --out counted
full=(--embeddings twin.npy --ids twin.txt --catalogue counted --users fans.txt --store counting)
expect_exit 65 'the collision counter has 16 codes; retired items keep theirs, so --suffix-overflow relocate would do' -- run "${full[@]}"
expect_absent counting/night/catalogue counting/CURRENT
expect_exit 0 '81 items tonight: 80 stay, 1 are new' -- run "${full[@]}" --suffix-overflow relocate
expect_exit 0 'catalogue: skipped, nothing has changed' -- run "${full[@]}"

# Records that are no records.
expect_exit 0 '' -- run
for bad in '' '{"version": 1}' '{"version": 9, "inputs": {}}' '{"version": 1, "inputs": [1]}' "{\"version\": 1, \"inputs\": {}, \"result\": \"$(repeat 100 x)\"}"; do
    cp -r store broken
    printf '%s' "$bad" >broken/night/bundle/phase.json
    refused 65 'broken/night/bundle/phase.json' --store broken
    rm -rf broken
done
cp -r store broken
rm broken/night/catalogue/phase.json
refused 65 'broken/night/catalogue/phase.json: is missing' --store broken
rm -r broken/night
echo file >broken/night
refused 65 'broken/night' --store broken
rm -rf broken
cp -r store broken
printf 'x' | dd of=broken/night/bundle/night.njb bs=1 seek=9000 conv=notrunc 2>err
refused 4 'broken/night/bundle/night.njb' --store broken --keep-history
rm -r broken/night/bundle
expect_exit 0 'bundle: packing (it was never made)' -- run --store broken --keep-history
done_testing
