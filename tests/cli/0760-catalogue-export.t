# SIDs go out in the forms of other people's trainers and come back as they were.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_catalogue
round_trip() { # CATALOGUE OPTION...: through both forms
    rm -rf index.json arrays again.index again.npy
    expect_exit 0 '' -- nightjar catalogue export "$1" --to index-json --out index.json
    expect_exit 0 '' -- nightjar catalogue import --index-json index.json "${@:2}" --out again.index
    check "... SIDs and ids come back" cmp -s again.index/sids.npy "$1/sids.npy"
    expect_exit 0 '' -- nightjar catalogue export "$1" --to npy --out arrays --json
    stdout_is_json
    expect_exit 0 '' -- nightjar catalogue import --sids arrays/sids.npy --ids arrays/items.txt "${@:2}" --out again.npy
    check "... SIDs come back" cmp -s again.npy/sids.npy "$1/sids.npy"
    check "... ids come back" cmp -s again.npy/items.txt "$1/items.txt"
}
round_trip cat --codes-per-level 16

# The arrays are what a trainer needs: tokens, and what its model's configuration should say.
python3 - cat arrays <<'P' >said
import json, pathlib, struct, sys
cat, arrays = map(pathlib.Path, sys.argv[1:])
codes = struct.unpack("<1656i", (arrays / "sids.npy").read_bytes()[-6624:])
tokens = struct.unpack("<1656i", (arrays / "tokens.npy").read_bytes()[-6624:])
assert tokens == tuple(2 + i % 3 * 16 + code for i, code in enumerate(codes))
about = json.loads((arrays / "about.json").read_text())
assert about["codes_per_level"] == [16, 16, 16] and about["token_base"] == 2 and about["vocab_size"] == 50, about
assert about["nightjar"]["items"] == 552 and len(about["nightjar"]["sids"]) == 64, about
assert sorted(p.name for p in arrays.iterdir()) == ["about.json", "items.txt", "sids.npy", "tokens.npy"]
print("fine")
P
check "the arrays hold tokens, sizes and the SID map's digest" grep -q fine said

# Levels of several sizes, eight of them, the highest code; items that share a SID.
python3 -c '
from forge import *
npy("wide.npy", "<u2", (3, 8), ints("H", [65535, 0, 0, 0, 0, 0, 0, 1] + [0] * 8 + [0] * 8))'
expect_exit 0 '' -- nightjar catalogue import --sids wide.npy --codes-per-level 65536,2,2,2,2,2,2,3 --token-base 0 --out wide
round_trip wide --codes-per-level 65536,2,2,2,2,2,2,3 --token-base 0
check "levels are a to h" grep -q '{"0": \["<a_65535>", "<b_0>", .*, "<h_1>"\], "1": ' index.json

# Retired items keep their rows.
tail -n +5 "$data/items.txt" >tonight.txt
nightjar catalogue refresh --from cat --ids tonight.txt --out less >out 2>err
rm -rf index.json arrays
expect_exit 0 '4 of the 552 items are retired; they are written too, and index.json cannot say so' -- \
    nightjar catalogue export less --to index-json --out index.json
expect_exit 0 'and retired.npy says which' -- nightjar catalogue export less --to npy --out arrays
check "... as the catalogue does" cmp -s arrays/retired.npy less/retired.npy
check "... and their SIDs stay" cmp -s arrays/sids.npy cat/sids.npy

# Nothing is overwritten, nothing half is left.
mkdir empty full
echo mine >full/file
echo mine >file
before=$(digest_of full)
expect_exit 0 '' -- nightjar catalogue export cat --to npy --out empty
expect_exit 65 'full: is there already; it is not overwritten' -- nightjar catalogue export cat --to npy --out full
expect_untouched full "$before"
expect_exit 65 'file: is there already' -- nightjar catalogue export cat --to npy --out file
expect_exit 65 'file: is there already' -- nightjar catalogue export cat --to index-json --out file
check "... and is as it was" grep -q mine file
expect_exit 74 'nowhere/index.json' -- nightjar catalogue export cat --to index-json --out nowhere/index.json
expect_exit 2 '--to is "tokens", must be index-json or npy' -- nightjar catalogue export cat --to tokens --out x
expect_exit 2 '--to index-json|npy is required' -- nightjar catalogue export cat --out x
expect_exit 5 'missing/catalogue.json' -- nightjar catalogue export missing --to npy --out x
expect_absent x nowhere
check "no draft is left" test -z "$(find . -name '*.tmp.*')"

# LETTER's SIDs of Amazon Beauty: 24 items share theirs with another.
letter=$source_dir/../shared/data/beauty/Beauty.index.json
if [[ -f $letter ]]; then
    expect_exit 0 '' -- nightjar catalogue import --index-json "$letter" --out letter
    stdout_has '12088 distinct SIDs; 24 items share theirs with another, at most 3 in one'
    expect_exit 0 '' -- nightjar catalogue export letter --to index-json --out letter.json
    check "LETTER's file comes back byte for byte" cmp -s letter.json "$letter"
else
    skip "no ../shared/data/beauty"
fi
done_testing
