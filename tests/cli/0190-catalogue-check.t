# catalogue check: figures for people and for scripts, a picture, limits that exit 4, and inputs that do not fit.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Items 0 to 4 at 0, item 5 at 3.2: two levels of four codes, with a counter of five.
python3 - <<'P'
from forge import *
npy("E.npy", "<f4", (6, 1), floats([0] * 5 + [3.2]))
npy("C.npy", "<f4", (2, 4, 1), floats([0, 1, 2, 3, 0, 0.1, 0.2, 0.3]))
npy("E5.npy", "<f4", (5, 1), floats([0] * 5))
npy("wide.npy", "<f4", (6, 2), floats([0] * 12))
npy("nan.npy", "<f4", (6, 1), floats([0] * 5 + [NAN]))
npy("cube.npy", "<f4", (6, 1, 1), floats([0] * 6))
P
printf 'i%d\n' 0 1 2 3 4 5 >ids.txt
printf 'i0\tA > x\ni1\tA > y\ni2\tB > x\ni5\tB > x\n' >kinds.tsv
nightjar catalogue assign --embeddings E.npy --ids ids.txt --codebooks C.npy --suffix-codes 5 --out cat >out 2>err
rows=(nightjar catalogue check cat)
expect_exit 0 '' -- "${rows[@]}"
stdout_has '6 items, 2 levels and a collision counter'
stdout_has '5 of 6 items (83.33 %) share their codes with another, at most 5 in one; 2 different codes'
stdout_has 'suffix    a counter of 5 codes'
stdout_has 'look: 83.3 % of the items share their codes with another'
expect_exit 0 '' -- "${rows[@]}" --embeddings E.npy --policies --categories kinds.tsv --category-depth 1 --svg use.svg --json
stdout_is_json
check "... with the figures of a catalogue counted by hand" python3 - <<'P'
import json
r = json.load(open("out"))
near = lambda a, b: abs(a - b) < 1e-6
assert (r["items"], r["suffix"], r["items_colliding"], r["largest_collision"], r["distinct_codes"]) == (6, True, 5, 5, 2), r
a, b = r["levels"]
assert (a["codes"], a["used"], a["dead"], a["prefixes"]) == (4, 2, 2, 2) and near(a["largest_share"], 5 / 6), a
assert near(r["squared_length"], 3.2 ** 2 / 6) and near(a["error"], 0.2 ** 2 / 6) and near(b["error"], 0), r
assert near(a["purity"], 3 / 4) and 0.5 <= a["purity_by_chance"] <= 1, a
assert r["categories"] == {"count": 2, "items": 4, "largest_share": 0.5}, r
p = r["policies"]
assert p["suffix"] == {"suffix_codes": 5} and p["leaves"] == {"distinct_sids": 2, "items_sharing_a_sid": 5}, p
assert (p["relocate"]["items_moved"], p["relocate"]["items_moved_prefix"]) == (4, 1), p
assert near(p["relocate"]["extra_error"], (0.01 + 0.04 + 0.09 + 1) / 6), p
assert any("83.3 % of the items" in text for text in r["findings"]), r
P
check "... and the picture is XML" python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("use.svg")'
check "... that names the catalogue" grep -q '<title>cat</title>' use.svg

# A refreshed catalogue: the retired items count, because they keep their SIDs, and a collision with one of them is a collision.
printf 'i0\ni5\ni6\n' >later.txt
python3 -c 'from forge import *; npy("later.npy", "<f4", (3, 1), floats([0, 3.2, 3.2])); npy("all.npy", "<f4", (7, 1), floats([0] * 5 + [3.2, 3.2]))'
nightjar catalogue refresh --from cat --ids later.txt --embeddings later.npy --max-retired 100 --out later >out 2>err
expect_exit 0 '' -- nightjar catalogue check later --embeddings all.npy
stdout_has '7 items, 2 levels and a collision counter'
stdout_has '4 of the items are retired; they count as well'
stdout_has '7 of 7 items (100.00 %) share their codes with another, at most 5 in one; 2 different codes'
expect_exit 0 '' -- nightjar catalogue check later --json
stdout_is_json
stdout_has '"retired": 4'
expect_exit 65 'later.npy: 3 embeddings, the catalogue has 7 items, 4 of them retired: each needs a row' -- nightjar catalogue check later --embeddings later.npy
expect_exit 0 '' -- "${rows[@]}" --json
stdout_has '"retired": 0'

# Limits.
expect_exit 0 '' -- "${rows[@]}" --max-collisions 84 --max-bucket 5 --min-use 50 --min-perplexity 35
expect_exit 4 '5 of 6 items share their codes with another, 83.3 %; --max-collisions is 10 %' -- "${rows[@]}" --max-collisions 10
expect_exit 4 '5 items have the same codes; --max-bucket is 4' -- "${rows[@]}" --max-bucket 4
expect_exit 4 'level 0 uses 2 of 4 codes, 50 %; --min-use is 50.1 %' -- "${rows[@]}" --min-use 50.1
expect_exit 4 'level 0 has a perplexity of 1.569 of 4 codes' -- "${rows[@]}" --min-perplexity 50
nightjar catalogue import --sids "$data/sids.npy" --ids "$data/items.txt" --codes-per-level 64 --out demo >out 2>err
expect_exit 0 '' -- nightjar catalogue check demo --max-collisions 100
stdout_has 'of 64 codes: its codebook has collapsed'
expect_exit 2 '--max-collisions is "many", must be a number from 0 to 100' -- "${rows[@]}" --max-collisions many
expect_exit 2 '--min-use is "101", must be' -- "${rows[@]}" --min-use 101
expect_exit 2 '--max-error needs --embeddings' -- "${rows[@]}" --max-error 5
expect_exit 2 '--policies needs --embeddings' -- "${rows[@]}" --policies

# Embeddings that are not this catalogue's.
expect_exit 65 'E5.npy: 5 embeddings, the catalogue has 6 items' -- "${rows[@]}" --embeddings E5.npy
expect_exit 65 'wide.npy: embeddings are 2 wide, the catalogue'"'"'s codebooks 1' -- "${rows[@]}" --embeddings wide.npy
expect_exit 65 'nan.npy: row 5, column 0: is not a number' -- "${rows[@]}" --embeddings nan.npy
expect_exit 65 'cube.npy: 3 dimensions, embeddings have 2' -- "${rows[@]}" --embeddings cube.npy
expect_exit 65 'E.npy: ' -- nightjar catalogue check demo --embeddings E.npy
expect_exit 5 'missing.npy' -- "${rows[@]}" --embeddings missing.npy

# Categories.
printf 'i0\tA\nwho\tB\n' >unknown.tsv
expect_exit 65 'unknown.tsv: line 2: the catalogue has no item "who"' -- "${rows[@]}" --categories unknown.tsv
printf 'i0\tA\ni0\tB\n' >twice.tsv
expect_exit 65 'twice.tsv: line 2: item "i0" has a category in line 1 already' -- "${rows[@]}" --categories twice.tsv
printf 'i0 A\n' >spaces.tsv
expect_exit 65 'spaces.tsv: line 1: has no tab' -- "${rows[@]}" --categories spaces.tsv
expect_exit 5 'missing.tsv' -- "${rows[@]}" --categories missing.tsv

# Where nothing could be said, an older picture stays; a folder that is half a catalogue is none.
echo mine >keep.svg
expect_exit 65 'E5.npy' -- "${rows[@]}" --embeddings E5.npy --svg keep.svg
check "... and the old picture stays" grep -q mine keep.svg
expect_exit 74 'no/where.svg' -- "${rows[@]}" --svg no/where.svg
cp -r cat half && rm half/sids.npy
expect_exit 5 'half/sids.npy: cannot open' -- nightjar catalogue check half
cp -r cat cut && head -c 100 cat/codebooks.safetensors >cut/codebooks.safetensors
expect_exit 65 'cut/codebooks.safetensors' -- nightjar catalogue check cut
expect_exit 5 'nothing/catalogue.json' -- nightjar catalogue check nothing
done_testing
