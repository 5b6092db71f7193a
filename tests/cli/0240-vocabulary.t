# A model whose vocabulary is too small for the catalogue or the template is a configuration that does not fit: exit 78.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

pack() { # CODE TEXT CATALOGUE OPTION...
    local code=$1 text=$2 catalogue=$3
    shift 3
    expect_exit "$code" "$text" -- nightjar bundle pack --model "$data/model" --catalogue "$catalogue" --out c.njb "$@"
}
expect_exit 0 '' -- nightjar "${import[@]}" --token-base 11 --out base11
pack 78 'level 2 of the catalogue uses code 7, which is token 50; the model has 50 tokens (0 to 49)' base11
expect_exit 0 '' -- nightjar catalogue import --sids "$data/sids.npy" --codes-per-level 256 --out wide
pack 78 'which is token 269; the model has 50 tokens' wide
pack 78 'template has token 50; the model has 50 tokens' cat --before 50
pack 78 'template has token 50; the model has 50 tokens' cat --between 0,50
pack 78 'template has token 99; the model has 50 tokens' cat --after 99
pack 78 'template has token 50; the model has 50 tokens' cat --user-tokens 40,11
stderr_has 'exit 78 (the configuration does not fit)'
expect_absent c.njb
pack 0 '' cat --before 49 --between 0 --after 1 --user-tokens 40,10
expect_exit 0 '' -- nightjar decode --bundle c.njb --users users.txt
stdout_lines 20

# The same in a bundle that was packed by something else.
python3 - <<'P'
from forge import *
b = Bundle("b.njb")
b.write("base.njb", catalogue=b.json("catalogue", token_base=11))
b.write("template.njb", catalogue=b.json("catalogue", template={"after": [50]}))
P
expect_exit 78 'bundle "base.njb": level 2 of the catalogue uses code 7, which is token 50' -- \
    nightjar decode --bundle base.njb --users users.txt
expect_exit 78 'bundle "template.njb": ' -- nightjar decode --bundle template.njb --users users.txt
stderr_has 'template has token 50; the model has 50 tokens'
expect_exit 78 'which is token 50; the model has 50 tokens' -- \
    nightjar run --bundle base.njb --users users.txt --store store --workers 1
expect_absent store/CURRENT store/staging
done_testing
