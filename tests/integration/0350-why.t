# --why: each item of a list says where it came from and what each stage of the policy added to its score. A night keeps it in its rows and
# copies it; without the setting lists are the same and say nothing.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 60
head -n 30 "$data/histories.txt" | sed 's/^[^ ]*/later-&/' >>users.txt
echo 'newcomer' >>users.txt
cat >policy.yaml <<'P'
version: 1
adjust:
  boosts:
    - {where: {shelf: film}, add: 0.5}
constraints:
  caps:
    - {by: shelf, most: 3}
  pins:
    - {item: kettle-01, place: 2}
rerank:
  method: mmr
  alike: prefix
  relevance: 0.7
  calibration: {by: shelf, weight: 0.3}
P
nightjar bundle pack --from night.njb --policy policy.yaml --attributes "$data/items.tsv" --attribute-columns shelf --out ruled.njb \
    >>setup.out 2>>setup.log
decode=(nightjar decode --users users.txt --beam 12 --top 8)

check_sums() { # FILE: one `why` an item, and the raw score with what was added is the score
    python3 - "$1" <<'P'
import json, sys
sources = set()
for line in open(sys.argv[1]):
    row = json.loads(line)
    assert len(row["why"]) == len(row["items"]) == len(row["scores"]), row
    for why, score in zip(row["why"], row["scores"]):
        assert abs(why["raw"] + sum(why.get("adjust", {}).values()) - score) < 1e-4, (row["user"], why, score)
        sources.add(why["source"])
print(*sorted(sources))
P
}

without_why() { # FILE
    sed 's/, "why": .*}\]}$/}/' "$1"
}

# Without a policy the source's word is the score.
"${decode[@]}" --bundle night.njb --why >plain.jsonl 2>plain.log
"${decode[@]}" --bundle night.njb >bare.jsonl 2>bare.log
[[ $(check_sums plain.jsonl) == 'beam popular' ]] || fail "other sources without a policy"
! grep -q '"adjust"' plain.jsonl || fail "something was adjusted without a policy"
! grep -q '"why"' bare.jsonl || fail "lists say why without being asked"
without_why plain.jsonl | cmp - bare.jsonl >&2 || fail "--why has changed lists"

# With one, every stage is there.
"${decode[@]}" --bundle ruled.njb --why >ruled.jsonl 2>ruled.log
"${decode[@]}" --bundle ruled.njb >quiet.jsonl 2>quiet.log
[[ $(check_sums ruled.jsonl) == 'beam pin popular' ]] || fail "other sources than the search, pins and popular items"
without_why ruled.jsonl | cmp - quiet.jsonl >&2 || fail "--why has changed lists of a policy"
for stage in boost rerank calibration; do
    grep -q "\"adjust\": {.*\"$stage\": " ruled.jsonl || fail "no item says that $stage added anything"
done
pinned=$(grep -c '"pinned"' ruled.jsonl)
((pinned > 30)) || fail "$pinned lists have the pin: the test shows nothing"
grep -q "lists with flags: .*, $pinned pinned" ruled.log || fail "decode counts other flags"

# A night's rows say it too, and its copies.
night=(nightjar run --bundle ruled.njb --users users.txt --beam 12 --top 8 --workers 2 --shard-users 16 --store store --json)
expect_exit 0 "${night[@]}" --why --metrics-file night.prom
grep -q "\"flags\": {.*\"pinned\": $pinned[,}]" last.out || fail "run counts other flags: $(cat last.out)"
grep -qx "nightjar_rows_flagged_total{flag=\"pinned\"} $pinned" night.prom || fail "the metrics count other flags"
nightjar store export --store store --to jsonl 2>>setup.log >export.jsonl
sort ruled.jsonl | cmp - <(sort export.jsonl) >&2 || fail "the night's rows say something else than decode"
nightjar store get --store store newcomer 2>>setup.log | cmp - <(grep '"newcomer"' ruled.jsonl) >&2 || fail "store get says something else"
nightjar store verify --store store >verify.out 2>&1 || fail "$(cat verify.out)"
nightjar report --store store --json 2>>setup.log >report.json
[[ $(python3 -c 'import json; print(json.load(open("report.json"))["lists"]["flags"]["pinned"])') -eq $pinned ]] || fail "the report counts other flags"
expect_exit 0 "${night[@]}" --why --since current
[[ $(json_of last.out copied) -eq 91 ]] || fail "only $(json_of last.out copied) of 91 rows were copied"
nightjar store export --store store --to jsonl 2>>setup.log >copied.jsonl
[[ $(check_sums copied.jsonl) == 'beam pin popular' ]] || fail "copies say something else"

# What a row says is one of the settings: rows that say nothing are not copied into a night that asks.
expect_exit 0 "${night[@]}" --since current
[[ $(json_of last.out copied) -eq 0 ]] || fail "rows were copied though the settings differ"
expect_said last "made with the settings .*with why"
! nightjar store export --store store --to jsonl 2>>setup.log | grep -q '"why"' || fail "rows say why without being asked"
