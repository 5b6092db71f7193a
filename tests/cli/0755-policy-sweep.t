# `nightjar policy sweep`: each variant's figures are those of lists that a bundle with that policy gives, beside those without it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
python3 - <<'P'
from forge import *
import random
random.seed(8)
npy("E.npy", "<f4", (552, 6), floats([random.gauss(0, 1) for _ in range(552 * 6)]))
P
head -n 70 "$data/histories.txt" >some.txt
sed -E 's/ [^ ]+$//' some.txt >inputs.txt
pack=(bundle pack --from b.njb --attributes "$data/items.tsv" --attribute-columns shelf,series --item-vectors E.npy
    --neighbours item-knn --histories inputs.txt --no-pairing-check)
expect_exit 0 '' -- nightjar "${pack[@]}" --out shop.njb
cat >shop.yaml <<'Y'
version: 1
candidates:
  neighbours: {weight: 1, count: 20}
constraints:
  caps: [{by: shelf, most: 6}]
rerank: {method: mmr, alike: vectors, relevance: 0.7}
Y
expect_exit 0 '' -- nightjar bundle pack --from shop.njb --policy shop.yaml --out policy.njb
sweep=(policy sweep --bundle shop.njb --users some.txt --beam 30 --top 10 --json)

expect_exit 0 '' -- nightjar "${sweep[@]}" --policy shop.yaml --keep-history --pictures pictures \
    --curves 'mmr: rerank.relevance=1,.7,.2; near: rerank.method=none fill.near=true'
cp out kept.json
expect_exit 0 '' -- nightjar "${sweep[@]}" --policy shop.yaml --keep-history --procs 3 --kernels portable --batch 5 \
    --curves 'mmr: rerank.relevance=1,.7,.2;
        near: rerank.method=none
        fill.near=true'
cp out again.json
check "processes, kernels and batches change no figure" python3 - <<'P'
import json, re
one, other = (re.sub(r'"users_per_s": [0-9.e+-]+', "", open(name).read()) for name in ("kept.json", "again.json"))
assert one == other and "recall" in one
P

# The same policy in the bundle, decoded by another command; eval of that bundle judges those very lists.
expect_exit 0 '' -- nightjar policy sweep --bundle policy.njb --users some.txt --beam 30 --top 10 --json
cp out masked.json
for way in kept masked; do
    keep=()
    [[ $way == masked ]] || keep=(--keep-history)
    expect_exit 0 '' -- nightjar decode --bundle policy.njb --users inputs.txt --beam 30 --top 10 "${keep[@]}"
    cp out "$way.jsonl"
    expect_exit 0 '' -- nightjar decode --bundle b.njb --users inputs.txt --beam 30 --top 10 "${keep[@]}"
    cp out "$way-off.jsonl"
    expect_exit 0 '' -- nightjar eval --bundle policy.njb --users some.txt --beam 30 --top 10 "${keep[@]}" --json
    cp out "$way-eval.json"
done
check "figures are those of the lists of decode, with the history kept and masked" python3 - "$data/items.txt" <<'P'
import json
import sys
import judge
items = set(open(sys.argv[1], encoding="utf-8").read().split())
users = judge.split("some.txt", items, 1)
for way in ("kept", "masked"):
    sweep = json.load(open(way + ".json"))
    assert sweep["history"] == "history " + way and sweep["users"] == len(users) and sweep["cutoff"] == 10, sweep
    point = sweep["curves"][0]["points"][1 if way == "kept" else 0]
    on, off = (judge.metrics(users, judge.lists(way + end), 10) for end in (".jsonl", "-off.jsonl"))
    for metric in ("recall", "ndcg", "mrr"):
        a, b = on[metric + "@10"], off[metric + "@10"]
        assert abs(point[metric]["value"] - a) < 1e-9 and abs(sweep["off"][metric]["value"] - b) < 1e-9, (way, metric, point, a, b)
        assert abs(point[metric]["beside_off"]["value"] - (a - b)) < 1e-9
    judge.same(json.load(open(way + "-eval.json"))["models"][0], on)
    assert on != off
P
check "less relevance is more variety, and no policy costs nothing beside itself" python3 - <<'P'
import json
sweep = json.load(open("kept.json"))
mmr = sweep["curves"][0]
assert mmr["name"] == "mmr" and mmr["key"] == "rerank.relevance" and [p["value"] for p in mmr["points"]] == ["1", ".7", ".2"]
one, middle, least = (p["diversity"]["value"] for p in mmr["points"])
assert one < middle < least, (one, middle, least)
assert sweep["curves"][1]["settings"] == {"rerank.method": "none"} and sweep["curves"][1]["key"] == "fill.near"
assert sweep["off"]["recall"]["beside_off"] == {"value": 0, "low": None, "high": None} and sweep["off"]["hits"]["p"] == 1
P
check "each picture has every curve" python3 - <<'P'
import os
import xml.etree.ElementTree as tree
names = sorted(os.listdir("pictures"))
assert names == [m + "-" + x + ".svg" for m in ("ndcg", "recall") for x in ("coverage", "diversity", "lift")], names
for name in names:
    text = "".join(tree.parse("pictures/" + name).getroot().itertext())
    assert all(word in text for word in ("policy off", "mmr", "near")), name
P

# Lists of others stand beside, and in the table too.
beside=(policy sweep --bundle policy.njb --users some.txt --beam 30 --top 10 --keep-history --against kept.jsonl)
expect_exit 0 '' -- nightjar "${beside[@]}" --json
check "lists of a file are judged as those that are decoded" python3 -c '
import json
sweep = json.load(open("out"))
point, file = sweep["curves"][0]["points"][0], sweep["against"][0]
assert file.pop("name") == "kept.jsonl" and point.pop("value") == "as it is" and sweep["curves"][0]["name"] == "policy"
assert file.pop("users_per_s") is None and point.pop("users_per_s") > 0
assert point == file, (point, file)'
expect_exit 0 '' -- nightjar "${beside[@]}"
stdout_has '  policy off  '
stdout_has '  kept.jsonl  '
stdout_has '  as it is  '

expect_exit 2 'the bundle has no policy: give --policy FILE' -- nightjar "${sweep[@]}"
expect_exit 78 'did you mean rerank.relevance' -- nightjar "${sweep[@]}" --curves 'rerank.method=mmr rerank.relevanse=1'
expect_exit 78 'value 7' -- nightjar "${sweep[@]}" --curves 'rerank.method=mmr rerank.relevance=1,7'
expect_exit 2 'a curve varies one' -- nightjar "${sweep[@]}" --curves 'rerank.relevance=1,.9 rerank.method=mmr,none'
expect_exit 2 'is no setting' -- nightjar "${sweep[@]}" --curves 'mmr: relevance'
expect_exit 2 'curve 2 is empty' -- nightjar "${sweep[@]}" --curves 'fill.near=true; '
expect_exit 2 'has an empty value' -- nightjar "${sweep[@]}" --curves 'fill.near=true,'
expect_exit 2 'more than 11 curves' -- nightjar "${sweep[@]}" --curves "$(printf 'fill.near=true;%.0s' {1..12})fill.near=true"
expect_exit 2 '--top is 4, must be at least 5' -- nightjar policy sweep --bundle shop.njb --users some.txt --top 4
expect_exit 5 'nosuch.jsonl' -- nightjar "${beside[@]},nosuch.jsonl"
check "a file that is missing is told before anything is decoded" bash -c '! grep -q "policy off" err'
expect_exit 65 'some.txt' -- nightjar "${beside[@]}" --pictures some.txt
check "so is a folder that cannot be made" bash -c '! grep -q "policy off" err'
mkdir -p taken/recall-lift.svg
expect_exit 74 'recall-lift.svg' -- nightjar "${beside[@]}" --pictures taken
stdout_has '  policy off  '
done_testing
