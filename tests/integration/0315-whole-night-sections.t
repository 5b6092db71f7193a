# `run --embeddings` with what policies use: the sections of tonight's bundle come of tonight's items, and are made again when their inputs change.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_whole_night 20
{ echo 'item_id,kind'; awk '{ print $1 ",kind " NR % 3 }' ids1.txt; } >goods.csv
printf 'version: 1\nconstraints:\n  caps:\n    - {by: kind, most: 9}\n' >policy.yaml
night=("${whole[@]}" --beam 20 --top 20 --store store --histories "$data/histories.txt" --attributes goods.csv --attribute-columns kind --item-vectors)
more=(--neighbours co-visitation --policy policy.yaml)
facts() { # SECTION
    nightjar bundle list store/night/bundle/night.njb --json | python3 -c '
import json, sys
print(json.dumps([s.get("holds") for s in json.load(sys.stdin)["sections"] if s["name"] == sys.argv[1]]))' "$1"
}

# A bundle has its own policy: one beside it would not be read.
expect_exit 2 nightjar run --bundle some.njb --users users.txt --store store --policy policy.yaml
expect_said last 'bundle pack --from some.njb --policy'

expect_exit 0 "${night[@]}" emb1.npy "${more[@]}" --embeddings emb1.npy --ids ids1.txt
[[ $(facts vectors) == *'"form": "float16", "items": 552}]' ]] || fail "vectors: $(facts vectors)"
[[ $(facts attributes) == *'"items": 552, "values": 3}]}]' ]] || fail "attributes: $(facts attributes)"
[[ $(facts neighbours) == *'"co-visitation"'* && $(facts policy) == '[null]' ]] || fail "neighbours or the policy are missing"
expect_exit 0 "${night[@]}" emb1.npy "${more[@]}" --embeddings emb1.npy --ids ids1.txt
expect_said last 'bundle: skipped'

# Each input makes the bundle anew, and nothing else does.
would_pack() { # WHY OPTION...
    local why=$1
    shift
    expect_exit 0 "$@" --embeddings emb1.npy --ids ids1.txt --dry-run
    grep -q "bundle  *would run ($why)" last.out || fail "not packed because of $why: $(cat last.out)"
}
would_pack sections "${night[@]}" emb1.npy "${more[@]}" --neighbours-max 3
would_pack vector-form "${night[@]}" emb1.npy "${more[@]}" --vector-form float32
would_pack 'the list of inputs' "${night[@]}" emb1.npy --neighbours co-visitation
cp emb1.npy vectors.npy
printf '\077' | dd of=vectors.npy bs=1 seek="$(($(stat -c %s vectors.npy) - 1))" conv=notrunc 2>dd.log
would_pack item-vectors "${night[@]}" vectors.npy "${more[@]}"
cp policy.yaml old.yaml
sed -i 's/most: 9/most: 10/' policy.yaml
would_pack policy "${night[@]}" emb1.npy "${more[@]}"
cp old.yaml policy.yaml
cp goods.csv old.csv
sed -i '$d' goods.csv
would_pack attributes "${night[@]}" emb1.npy "${more[@]}"
cp old.csv goods.csv
expect_exit 0 "${night[@]}" emb1.npy "${more[@]}" --embeddings emb1.npy --ids ids1.txt --dry-run
[[ $(grep -c 'is skipped' last.out) -eq 3 ]] || fail "what is as it was is made again: $(cat last.out)"

# Tonight 28 items are gone and 28 new: rows of the vectors find their items by --ids, and retired ones have none.
expect_exit 0 "${night[@]}" emb2.npy "${more[@]}" --embeddings emb2.npy --ids ids2.txt
[[ $(facts vectors) == *'"items": 552}]' ]] || fail "vectors after a refresh: $(facts vectors)"
nightjar catalogue show store/night/catalogue/catalogue >show.out
grep -q '580 items' show.out || fail "the catalogue has not 580 rows: $(cat show.out)"
nightjar bundle pack --from store/night/bundle/night.njb --item-vectors emb2.npy --item-vector-ids ids2.txt --out by-hand.njb >setup.out
cmp by-hand.njb store/night/bundle/night.njb >&2 || fail "the vectors are others than by hand"

# Without --ids, rows are items by their numbers.
nightjar catalogue assign --embeddings emb1.npy --codebooks books.npy --no-suffix --out rows >>setup.out 2>>setup.log
printf 'item_id,added\n0,2024-05-01\n' >days.csv
printf 'version: 1\nconstraints: {fresh: {column: added, share: 0.1}}\n' >fresh.yaml
printf 'user_id,item_id,timestamp\nu1,0,1\nu1,1,2\nu1,2,3\n' >numbers.csv
rows=("${whole[@]}" --catalogue rows --embeddings emb1.npy --item-vectors emb1.npy --store other --users numbers.csv
    --attributes days.csv --day-columns added --policy fresh.yaml)
expect_exit 0 "${rows[@]}" --as-of 2024-05-02
[[ $(nightjar bundle list other/night/bundle/night.njb) == *'float16, 552 items'* ]] || fail "vectors by row are missing"
[[ ! -e other/night/bundle/numbers.txt ]] || fail "numbers.txt is left behind"

# A fresh share that names no day is of today, and another one tomorrow.
expect_exit 0 "${rows[@]}" --as-of 2024-05-02 --dry-run
grep -q 'bundle  *is skipped' last.out || fail "packed again on the same day: $(cat last.out)"
expect_exit 0 "${rows[@]}" --as-of 2024-05-03 --dry-run
grep -q 'bundle  *would run (policy)' last.out || fail "not packed on another day: $(cat last.out)"
