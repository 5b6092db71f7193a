# Whatever is printed with --json, and every line of lists, is JSON.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store

json() { # COMMAND...
    expect_exit 0 '' -- nightjar "$@" --json
    stdout_is_json
}
json "${import[@]}" --out cat2
json catalogue show cat
json bundle pack --model "$data/model" --catalogue cat --out c.njb
json bundle list c.njb
json bundle verify c.njb
json eval --bundle b.njb --users users.txt
json keys --out key
json store publish "$generation" --store store
json store rollback --to "$generation" --store store
json store get alma --store store
json store list --store store
json store stat --store store
json store verify --store store
json run --bundle b.njb --users users.txt --store store --workers 1
json bench engine --users 1 --rounds 1 --beams 2 --bundle b.njb
json bench train --layers 1 --decoder-layers 1 --batch 2 --rounds 1
json bench wire --users 4 --shards 50

# Lists are JSON lines with and without it.
for command in 'decode --bundle b.njb --users users.txt' 'store export --store store'; do
    read -ra words <<<"$command"
    expect_exit 0 '' -- nightjar "${words[@]}" --json
    check "every line is JSON" python3 -c 'import json; assert len([json.loads(line) for line in open("out")]) == 20'
done
nightjar --help | sed -n 's/^  \([a-z][a-z]*\( [a-z][a-z]*\)\?\)  .*/\1/p' >commands
while read -ra words; do
    if [[ ${words[*]} == completion ]]; then # prints a script
        continue
    fi
    nightjar "${words[@]}" --help >out
    stdout_has '--json'
done <commands

# Ids that need escapes.
printf '"quoted"\nback\\slash\nta b\nümlaut\n\xf0\x9f\x98\x80\n</script>\n%%s%%n\n7\n' >ids.txt
python3 -c 'from forge import *; npy("s.npy", "<i2", (8, 3), ints("h", [b for i in range(8) for b in (i // 4, i // 2 % 2, i % 2)]))'
expect_exit 0 '' -- nightjar catalogue import --sids s.npy --ids ids.txt --codes-per-level 16 --out odd
expect_exit 0 '' -- nightjar bundle pack --model "$data/model" --catalogue odd --out odd.njb
printf '%s\n' '{"user": "a\"b\\c", "items": ["\"quoted\""]}' '{"user": "\u2028", "items": [7]}' >odd.jsonl
expect_exit 0 '' -- nightjar decode --bundle odd.njb --users odd.jsonl --top 8 --keep-history
stdout_lines 2
check "every line is an object with its items" python3 - <<'P'
import json
ids = open("ids.txt", encoding="utf-8").read().split("\n")[:-1]
rows = [json.loads(line) for line in open("out", encoding="utf-8")]
assert [row["user"] for row in rows] == ['a"b\\c', "\u2028"], rows
assert all(set(row["items"]) == set(ids) and len(row["items"]) == len(row["scores"]) for row in rows), rows
P
done_testing
