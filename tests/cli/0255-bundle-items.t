# bundle pack: the sections that policies use come from files and histories, change without the model, and are refused where they do not fit.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
pack=(nightjar bundle pack --from b.njb --out new.njb)
python3 - "$data/items.txt" <<'P'
import sys
from forge import *
ids = open(sys.argv[1]).read().split()
npy("V.npy", "<f4", (len(ids), 3), floats([float(x) for i in range(len(ids)) for x in (i + 1, i % 5, 1)]))
npy("few.npy", "<f4", (2, 3), floats([1, 2, 3, 4, 5, 6]))
open("few.txt", "w").write(ids[7] + "\nno-item\n")
with open("goods.csv", "w") as out:
    out.write("item_id,kind,maker,added\n")
    out.writelines(f"{id},Home > Kind {i % 4} > Part {i},Maker {i % 9},2024-0{1 + i % 9}-01\n" for i, id in enumerate(ids[:-2]))
    out.write("no-item,Home,Nobody,2024-01-01\n")
P
attributes=(--attributes goods.csv --attribute-columns kind=2,maker --day-columns added)
facts() { # BUNDLE SECTION
    nightjar bundle list "$1" --json | python3 -c '
import json, sys
section = [s for s in json.load(sys.stdin)["sections"] if s["name"] == sys.argv[1]]
print(json.dumps(section[0].get("holds", "there")) if section else "none")' "$2"
}
# What is given becomes a section; what is not, stays.
expect_exit 0 'goods.csv: 1 of its items are not in the catalogue' -- "${pack[@]}" "${attributes[@]}" --item-vectors V.npy \
    --histories "$data/histories.txt" --neighbours co-visitation --neighbours-max 20 --json
stdout_is_valid bundle-pack
expect_exit 0 '' -- nightjar bundle verify new.njb --json
stdout_is_valid bundle-list
check "attributes are told" test "$(facts new.njb attributes)" = '{"columns": [{"name": "added", "kind": "days", "items": 550}, {"name": "kind", "kind": "words", "items": 550, "values": 4}, {"name": "maker", "kind": "words", "items": 550, "values": 9}]}'
check "vectors are told" test "$(facts new.njb vectors)" = '{"dimensions": 3, "form": "float16", "items": 552}'
check "neighbours are told" bash -c '[[ $1 == "{\"kind\": \"co-visitation\", \"neighbours\": "* ]]' _ "$(facts new.njb neighbours)"
expect_exit 0 '' -- nightjar bundle list new.njb
stdout_has 'added, days, 550 items; kind, words, 550 items, 4 values; maker, words, 550 items, 9 values'
stdout_has '3 dimensions, float16, 552 items'
check "all others are as they were" python3 -c '
from forge import Bundle
old, new = Bundle("b.njb").sections, Bundle("new.njb").sections
assert all(new[name] == old[name] for name in old) and len(new) == len(old) + 3'
cp new.njb whole.njb

# The same from a model gives the same bytes, and another run of it too.
expect_exit 0 '' -- nightjar bundle pack --model "$data/model" --catalogue cat --histories "$data/histories.txt" "${attributes[@]}" \
    --item-vectors V.npy --neighbours co-visitation --neighbours-max 20 --out other.njb
check "... and bytes are the same" cmp new.njb other.njb

# Rows of vectors find their items by id.
expect_exit 0 '' -- "${pack[@]}" --item-vectors few.npy --item-vector-ids few.txt --vector-form float32
check "one item has a vector" test "$(facts new.njb vectors)" = '{"dimensions": 3, "form": "float32", "items": 1}'

# Sections are taken out again, and the file may take the place of the one that it comes from.
cp whole.njb same.njb
expect_exit 0 '' -- nightjar bundle pack --from same.njb --without attributes,vectors,neighbours --out same.njb
check "... which gives the bundle without them" cmp b.njb same.njb
expect_exit 2 '--without has "weights"' -- nightjar bundle pack --from whole.njb --without weights --out new.njb
expect_exit 2 '--without policy: whole.njb has no such section' -- nightjar bundle pack --from whole.njb --without policy --out new.njb

# A policy is read against the sections, and stays where it is not replaced; it goes where they fit it no longer.
printf 'version: 1\nconstraints:\n  caps:\n    - {by: kind, most: 3}\n' >policy.yaml
expect_exit 78 'policy.yaml: line 4: ' -- "${pack[@]}" --policy policy.yaml
expect_exit 0 '' -- nightjar bundle pack --from whole.njb --policy policy.yaml --out ruled.njb
check "the policy is there" test "$(facts ruled.njb policy)" = '"there"'
expect_exit 0 '' -- nightjar bundle pack --from ruled.njb --without vectors --out new.njb
check "... and stays" python3 -c 'from forge import Bundle; assert Bundle("ruled.njb").sections["policy"] == Bundle("new.njb").sections["policy"]'
expect_exit 78 'kind' -- nightjar bundle pack --from ruled.njb --attributes goods.csv --attribute-columns maker --out none.njb
expect_exit 78 'kind' -- nightjar bundle pack --from ruled.njb --without attributes --out none.njb
expect_absent none.njb

# What does not fit is refused, and what was there stays.
before=$(digest_of whole.njb)
refuse() { # CODE TEXT OPTION...
    local code=$1 text=$2
    shift 2
    expect_exit "$code" "$text" -- nightjar bundle pack --out whole.njb "$@"
}
refuse 2 '--model DIR is required, or --from FILE' --catalogue cat
refuse 2 '--catalogue DIR is required' --model "$data/model"
refuse 2 "--from keeps that bundle's own: leave --model and --catalogue out" --from b.njb --model "$data/model"
refuse 2 "leave --history-max out" --from b.njb --history-max 3
refuse 2 '--without needs --from' --model "$data/model" --catalogue cat --without policy
refuse 2 '--neighbours needs --histories' --from b.njb --neighbours item-knn
refuse 2 '--neighbours-shrink is nothing that --neighbours co-visitation has' --from b.njb --histories users.txt --neighbours co-visitation --neighbours-shrink 3
refuse 2 '--neighbours is "knn"' --from b.njb --histories users.txt --neighbours knn
refuse 2 '--neighbours-max is "0"' --from b.njb --histories users.txt --neighbours item-knn --neighbours-max 0
refuse 2 '--vector-form is "float64"' --from b.njb --vector-form float64
refuse 2 '--attributes needs --attribute-columns' --from b.njb --attributes goods.csv
refuse 2 '--attribute-columns and --day-columns need --attributes' --from b.njb --day-columns added
refuse 2 '--item-vector-ids needs --item-vectors' --from b.njb --item-vector-ids few.txt
refuse 2 '--neighbours-shrink needs --neighbours' --from b.njb --neighbours-shrink 3
refuse 65 'goods.csv: line 1: has no column "made"' --from b.njb --attributes goods.csv --attribute-columns made
refuse 65 'goods.csv: line 2: "kind" of item' --from b.njb --attributes goods.csv --day-columns kind
refuse 65 'few.npy: has 2 rows, the catalogue has 552' --from b.njb --item-vectors few.npy
refuse 5 'missing.npy' --from b.njb --item-vectors missing.npy
refuse 5 'missing.njb' --from missing.njb
python3 - <<'P'
bytes = bytearray(open("b.njb", "rb").read())
bytes[-100] ^= 1
open("damaged.njb", "wb").write(bytes)
P
refuse 4 'damaged.njb' --from damaged.njb
expect_untouched whole.njb "$before"

# A bundle whose sections do not fit each other is found by verify, though each has its digest.
nightjar bundle pack --from b.njb --item-vectors few.npy --item-vector-ids few.txt --out few.njb >out 2>err
python3 - <<'P'
from forge import *
few = Bundle("few.njb")
few.write("odd.njb", vectors=replace(few.sections["vectors"], 64, b"\x00\x44"))
P
expect_exit 65 'vectors: row 0 has length' -- nightjar bundle verify odd.njb
expect_exit 0 '' -- nightjar bundle list odd.njb
stdout_has 'vectors: row 0 has length'
done_testing
