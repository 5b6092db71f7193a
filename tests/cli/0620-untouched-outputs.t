# An output that exists is replaced by a success only, and then whole.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
python3 -c 'from forge import *; t = Safetensors(); t.set_half("shared.weight", 0, NAN); model("nan", t)'
printf 'u a\nu b\n' >twice.txt
pack=(bundle pack --catalogue cat --out b.njb)
before=$(digest_of b.njb)

expect_exit 65 'is not a number (NaN)' -- nightjar "${pack[@]}" --model nan
expect_untouched b.njb "$before"
expect_exit 65 'twice.txt: line 2' -- nightjar "${pack[@]}" --model "$data/model" --histories twice.txt
expect_untouched b.njb "$before"
expect_exit 78 'template has token 50; the model has 50 tokens' -- nightjar "${pack[@]}" --model "$data/model" --after 50
expect_untouched b.njb "$before"
expect_exit 5 'missing/catalogue.json' -- nightjar bundle pack --model "$data/model" --catalogue missing --out b.njb
expect_untouched b.njb "$before"
expect_exit 74 'missing/b.njb: cannot create' -- nightjar bundle pack --model "$data/model" --catalogue cat --out missing/b.njb
mkdir folder
expect_exit 74 'folder: is not a regular file' -- \
    nightjar bundle pack --model "$data/model" --catalogue cat --out folder
check "nothing temporary is left" test -z "$(find . -name '*.tmp*')"
expect_exit 0 '' -- nightjar "${pack[@]}" --model "$data/model" --histories "$data/histories.txt"
expect_untouched b.njb "$before" # the same inputs give the same bytes
expect_exit 0 '' -- nightjar "${pack[@]}" --model "$data/model" --after 1
check "a success replaces it" test "$(digest_of b.njb)" != "$before"

# Inputs are never written to.
inputs=$(digest_of "$data")
expect_exit 0 '' -- nightjar run --bundle b.njb --users "$data/histories.txt" --store store --workers 1
expect_untouched "$data" "$inputs"
done_testing
