# Lists that somebody else made are judged under the same rules, and everything odd about them is counted or refused.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
printf '%s\n' 'u1 kettle-01 kettle-02' 'u2 kettle-02' 'u3 kettle-01 kettle-03' 'u4 kettle-04 kettle-05' >h.txt # u2: no input
cat >l.jsonl <<'E'
{"user": "u3", "items": ["no-such-item", "kettle-04", "kettle-03"], "scores": [-1, -1, -1], "flags": ["cold"]}
{"user": "u1", "items": ["kettle-02", "kettle-05"], "scores": [-1, -1]}
{"user": "stranger", "items": ["kettle-02", "kettle-02"]}
{"user": "u2", "items": []}
E

lists() { # FILE OPTION...
    expect_exit 0 '' -- nightjar eval --bundle b.njb --users h.txt --json --lists "$@"
}

holds() { # PYTHON over r (the result) and m (the first model)
    check "$1" python3 -c "
import json
r = json.load(open('out'))
m = r['models'][0]
assert $1, r"
}

# u1 hits at 1, u3 at 3 behind an item that does not exist, u2 has an empty list and u4 none: both are misses.
lists l.jsonl --per-user o.jsonl
holds "m['name'] == 'l.jsonl' and m['users'] == 4 and m['without_list'] == 1 and m['other_users'] == 1"
holds "m['invalid'] == 1 and m['recommended'] == 5"
holds "m['recall@1'] == 1 / 4 and m['mrr@1'] == 1 / 4 and m['ndcg@1'] == 1 / 4"
holds "'recall@5' not in m" # no list has five places
check "outcomes are written without the lists, which are there already" cmp o.jsonl - <<'E'
{"user": "u1", "target": "kettle-02", "rank": 1, "rank_kept": 1, "rank_masked": 1, "history": 1, "popularity": 0, "cold": true, "held_out": "test"}
{"user": "u2", "target": "kettle-02", "rank": null, "rank_kept": null, "rank_masked": null, "history": 0, "popularity": 0, "cold": true, "held_out": "test"}
{"user": "u3", "target": "kettle-03", "rank": 3, "rank_kept": 3, "rank_masked": 3, "history": 1, "popularity": 0, "cold": true, "held_out": "test"}
{"user": "u4", "target": "kettle-05", "rank": null, "rank_kept": null, "rank_masked": null, "history": 1, "popularity": 0, "cold": true, "held_out": "test"}
E
python3 -c '
import json
for line in open("l.jsonl"):
    row = json.loads(line)
    row["items"] += [f"foxglove-{i:02}" for i in range(1, 9)]
    print(json.dumps(row))' >long.jsonl
lists long.jsonl
holds "m['recall@5'] == 2 / 4 and m['recall@10'] == 2 / 4 and m['mrr@5'] == (1 + 1 / 3) / 4 and m['ndcg@10'] == (1 + 1 / 2) / 4"
holds "'recall@20' not in m"
lists long.jsonl --top 2 # what stands behind the second place is not looked at
holds "m['recommended'] == 6 and m['recall@1'] == 1 / 4 and 'recall@5' not in m"

# A list is ordered, and its order counts, not the scores that go with it.
printf '{"user": "u1", "items": ["kettle-05", "kettle-02"], "scores": [-2, -1]}\n' >tie.jsonl
lists tie.jsonl --per-user o.jsonl
check "the place counts, whatever the scores" grep -q '"u1", "target": "kettle-02", "rank": 2' o.jsonl

# Identical lists agree even where they are short, empty or absent; what is no item agrees with nothing.
lists l.jsonl --against l.jsonl
holds "r['comparison']['overlap@1'] == 3 / 4 and r['comparison']['recall_loss@1'] == 0" # u3 begins with no item
lists tie.jsonl --against l.jsonl
holds "r['comparison']['overlap@1'] == 2 / 4 and r['comparison']['recall_loss@1'] == 1"
lists l.jsonl --against tie.jsonl
holds "r['comparison']['recall_loss@1'] is None" # there was nothing to lose
expect_exit 0 '' -- nightjar eval --bundle b.njb --users h.txt --lists l.jsonl --against tie.jsonl
stdout_has 'l.jsonl against tie.jsonl'
stdout_has '1 users without a list, judged as an empty one; 1 lists of users who are not judged'

# What the store exports and what decode prints can be piped in.
nightjar run --bundle b.njb --users h.txt --store store --workers 1 >out 2>err
nightjar store export --store store >export.jsonl 2>err
nightjar eval --bundle b.njb --users h.txt --lists - --json <export.jsonl >out 2>err
holds "m['name'] == '-' and m['recommended'] == 80 and m['invalid'] == 0 and m['without_list'] == 0 and m['other_users'] == 0"
expect_exit 0 '' -- bash -c 'nightjar eval --bundle b.njb --users - --lists export.jsonl <h.txt'
expect_exit 2 'only one of --users, --lists and --against can be standard input' -- \
    nightjar eval --bundle b.njb --users - --lists -

odd=$(printf 'odd\377.jsonl')
cp l.jsonl "$odd"
lists "$odd"
holds "m['name'] == 'odd?.jsonl' and m['users'] == 4"

refuse() { # LINE TEXT
    printf '%s\n' '{"user": "u1", "items": ["kettle-05"]}' "$1" >bad.jsonl
    expect_exit 65 "$2" -- nightjar eval --bundle b.njb --users h.txt --lists bad.jsonl
    expect_exit 65 "$2" -- nightjar eval --bundle b.njb --users h.txt --against bad.jsonl --per-user never.jsonl
}
refuse '{"user": "u2", "items": ["kettle-01", "kettle-02", "kettle-01"]}' \
    'bad.jsonl: line 2: item "kettle-01" stands twice in the list'
refuse '{"user": "u1", "items": []}' 'bad.jsonl: line 2: user "u1" stands on line 1 too'
refuse '{"user": "u2", "items": "kettle-01"}' 'bad.jsonl: line 2: '
refuse '{"user": "u2"}' 'bad.jsonl: line 2: '
refuse 'u2 kettle-01' 'bad.jsonl: line 2: '
expect_absent never.jsonl
expect_exit 5 'missing.jsonl' -- nightjar eval --bundle b.njb --users h.txt --lists missing.jsonl
: >empty.jsonl
expect_exit 65 'empty.jsonl' -- nightjar eval --bundle b.njb --users h.txt --lists empty.jsonl
done_testing
