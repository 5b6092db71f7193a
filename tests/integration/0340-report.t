# The report of a night: document and page stand beside the store when the night has ended; a night goes on without them; killed processes,
# lost workers and quarantined users are in it; `report` makes the page again, also where the document is gone.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_night 160

report_of() { # STORE: the document
    echo "$1/reports/$(cat "$1/CURRENT").json"
}

ask() { # DOCUMENT EXPRESSION: python over d, which must be true
    python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert eval(sys.argv[2]), sys.argv[2]' "$1" "$2" ||
        fail "$1: not so: $2"
}

expect_report() { # STORE
    local document
    document=$(report_of "$1")
    [[ -s $document && -s ${document%.json}.html ]] || fail "$1 has no report: $(ls "$1"/* )"
    [[ $(stat -c %s "$document") -le 4194304 ]] || fail "$document is larger than 4 MiB"
    [[ -z $(find "$1/reports" -name '*.tmp*') ]] || fail "a draft is left: $(ls "$1/reports")"
    python3 - "$source_dir/schemas/json/report.json" "$document" <<'PYTHON' || fail "$document is not as its schema says"
import json, sys
try:
    import jsonschema
except ImportError:
    print("SKIPPED: python3-jsonschema is missing: the document is not validated")
    sys.exit(0)
jsonschema.Draft202012Validator(json.load(open(sys.argv[1]))).validate(json.load(open(sys.argv[2])))
PYTHON
}

# A night in one go.
expect_exit 0 nightjar run "${night[@]}" --store store --shard-users 8
grep -qx "report: store/reports/$(cat store/CURRENT).html" last.out || fail "run does not say where its report is"
expect_report store
first=$(report_of store)
ask "$first" 'd["source"] == "night" and d["run"]["users"] == 160 and sum(d["series"]["users"]) == 160'
ask "$first" 'sum(w["users"] for w in d["workers"]["listed"]) == 160 and sum(w["leases"] for w in d["workers"]["listed"]) == d["run"]["leases"]'
ask "$first" 'd["work"]["count"] == d["spans"]["total"] == sum(n for _, n in d["work"]["buckets"])'
ask "$first" 'd["lists"]["rule"] == {"step": 1, "users": 160, "of": 160, "unread": 0, "places": 50}'
ask "$first" 'd["lists"]["overlap"] is None and d["quarantined"] == {"total": 0, "listed": []}'
ask "$first" 'len(d["processes"]) == 1 and d["processes"][0]["end"] == "published" and d["processes"][0]["users"] == 160'
python3 - "$first" expected.jsonl <<'PYTHON' || fail "the lists are told otherwise than they are"
import collections, json, sys
d = json.load(open(sys.argv[1]))["lists"]
rows = [json.loads(line) for line in open(sys.argv[2])]
seen = collections.Counter(item for row in rows for item in row["items"])
assert d["exposure"]["places"] == sum(seen.values()) and d["exposure"]["distinct"] == len(seen), d["exposure"]
assert [m["lists"] for m in d["exposure"]["most"]] == sorted(seen.values(), reverse=True)[:10]
firsts = sorted(row["scores"][0] for row in rows if row["items"])
assert abs(d["scores"]["places"][0]["p50"] - firsts[round(0.5 * (len(firsts) - 1) + 1e-9)]) < 1e-4
PYTHON

# The same users again, one of them with another history: who is compared is told.
sed '1s/$/ emberwood-01/' users.txt >other.txt
expect_exit 0 nightjar run --bundle night.njb --users other.txt "${settings[@]}" --store store --shard-users 8 --json
expect_report store
ask "$(report_of store)" 'd["lists"]["overlap"]["users"] == 160 and 0.9 < d["lists"]["overlap"]["mean"] <= 1'
ask "$(report_of store)" "d['lists']['overlap']['generation'] == '$(basename "$first" .json)'"

# A coordinator that is killed, a worker that is killed, a user who cannot be computed: one night.
user=$(sed -n '100s/ .*//p' users.txt)
trouble=("${night[@]}" "${shards[@]}" --store three --workers 2 --quarantine-max 1)
NJ_FAILPOINT=engine.user=nan:$user,compute.user=slow:25 start one nightjar run "${trouble[@]}"
await_committed three 3
kill -9 "${pid[one]}"
expect_end one 137
expect_middle three
NJ_FAILPOINT=engine.user=nan:$user,compute.user=slow:25 start two nightjar run "${trouble[@]}" --resume
await_committed three 7
kill -9 "$(worker_of two 1)"
expect_end two 3
expect_report three
third=$(report_of three)
ask "$third" '[p["end"] for p in d["processes"]] == ["killed", "published"] and sum(p["users"] for p in d["processes"]) == 159'
ask "$third" 'd["processes"][0]["users"] >= 24 and d["processes"][0]["ended_ms"] is None'
ask "$third" 'sum(d["series"]["users"]) == 159 and sum(w["vanished"] for w in d["workers"]["listed"]) >= 1'
ask "$third" '[q["user"] for q in d["quarantined"]["listed"]] == ["'"$user"'"]'
ask "$third" '{"begun", "failed", "split", "quarantined", "gone"} <= {i["kind"] for i in d["incidents"]["listed"]}'

# `report` makes the page again: the same bytes; without the document it tells what the store has, and the bundle what its items are.
cp "${third%.json}.html" page.html
rm "${third%.json}.html"
expect_exit 0 nightjar report --store three
cmp page.html "${third%.json}.html" >&2 || fail "the page is another than the night's"
expect_exit 0 nightjar report "$(cat three/CURRENT)" --store three --json
cmp <(python3 -c 'import json; print(json.load(open("last.out")))') <(python3 -c "import json; print(json.load(open('$third')))") >&2 || fail "--json is another document"
mv "$third" kept.json
expect_exit 0 nightjar report --store three --json --bundle night.njb
ask last.out 'd["source"] == "store" and "run" not in d and d["quarantined"]["total"] == 1'
python3 - <<'PYTHON' || fail "the lists are told otherwise"
import json
short = lambda digits: float("%.6g" % float(digits)) # as the document has them
a, b = (json.load(open(f), parse_float=short)["lists"] for f in ("last.out", "kept.json"))
assert a == b, [(key, a[key], b[key]) for key in a if a[key] != b[key]]
PYTHON
expect_exit 0 nightjar report --store three --out without.html
expect_said last 'is missing: what the store has is told; --bundle FILE'
grep -q 'made from the generation alone' without.html || fail "the page does not say so"
expect_exit 65 nightjar report gen-nonsense --store three
echo '{"version": 9}' >"$third"
expect_exit 65 nightjar report --store three
expect_said last 'no report of version 1'

# What goes wrong with the report costs the report: not the night, and not its exit code.
mkdir four
touch four/reports # a file where the folder should be
expect_exit 0 nightjar run "${night[@]}" --store four
expect_said last 'is published, but its report could not be written'
expect_rows four
if grep -qaP 'NJ_FAILPOINT\x00' "$bin/nightjar"; then
    NJ_FAILPOINT=report.due=fail expect_exit 0 nightjar run "${night[@]}" --store five
    expect_said last 'its report could not be written'
    expect_rows five
    [[ ! -e five/reports ]] || fail "a report that failed left something"
    NJ_FAILPOINT=report.due=kill expect_exit 137 nightjar run "${night[@]}" --store six
    expect_rows six
    expect_exit 0 nightjar report --store six
fi

# A night that is not published has none.
NJ_FAILPOINT=engine.user=nan:$user expect_exit 1 nightjar run "${night[@]}" --store seven --shard-users 8 --lease-ms 2000
[[ ! -e seven/reports ]] || fail "a night that was not published has a report"

# A whole night tells what it did before the users.
rm -r cat
make_whole_night 60
for made in False True; do
    expect_exit 0 "${whole[@]}" --embeddings emb1.npy --ids ids1.txt --store eight --keep-history
    ask "$(report_of eight)" "[(p['name'], p['skipped']) for p in d['phases']] == [('catalogue', $made), ('bundle', $made)]"
    sed -i '1d' users.txt
done
ask "$(report_of eight)" 'd["lists"]["overlap"]["users"] == 59 and d["lists"]["overlap"]["mean"] == 1'
