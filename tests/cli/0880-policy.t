# policy check and explain: a file or a bundle's own policy against that bundle and the settings of a night; mistakes are refused before
# anything runs, with the line of the file.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
expect_exit 0 '' -- nightjar embed --items "$data/items.tsv" --ids "$data/items.txt" --quiet --dimensions 8 --out E.npy
expect_exit 0 '' -- nightjar bundle pack --from b.njb --attributes "$data/items.tsv" --attribute-columns shelf,series \
    --item-vectors E.npy --histories "$data/histories.txt" --neighbours co-visitation --out s.njb
cat >policy.yaml <<'P'
version: 1
candidates:
  neighbours: {weight: 1, count: 30}
constraints:
  deny:
    - series: Red Lantern
  caps:
    - {by: shelf, most: 8}
  pins:
    - {item: red-lantern-05, place: 2}
rerank: {method: mmr, relevance: 0.8}
fill: {widen: true, near: true, popular: true}
P

# The pin is denied; without it the policy fits.
expect_exit 78 'policy.yaml: line 10: item "red-lantern-05" is pinned here and denied on line 6: keep one of the two' -- \
    nightjar policy check policy.yaml --bundle s.njb
grep -v 'pins:\|red-lantern-05' policy.yaml >good.yaml
expect_exit 0 '' -- nightjar policy check good.yaml --bundle s.njb
stdout_has 'good.yaml: fits s.njb with beam 20 and lists of 20; '
expect_exit 0 '' -- nightjar policy check good.yaml --bundle s.njb --json
stdout_is_valid policy-check
expect_exit 0 '' -- nightjar policy explain good.yaml --bundle s.njb --top 10
stdout_has 'constraints  series "Red Lantern": never ('
stdout_has 'by this alone the items left would fill'
stdout_has 'off          prefix priors'
expect_exit 0 '' -- nightjar policy explain good.yaml --bundle s.njb --json
stdout_is_valid policy-explain

# A word that is cut inside a character is still text, and JSON.
word=x$(printf 'ä%.0s' {1..40})
printf 'item_id\tcategory\n%s\t%s\n' "$(head -n 1 "$data/items.txt")" "$word" >words.tsv
printf 'version: 1\nconstraints: {deny: [{category: %s}]}\n' "$word" >words.yaml
expect_exit 0 '' -- nightjar bundle pack --from b.njb --attributes words.tsv --attribute-columns category --out w.njb
expect_exit 0 '' -- nightjar policy explain words.yaml --bundle w.njb --json
stdout_has 'never (1 items)'

refused() { # TEXT FILE'S LINES: one rule behind the version
    printf 'version: 1\n%s\n' "$2" >bad.yaml
    expect_exit 78 "bad.yaml: line $1" -- nightjar policy check bad.yaml --bundle s.njb
}
refused '2: key "constraint" is unknown; did you mean constraints?' 'constraint: {}'
refused '2: constraints.caps: column "shelv" is not among the bundle'\''s attributes; did you mean shelf?' \
    'constraints: {caps: [{by: shelv, most: 3}]}'
refused '2: candidates.neighbours.weight is ".nan", must be a number from 0 to 1000' 'candidates: {neighbours: {weight: .nan}}'
refused '2: constraints.caps: with at most 1 of a kind a list of the 552 items left has at most' \
    'constraints: {caps: [{by: shelf, most: 1}]}'
refused '2: candidates.diverse.groups is 3, which does not divide 20 beams' \
    'candidates: {search: diverse, diverse: {groups: 3}}'
refused '2: cold.places is 5 from place 17 on, and a list has 20 places' 'cold: {places: 5, first: 17}'

# A step of the filling is a sentence without the others, too.
printf 'version: 1\nfill: {popular: true}\n' >popular.yaml
expect_exit 0 '' -- nightjar policy explain popular.yaml --bundle s.njb --top 10
stdout_has 'fill         a list of fewer than 10 items gets the most popular ones, then any'

# Sections that are not there are named with the option that brings them.
head -n 3 good.yaml >sources.yaml
expect_exit 78 'sources.yaml: line 3: candidates.neighbours.weight needs the section "neighbours", which the bundle does not have: pack it with --neighbours' -- \
    nightjar policy check sources.yaml --bundle b.njb
expect_exit 5 'none.yaml' -- nightjar policy check none.yaml --bundle s.njb
expect_exit 2 'b.njb has no policy: name a file' -- nightjar policy check --bundle b.njb

# The policy travels in the bundle and is part of its digest; comments are not, lines are.
expect_exit 78 'policy.yaml: line 10' -- nightjar bundle pack --from s.njb --policy policy.yaml --out p.njb
check "and nothing is written" test ! -e p.njb
expect_exit 0 '' -- nightjar bundle pack --from s.njb --policy good.yaml --out p.njb
expect_exit 0 '' -- nightjar policy explain --bundle p.njb --top 10
cp out own
expect_exit 0 '' -- nightjar policy explain good.yaml --bundle p.njb --top 10
check "the bundle's own policy is the file's" cmp -s out own
sed 's/relevance: 0.8/relevance: 0.7/' good.yaml >other.yaml
expect_exit 0 '' -- nightjar bundle pack --from s.njb --policy other.yaml --out q.njb
check "another policy is another bundle" test "$(nightjar bundle list p.njb | tail -n 1)" != "$(nightjar bundle list q.njb | tail -n 1)"
sed 's/most: 8}/most: 8} # said otherwise/' good.yaml >other.yaml
expect_exit 0 '' -- nightjar bundle pack --from s.njb --policy other.yaml --out q.njb
check "a comment changes nothing" cmp -s p.njb q.njb
expect_exit 78 'bundle "p.njb": policy: line 8' -- nightjar policy check --bundle p.njb --top 300

# A night that does not fit it is not begun, and goes without it.
head -n 3 "$data/histories.txt" >some.txt
night=(--users some.txt --store store --workers 1 --beam 300 --top 300)
expect_exit 78 "the bundle's policy: line 8" -- nightjar run --bundle p.njb "${night[@]}"
expect_absent store
expect_exit 0 '' -- nightjar bundle pack --from p.njb --without policy --out plain.njb
expect_exit 0 '' -- nightjar run --bundle plain.njb "${night[@]}"
# A policy that is kept must fit the sections that are new.
expect_exit 78 'p.njb: its own policy does not fit (give --policy, or --without policy): policy: line 6: ' -- \
    nightjar bundle pack --from p.njb --without attributes --out q.njb

# The page of the format has every key of the table with its default and its limits.
check "schemas/policy.md is the table" python3 - "$source_dir" <<'P'
import re
import sys
root = sys.argv[1]
bounds = {"NJ_POLICY_POOL_MAX": "1000", "NJ_POLICY_PLACES_MAX": "100", "NJ_LEVELS_MAX": "8"}
rows = re.findall(r'^\| `([a-z_.]+)` \| (.*?) \| (.*?) \| (.*?) \|$', open(f"{root}/schemas/policy.md").read(), re.M)
told = {path: (default, limits, meaning) for path, default, limits, meaning in rows}
keys = re.findall(r'^NJ_POLICY_KEY\((\w+), *"([a-z_.]+)", *\w+, *\w+, *([^,]+), *([^,]+), *([^,]+), *"(.*)"\)$',
                  open(f"{root}/schemas/policy.def").read(), re.M)
assert len(keys) > 30, keys
for kind, path, default, least, most, meaning in keys:
    assert told[path][2] == meaning, path
    if kind in ("U32", "F32", "PLACE"):
        assert told[path][1].startswith(f"{least} to {bounds.get(most, most)}"), path
        assert told[path][0] in (default, "none"), path
P

# The example in Python that reads why an item is there has every word, in the order of the numbers.
check "schemas/store.md is the table of why" python3 - "$source_dir" <<'P'
import re
import sys
root = sys.argv[1]
page = open(f"{root}/schemas/store.md").read()
table = open(f"{root}/schemas/why.def").read()
for kind, name in (("SOURCE", "SOURCES"), ("ADJUST", "ADJUSTS")):
    rows = re.findall(rf'^NJ_{kind}\(\w+, *(\d+), *"(\w+)"', table, re.M)
    words = [word for number, word in sorted(rows, key=lambda row: int(row[0]))]
    told = re.search(rf'^{name} = "(.*)"\.split\(\)$', page, re.M).group(1).split()
    assert words == told and [int(number) for number, word in rows] == list(range(len(rows))), (words, told)
P
done_testing
