# What `nightjar eval` says beyond recall: intervals, tests, what is shown to all, slices and who is won and lost, beside an independent reckoning.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
head -n 400 "$data/histories.txt" >h.txt
python3 - "$data/items.txt" <<'P'
import json
import struct
import sys
items = open(sys.argv[1], encoding="utf-8").read().split()
split = [(u, h) for u, *h in (line.split() for line in open("h.txt", encoding="utf-8")) if h]
with open("same.jsonl", "w") as same, open("target.jsonl", "w") as target, open("odd.jsonl", "w") as odd:
    for number, (user, history) in enumerate(split):
        print(json.dumps({"user": user, "items": items[:20]}), file=same)
        near = [history[-1]] if number % 3 == 0 and history[-1] in items else []
        near += [item for item in items[number % 40:number % 40 + 19] if item not in near]
        print(json.dumps({"user": user, "items": near}), file=target)
        if number % 2:
            print(json.dumps({"user": user, "items": ["no-such-item"] + items[5:12]}), file=odd)
with open("texts.tsv", "w") as texts:
    print("item_id\ttitle\tcategories", file=texts)
    for number, item in enumerate(items):
        print(f"{item}\tThe <b>{item}</b> & more\tShop > Part {number % 7}", file=texts)
    print("unknown\tnot ours\tnone", file=texts)
def npy(path, rows, width):
    header = str({"descr": "<f4", "fortran_order": False, "shape": (rows, width)}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    values = [((i * 7919) % 101 - 50) / 10 for i in range(rows * width)]
    open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack(f"<{rows * width}f", *values))
npy("e.npy", len(items), 6)
npy("short.npy", len(items) - 1, 6)
P
judge=(nightjar eval --bundle b.njb --users h.txt --keep-history --lists target.jsonl,same.jsonl --against odd.jsonl)
expect_exit 0 '' -- "${judge[@]}" --json --names 'near,same for all,odd' --items texts.tsv --category-column categories --embeddings e.npy --report page.html
cp out report.json
check "names are those given, in their order" python3 -c '
import json
r = json.load(open("report.json"))
assert [m["name"] for m in r["models"]] == ["near", "same for all", "odd"] and r["version"] == 1
assert [(c["first"], c["other"]) for c in r["comparisons"]] == [("near", "same for all"), ("near", "odd")]'

check "what all users are shown is what the lists hold" python3 - "$data/items.txt" <<'P'
import json
import math
import sys
from collections import Counter
items = open(sys.argv[1], encoding="utf-8").read().split()
report = json.load(open("report.json"))
users = [(u, h) for u, *h in (line.split() for line in open("h.txt", encoding="utf-8")) if h]
judged = {u for u, h in users if h[-1] in items}
events = Counter(item for _, h in users for item in h[:-2] if item in items)
total = sum(events.values())
live = report["live_items"]
def bits(item):
    return -math.log2((events[item] + 1) / (total + len(items)))
def close(a, b):
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
for model, path in zip(report["models"], ("target.jsonl", "same.jsonl", "odd.jsonl")):
    for k in (1, 5, 10, 20):
        if f"gini@{k}" not in model["kept"]:
            assert path == "odd.jsonl" and k > 8
            continue
        shown = [item for row in map(json.loads, open(path)) if row["user"] in judged for item in row["items"][:k]]
        counts = Counter(item for item in shown if item in items)
        every = [counts[item] for item in items][:live] if live == len(items) else None
        kept = model["kept"]
        assert kept[f"items@{k}"] == len(counts) and close(kept[f"coverage@{k}"], len(counts) / live)
        assert kept[f"invalid@{k}"] == len(shown) - sum(counts.values())
        mean = sum(counts.values()) or 1
        assert close(kept[f"novelty@{k}"], sum(n * bits(item) for item, n in counts.items()) / mean)
        assert close(kept[f"popularity@{k}"], sum(n * events[item] for item, n in counts.items()) / mean)
        differences = sum(abs(a - b) for a in every for b in every)
        gini = differences / (2 * live * sum(every)) if sum(every) else 0.0
        assert close(kept[f"gini@{k}"], gini), (path, k)
assert report["models"][2]["kept"]["invalid@1"] > 0 and report["models"][0]["kept"]["invalid@10"] == 0
assert 0 < report["models"][0]["kept"]["distance@10"] < 2 and "prefixes" in report["models"][0]["kept"]
P

check "differences, wins and losses are those of the ranks; every estimate lies in its interval" python3 - "$data/items.txt" <<'P'
import json
import math
import sys
items = set(open(sys.argv[1], encoding="utf-8").read().split())
report = json.load(open("report.json"))
users = [(u, h[-1]) for u, *h in (line.split() for line in open("h.txt", encoding="utf-8")) if h and h[-1] in items]
def ranks(path):
    rows = {row["user"]: row["items"] for row in map(json.loads, open(path))}
    return [(rows.get(u, []) + [t]).index(t) + 1 if t in rows.get(u, []) else 999 for u, t in users]
first, other = ranks("target.jsonl"), ranks("same.jsonl")
one = sum(a <= 10 < b for a, b in zip(first, other))
two = sum(b <= 10 < a for a, b in zip(first, other))
kept = report["comparisons"][0]["kept"]
assert kept["first_only@10"] == one and kept["other_only@10"] == two and one > two > 0, (one, two)
p = min(1, 2 * sum(math.comb(one + two, i) for i in range(min(one, two) + 1)) / 2 ** (one + two))
assert math.isclose(kept["recall@10"]["p"], p, rel_tol=1e-9) and p < 0.01
assert math.isclose(kept["recall@10"]["value"], (one - two) / len(users), rel_tol=1e-9)
contrast = report["comparisons"][0]["users"]
assert contrast["cutoff"] == 5 # odd.jsonl has eight places
assert contrast["wins"] == sum(a <= 5 < b for a, b in zip(first, other)) == kept["first_only@5"]
assert contrast["losses"] == sum(b <= 5 < a for a, b in zip(first, other))
assert sum(contrast[name] for name in ("wins", "losses", "both", "neither")) == len(users)
assert {f["name"] for f in contrast["features"]} >= {"history_length", "target_events", "repeated_category", "first_code_seen", "nearest_cosine"}
assert len(contrast["examples"]["wins"]) == 10 and contrast["examples"]["wins"][0]["rank"] <= 5
for name, slices in report["slices"].items():
    assert sum(s["users"] for s in slices) == len(users), name
def visit(value):
    if isinstance(value, dict):
        if value.get("low") is not None and "value" in value:
            assert value["low"] <= value["value"] <= value["high"], value
            visit.intervals += 1
        for inner in value.values():
            visit(inner)
    elif isinstance(value, list):
        for inner in value:
            visit(inner)
visit.intervals = 0
visit(report)
assert visit.intervals > 100
P

check "every key is in schemas/eval.md" python3 - "$source_dir/schemas/eval.md" <<'P'
import json
import re
import sys
text = open(sys.argv[1], encoding="utf-8").read()
known = set(re.findall(r"`([a-z_]+(?:@K)?)`", text)) | set(re.findall(r'"([a-z]+)"', text))
def keys(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield re.sub(r"^(recall|ndcg|mrr)(?=[@_])", "METRIC", re.sub(r"@\d+$", "@K", key))
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)
unknown = {key for key in keys(json.load(open("report.json"))) if key not in known and not key.startswith("METRIC")}
assert not unknown, unknown
P

check "the page is one file that needs no network, and shows texts as they are" python3 - <<'P'
import re
import xml.etree.ElementTree as tree
text = open("page.html", encoding="utf-8").read()
tree.fromstring(text.split("\n", 1)[1] if text.startswith("<!") else text)
assert not re.search(r"(?:src|href)\s*=\s*[\"'](?!#)", text), "something else is needed"
assert "The &lt;b&gt;" in text and "<b>" not in text and "same for all" in text and text.count("<svg") >= 6
P

expect_exit 0 '' -- "${judge[@]}" --json --names 'near,same for all,odd' --items texts.tsv --category-column categories --embeddings e.npy --report again.html
check "the same again, to the last bit" cmp out report.json
check "... the page too" cmp again.html page.html
expect_exit 0 '' -- "${judge[@]}" --json --seed 7 --resamples 300
check "another seed gives other intervals of the same values" python3 -c '
import json
a, b = json.load(open("report.json"))["models"][0], json.load(open("out"))["models"][0]
assert a["recall@10"] == b["recall@10"] and a["kept"]["recall@10"]["low"] != b["kept"]["recall@10"]["low"]
assert b["masked"]["recall@10"]["value"] <= b["masked"]["recall@10"]["high"]'
check "lists that repeat an item are not taken for masked ones" bash -c '! grep -q "same.jsonl: none of" err'
python3 - <<'P'
import json
history = {u: set(h[:-1]) for u, *h in (line.split() for line in open("h.txt", encoding="utf-8"))}
with open("masked.jsonl", "w") as masked:
    for row in map(json.loads, open("same.jsonl")):
        row["items"] = [item for item in row["items"] if item not in history[row["user"]]]
        print(json.dumps(row), file=masked)
P
expect_exit 0 'masked.jsonl: none of ' -- nightjar eval --bundle b.njb --users h.txt --lists masked.jsonl --resamples 0
stderr_has 'they seem made with the history masked'
expect_exit 0 '' -- "${judge[@]}" --json --resamples 0
check "without resamples there is no interval" python3 -c '
import json
r = json.load(open("out"))
assert r["models"][0]["kept"]["recall@10"]["low"] is None and r["comparisons"][0]["kept"]["ndcg@5"]["p"] < 1'

expect_exit 0 '' -- "${judge[@]}" --items texts.tsv
check "the table fits 100 columns" awk "length > 100 { print; long = 1 } END { exit long }" out
stdout_has 'recall@5 by items in the history'
expect_exit 0 '' -- "${judge[@]}" --names "$(python3 -c 'print("ø" * 15 + "日" * 100 + ",pop,odd")')"
check "... by characters, and cuts none" python3 -c '
lines = open("out", "rb").read().decode("utf-8").split("\n")
assert max(map(len, lines)) <= 100 and any("ø日" in line for line in lines)'
expect_exit 0 '' -- "${judge[@]}"
stdout_has 'target.jsonl beside odd.jsonl, within 5 places'
stdout_has 'to be sure of all of them at once ask for p <'
printf 'u1 kettle-01 kettle-02\n' >one.txt
printf '{"user": "u1", "items": ["kettle-02"]}\n' >one.jsonl
printf '{"user": "u1", "items": []}\n' >none.jsonl
expect_exit 0 '' -- nightjar eval --bundle b.njb --users one.txt --lists one.jsonl --against none.jsonl --report one.html
expect_exit 0 '' -- nightjar eval --bundle b.njb --users one.txt --lists none.jsonl --report none.html --json
stdout_is_json

refuse() { # CODE TEXT OPTION...
    local code=$1 text=$2
    shift 2
    expect_exit "$code" "$text" -- nightjar eval --bundle b.njb --users h.txt --report never.html "$@"
    expect_absent never.html never.html.tmp.*
}
refuse 2 '--names has 2 names for 1 models' --names a,b
refuse 2 '--names leaves model 2 without a name' --against same.jsonl --names a,
refuse 2 '--per-user and --report are one file, "never.html"' --against same.jsonl --per-user ./never.html
refuse 2 'more than 8 models' --against same.jsonl,same.jsonl,same.jsonl,same.jsonl,same.jsonl,same.jsonl,same.jsonl,same.jsonl
refuse 2 'has a path of 0 bytes' --against same.jsonl,
refuse 2 '--resamples' --resamples 100001
refuse 2 '--examples' --examples 101
refuse 65 'short.npy: has 551 rows of 6 values in 2 dimensions, must be a matrix with the 552 items of the catalogue as rows' --embeddings short.npy
refuse 5 'missing.npy' --embeddings missing.npy
refuse 65 'title' --items texts.tsv --title-column none
printf 'item_id\ttitle\nx\ty\n' >foreign.tsv
refuse 65 'foreign.tsv: none of its items is one of the catalogue' --items foreign.tsv
expect_exit 74 'no/such/folder/page.html' -- nightjar eval --bundle b.njb --users h.txt --report no/such/folder/page.html
check "... before anything is decoded" test -z "$(grep users/s err)"
done_testing
