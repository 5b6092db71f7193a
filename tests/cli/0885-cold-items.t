# Cold items in a decoded list: the nearest to what the user had, from the place that the policy names, and only where they are ahead of
# what they displace.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
items=$data/items.txt

# Vectors on a half circle, in row order: a cosine is the distance of two rows. The bundle counts few histories, so that many items are cold.
check 'vectors are made' python3 -c '
import math
import forge
n = len(open("'"$items"'").read().split())
forge.npy("arc.npy", "<f4", (n, 2), forge.floats([f(i * 3 / n) for i in range(n) for f in (math.cos, math.sin)]))'
head -n 60 "$data/histories.txt" >counted.txt
sed -n 100,160p "$data/histories.txt" >users.txt
pack() { # POLICY-LINE OUT
    printf 'version: 1\ncold: {%s}\n' "$1" >policy.yaml
    expect_exit 0 '' -- nightjar bundle pack --model "$data/model" --catalogue cat --histories counted.txt --item-vectors arc.npy \
        --vector-form float32 --policy policy.yaml --out "$2"
}
lists() { # BUNDLE OUT
    nightjar decode --bundle "$1" --users users.txt --beam 20 --top 10 --keep-history --why >"$2" 2>err
}
agrees() { # LISTS PLACES FIRST LEAST AHEAD: with what plain sums say
    check "... and the cold items of $1 are those of plain sums" python3 -c '
import json
import math
import sys
places, first, least, ahead = (float(word) for word in sys.argv[2:6])
items = open("'"$items"'").read().split()
row = {item: i for i, item in enumerate(items)}
counted = {item for line in open("counted.txt") for item in line.split()[1:]}
vectors = [(math.cos(i * 3 / len(items)), math.sin(i * 3 / len(items))) for i in range(len(items))]
histories = [[row[i] for i in line.split()[1:] if i in row] for line in open("users.txt")]
plain = [json.loads(line)["items"] for line in open("plain.jsonl")]
shown = 0
for history, ranked, line in zip(histories, plain, open(sys.argv[1])):
    record = json.loads(line)
    assert len(record["items"]) == len(set(record["items"])) == 10, record
    found = [(place, item, why["raw"]) for place, (item, why) in enumerate(zip(record["items"], record["why"]))
             if why["source"] == "cold"]
    sums = [sum(0.5 ** k * vectors[i][d] for k, i in enumerate(reversed(history))) for d in (0, 1)]
    cosine = lambda i: (sums[0] * vectors[i][0] + sums[1] * vectors[i][1]) / math.hypot(*sums)
    best = sorted((i for i in range(len(items)) if items[i] not in counted and items[i] not in ranked), key=lambda i: -cosine(i))
    wanted = 0
    while history and wanted < places and cosine(best[wanted]) >= least:
        if cosine(best[wanted]) - cosine(row[ranked[int(first) - 1 + wanted]]) < ahead:
            break
        wanted += 1
    assert [place for place, _, _ in found] == [int(first) - 1 + n for n in range(wanted)], (found, wanted)
    for (_, item, raw), i in zip(found, best):
        assert item not in counted and abs(raw - cosine(row[item])) < 1e-5 and abs(raw - cosine(i)) < 1e-5, (item, raw, cosine(i))
    assert ("cold_items" in record.get("flags", [])) == (wanted > 0), record
    shown += wanted
assert 0 < shown < places * len(plain), shown' "$@"
}

pack 'places: 0' plain.njb
lists plain.njb plain.jsonl
pack 'places: 2, first: 9, ahead: 0.2' ahead.njb
lists ahead.njb ahead.jsonl
agrees ahead.jsonl 2 9 0 0.2
pack 'places: 1, first: 3, least: 0.9999, ahead: -2' least.njb
lists least.njb least.jsonl
agrees least.jsonl 1 3 0.9999 -2

# A rule that the bundle has nothing for is refused when it is packed.
expect_exit 78 'counts' -- nightjar bundle pack --model "$data/model" --catalogue cat --item-vectors arc.npy --policy policy.yaml --out never.njb
expect_exit 78 'vectors' -- nightjar bundle pack --model "$data/model" --catalogue cat --histories counted.txt --policy policy.yaml --out never.njb
expect_absent never.njb
done_testing
