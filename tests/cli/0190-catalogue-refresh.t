# catalogue refresh: yesterday's SIDs stay, retired items speak in histories and stand in no list, and what is not whole is refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
refresh=(nightjar catalogue refresh --from cat)
before=$(digest_of cat)

# The five most bought items, and every tenth, are not sold tonight; a list in another order is the same list.
tr ' ' '\n' <"$data/histories.txt" | grep -Fxf "$data/items.txt" | sort | uniq -c | sort -k1,1nr -k2 | awk 'NR <= 5 { print $2 }' >popular.txt
awk 'NR % 10 == 0' "$data/items.txt" | cat - popular.txt | sort -u >retired.txt
grep -Fvxf retired.txt "$data/items.txt" | sort >tonight.txt
retired=$(wc -l <retired.txt)
kept=$(wc -l <tonight.txt)

expect_exit 0 '' -- "${refresh[@]}" --ids tonight.txt --out new --dry-run --json
stdout_is_json
stdout_has '"dry_run": true'
expect_absent new
expect_exit 0 '' -- "${refresh[@]}" --ids tonight.txt --out new
stdout_has "552 items before, $kept tonight: $kept stay, 0 are new, 0 came back, $retired are retired"
expect_untouched cat "$before"
expect_exit 0 '' -- nightjar catalogue show new
stdout_has "552 items, "
stdout_has "$retired of the items are retired"
expect_exit 0 '' -- nightjar catalogue show new --json
stdout_has "\"retired\": $retired"
check "rows and SIDs are as they were" cmp cat/sids.npy new/sids.npy
check "... and so are ids" cmp cat/items.txt new/items.txt

nightjar bundle pack --model "$data/model" --catalogue new --histories "$data/histories.txt" --out new.njb >out 2>err
nightjar bundle list b.njb >old.list
nightjar bundle list new.njb >new.list
check "only the trie is another section, and with it the bundle" test "$(diff old.list new.list | grep -c '^>')" -eq 2
check "... which it says" bash -c "diff old.list new.list | grep -q '^> trie'"

# Histories of retired items only are known; no list names a retired item, the popular one neither.
{ head -n 40 "$data/histories.txt"; echo 'nobody'; tr '\n' ' ' <popular.txt | sed 's/^/fan /; s/ $/\n/'; } >users.txt
expect_exit 0 '42 users' -- nightjar decode --bundle new.njb --users users.txt --top 50
cp out lists.jsonl
check "no list names a retired item, all are full" python3 -c '
import json
retired = set(open("retired.txt").read().split())
rows = {row["user"]: row for row in map(json.loads, open("lists.jsonl"))}
assert len(rows) >= 40
for row in rows.values():
    assert len(row["items"]) == 50 and not retired & set(row["items"]), row["user"]
assert "flags" not in rows["fan"], rows["fan"]
assert rows["nobody"]["flags"] == ["cold"]'
decode users.txt --top 5 --cold-users popular >out 2>err
check "with yesterday's bundle the cold user's list begins with the most bought" python3 -c '
import json
rows = {row["user"]: row for row in map(json.loads, open("out"))}
assert set(rows["nobody"]["items"]) == set(open("popular.txt").read().split())'

# eval: who bought a retired item last is not judged; a list of others that names one names an invalid item.
{ echo "gone kettle-01 $(head -n 1 retired.txt)"; echo "here kettle-01 $(head -n 1 tonight.txt)"; } >bought.txt
printf '{"user": "here", "items": ["%s", "%s"]}\n' "$(head -n 1 retired.txt)" "$(head -n 1 tonight.txt)" >theirs.jsonl
expect_exit 0 '' -- nightjar eval --bundle new.njb --users bought.txt --lists theirs.jsonl --top 5
stdout_has '  1 judged'
stdout_has '  1 whose item is retired'
stdout_has 'invalid   1 of 2 recommended'

# Items come back; a catalogue may take the place of the one that it was made from.
expect_exit 0 '' -- nightjar catalogue refresh --from new --ids "$data/items.txt" --out new --overwrite
stdout_has "552 items before, 552 tonight: $kept stay, 0 are new, $retired came back, 0 are retired"
check "... and then it is the first one again" diff -r cat new

# Half a list, and what cannot be done without embeddings.
head -n 300 "$data/items.txt" >half.txt
expect_exit 4 'half.txt: 252 of 552 items that are sold are missing (45.7 %), --max-retired is 20: is the list whole?' -- "${refresh[@]}" --ids half.txt --out x
expect_exit 0 '' -- "${refresh[@]}" --ids half.txt --max-retired 46 --out y
expect_exit 2 '--max-retired is "200"' -- "${refresh[@]}" --ids half.txt --max-retired 200 --out x
{ cat "$data/items.txt"; echo brand-new; } >more.txt
expect_exit 65 'more.txt: line 553: "brand-new" is new, as are 0 others: --embeddings or --sids must say' -- "${refresh[@]}" --ids more.txt --out x
python3 -c '
from forge import *
npy("E.npy", "<f4", (553, 2), bytes(553 * 8))
raw = open("cat/sids.npy", "rb").read()[-552 * 12:]
npy("S.npy", "<i4", (553, 3), raw + ints("i", [15, 15, 15]))
npy("S-taken.npy", "<i4", (553, 3), raw + raw[:12])
npy("S-moved.npy", "<i4", (553, 3), raw[12:] + raw[:24])'
expect_exit 65 'the catalogue has no codebooks, so embeddings give no SIDs: --sids would' -- "${refresh[@]}" --ids more.txt --embeddings E.npy --out x
expect_exit 65 'E.npy: 553 rows, half.txt has 300 ids' -- "${refresh[@]}" --ids half.txt --embeddings E.npy --out x
expect_exit 2 'give --embeddings or --sids, not both' -- "${refresh[@]}" --ids more.txt --embeddings E.npy --sids S.npy --out x
expect_exit 2 '--collisions is "suffix", but cat has no collision counter' -- "${refresh[@]}" --ids more.txt --sids S.npy --collisions suffix --out x
expect_exit 65 'a published SID does not move' -- "${refresh[@]}" --ids more.txt --sids S-moved.npy --out x
expect_exit 65 'item "brand-new" is given ' -- "${refresh[@]}" --ids more.txt --sids S-taken.npy --out x
stderr_has 'which is the SID of item "'
expect_exit 0 '' -- "${refresh[@]}" --ids more.txt --sids S-taken.npy --collisions leaves --out shared
expect_exit 0 '' -- "${refresh[@]}" --ids more.txt --sids S.npy --out given
stdout_has '552 stay, 1 are new'
expect_exit 2 '--churn is for --refit' -- "${refresh[@]}" --ids half.txt --churn c.tsv --out x
expect_exit 2 '--out is required, unless --dry-run is given' -- "${refresh[@]}" --ids half.txt
expect_exit 65 'cat: is a catalogue already; --overwrite would replace it' -- "${refresh[@]}" --ids tonight.txt --out cat
expect_exit 5 'nowhere/catalogue.json' -- nightjar catalogue refresh --from nowhere --ids tonight.txt --out x
cp -r y halfwritten && rm halfwritten/retired.npy
expect_exit 5 'halfwritten/retired.npy: cannot open' -- nightjar catalogue refresh --from halfwritten --ids half.txt --out x
expect_absent x c.tsv
expect_untouched cat "$before"
done_testing
