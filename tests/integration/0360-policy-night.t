# A night under a policy with every stage: one, two and three workers give the rows of `decode`, whatever the shards; a policy that no list
# could follow ends it before it begins; rows are copied under the same policy, and none of them under another.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 120
cp expected.jsonl plain.jsonl
# Vectors of 8 numbers that the id decides; days from 2024-01-01 on, one an item. Some items are on no shelf.
/usr/bin/python3 - "$data/items.txt" "$data/items.tsv" <<'P'
import datetime
import hashlib
import struct
import sys
ids = open(sys.argv[1]).read().split()
shelves = dict(line.split("\t")[0:3:2] for line in open(sys.argv[2]))
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 8), }" % len(ids)
header += " " * (117 - len(header)) + "\n"
with open("vectors.npy", "wb") as out, open("items.tsv", "w") as table:
    out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    print("item_id\tshelf\tadded", file=table)
    for number, item in enumerate(ids):
        out.write(struct.pack("<8f", *[byte / 128 - 1 for byte in hashlib.sha256(item.encode()).digest()[:8]]))
        day = datetime.date(2024, 1, 1) + datetime.timedelta(days=number)
        print(item, shelves.get(item, ""), day, sep="\t", file=table)
P
# Histories without the last items of the catalogue: those are cold.
tail -n 60 "$data/items.txt" >unseen.txt
awk 'NR == FNR { unseen[$1] = 1; next } { line = $1; for (i = 2; i <= NF; i++) if (!($i in unseen)) line = line " " $i; print line }' \
    unseen.txt "$data/histories.txt" >seen.txt

write_policy() { # FILE SEARCH
    cat >"$1" <<Y
version: 1
candidates:
  search: $2
  pool: 40
  neighbours: {weight: 1, count: 30, fading: 0.9}
  fusion: {offset: 10}
adjust:
  prefix_prior: {alpha: [0.1, 0.1, 0]}
  boosts:
    - {where: {shelf: history}, times: 1.5}
constraints:
  deny:
    - item: $(sed -n 9p "$data/items.txt")
  caps:
    - {by: shelf, most: 4}
  pins:
    - {item: $(sed -n 30p "$data/items.txt"), place: 3}
  fresh: {column: added, days: 200, until: 2025-06-01, share: 0.2}
rerank: {method: mmr, relevance: 0.8, calibration: {by: shelf, weight: 0.2}}
cold: {items: unseen, places: 1, first: 4, least: -1, borrow: {levels: 2, less: 0.5}}
fill: {widen: true, near: true, popular: true}
Y
}
pack() { # FILE POLICY
    nightjar bundle pack --from night.njb --histories seen.txt --neighbours co-visitation --attributes items.tsv --attribute-columns shelf \
        --day-columns added --item-vectors vectors.npy --policy "$2" --out "$1" >>setup.out 2>>setup.log ||
        fail "the bundle was not packed: $(tail -n 3 setup.log)"
}
wanted_rows() { # BUNDLE
    nightjar decode --bundle "$1" --users users.txt "${settings[@]}" "${@:2}" 2>>setup.log | sort
}
exported() { # STORE: copies counted as what they are copies of
    nightjar store export --store "$1" --to jsonl 2>export.log |
        sed -E 's/, "age": [0-9]+//; s/"copied", //; s/, "copied"\]/]/; s/, "flags": \["copied"\]//'
}

# The same bytes by any number of workers, in shards of any size; the draws of a stochastic search too.
write_policy beam.yaml beam
write_policy draws.yaml stochastic
pack beam.njb beam.yaml
pack draws.njb draws.yaml
for workers in 1 2 3; do
    bundle=beam.njb
    [[ $workers -ne 2 ]] || bundle=draws.njb
    wanted_rows $bundle --why >wanted.jsonl
    expect_exit 0 nightjar run --bundle $bundle --users users.txt "${settings[@]}" --why --store "store$workers" --workers "$workers" \
        --shard-users $((5 * workers + 3)) --json
    exported "store$workers" >found.jsonl
    cmp found.jsonl wanted.jsonl >&2 || fail "$workers workers give other rows than decode with $bundle"
    expect_json last.out rows 120
    nightjar store verify --store "store$workers" >verify.out 2>&1 || fail "store$workers does not verify: $(cat verify.out)"
done
for word in beam neighbour pin cold popular; do
    grep -q "\"source\": \"$word\"" wanted.jsonl || fail "no item is there because of $word"
done
if cut -d'"' -f1-8 plain.jsonl | cmp -s - <(wanted_rows beam.njb | cut -d'"' -f1-8); then
    fail "the policy changed no list"
fi

# The same night again: all are copied, cold users too. Under another policy, or none, nobody is, and the lists are that one's.
night_since() { # BUNDLE OPTION...
    expect_exit 0 nightjar run --bundle "$1" --users users.txt "${settings[@]}" --store since --workers 2 --shard-users 16 --trace --json "${@:2}"
    exported since >found.jsonl
    wanted_rows "$1" >wanted.jsonl
    cmp found.jsonl wanted.jsonl >&2 || fail "the store has other lists than decode with $1"
}
night_since night.njb
night_since beam.njb --since current --since-bundle night.njb
expect_json last.out copied 0
expect_json last.out since_differs policy
night_since beam.njb --since current
expect_json last.out copied 120
night_since draws.njb --since current --since-bundle beam.njb
expect_json last.out copied 0
expect_json last.out since_differs policy
night_since night.njb --since current --since-bundle draws.njb
expect_json last.out copied 0

# A policy that lists of this night cannot follow: refused with its line, nothing is begun.
for command in run decode plan; do
    options=(--bundle beam.njb --users users.txt --beam 2 --top 2)
    [[ $command != run ]] || options+=(--store never --workers 1)
    expect_exit 78 nightjar $command "${options[@]}"
    expect_said last "policy.* line [0-9]+: constraints.pins"
done
[[ ! -e never ]] || fail "a night that was refused left a store"
