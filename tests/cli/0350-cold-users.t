# Users with an empty history, or with unknown items only, get the popular list, nothing, or end the night, as asked.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
printf 'empty\nunknown no-such-item nor-this\nmixed no-such-item verger-03\nknown verger-03\n' >h.txt

rows() { # USERS FLAGS...: of every row, in order
    python3 - "$@" <<'P'
import json
import sys
rows = [json.loads(line) for line in open("out")]
assert [row["user"] for row in rows] == sys.argv[1].split(), rows
assert ["+".join(row.get("flags", ["none"])) for row in rows] == sys.argv[2].split(), rows
P
}
expect_exit 0 'h.txt: 4 users, 2 known items in their histories, 3 unknown ones left out, 2 cold users' -- decode h.txt
check "cold users are flagged, unknown items too" rows 'empty unknown mixed known' 'cold cold+unknown unknown none'
check "both cold users have the popular list" python3 -c '
import json
rows = [json.loads(line) for line in open("out")]
assert rows[0]["items"] == rows[1]["items"] and len(rows[0]["items"]) == 20
assert rows[2]["items"] == rows[3]["items"] and rows[2]["scores"] == rows[3]["scores"]'
expect_exit 0 '' -- decode h.txt --cold-users skip
check "skip leaves them out" rows 'mixed known' 'unknown none'
expect_exit 65 '2 of 4 users have no item that the catalogue knows, the first is "empty" (--cold-users fail)' -- \
    decode h.txt --cold-users fail
expect_exit 65 'the first is "empty"' -- nightjar run --bundle b.njb --users h.txt --store store --cold-users fail
expect_absent store
printf 'empty\n' >one.txt
expect_exit 0 '' -- decode one.txt --cold-users skip
stdout_lines 0

# Without counts there is no popular list: the rows are empty and flagged.
expect_exit 0 '' -- nightjar bundle pack --model "$data/model" --catalogue cat --out plain.njb
expect_exit 0 '' -- nightjar decode --bundle plain.njb --users h.txt
check "they have empty rows" rows 'empty unknown mixed known' 'cold+short cold+unknown+short unknown none'

expect_exit 0 '' -- nightjar run --bundle b.njb --users h.txt --store store --workers 1
for user in empty unknown mixed known; do
    expect_exit 0 '' -- nightjar store get --store store $user
    cat out >>published
done
expect_exit 0 '' -- decode h.txt
check "published rows are those of decode" cmp -s out published
done_testing
