# `nightjar grade --keep`: later reports show the trend of the grades, in their document and on their page.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
head -n 60 "$data/histories.txt" >users.txt
night() { # a generation, with events that take the first item of every other user's list
    nightjar run --bundle b.njb --users users.txt --store store --workers 1 >out 2>err
    nightjar store export --store store >rows.jsonl
    python3 - "$1" <<'P'
import json
import sys
with open("events.csv", "w", encoding="utf-8") as out:
    out.write("user,item,timestamp\n")
    for number, row in enumerate(map(json.loads, open("rows.jsonl", encoding="utf-8"))):
        out.write(f"{row['user']},{row['items'][0] if number % int(sys.argv[1]) == 0 and row['items'] else 'elsewhere'},1000\n")
P
}
grade() { # OPTION...
    nightjar grade --store store --events events.csv --from 1000 --json "$@"
}
night 2
first=$(<store/CURRENT)
before=$(digest_of store)
expect_exit 0 '' -- grade
expect_untouched store "$before"
expect_exit 0 '' -- grade --keep
check "the grade that is kept is the one that is printed" python3 -c '
import json
kept = json.load(open("store/reports/'"$first"'.grade.json"))
said = json.load(open("out"))
assert kept.keys() == said.keys() and kept["generation"] == "'"$first"'" and abs(kept["figures"]["hit@10"]["value"] - said["figures"]["hit@10"]["value"]) < 1e-5'

night 4
second=$(<store/CURRENT)
check "a night's own report has the grades that there were" python3 -c '
import json
grades = json.load(open("store/reports/'"$second"'.json"))["grades"]
assert [grade["generation"] for grade in grades] == ["'"$first"'"], grades'
# Two at once: one follows the other, and nothing of either is left behind.
grade --keep >first.out 2>first.err &
expect_exit 0 '' -- grade --keep
check "... and so does one beside it" wait $!
check "... and the grade is whole" python3 -m json.tool "store/reports/$second.grade.json" json.tmp
check "... with no draft beside it" test -z "$(find store/reports -name '*.tmp*')"
expect_exit 4 'surely below' -- grade --keep --hold-if 'hit@10<0.9'
expect_exit 0 '' -- nightjar report --store store --json
stdout_is_valid report
check "reports made again have those of both nights, oldest first" python3 -c '
import json
grades = json.load(open("out"))["grades"]
assert [grade["generation"] for grade in grades] == ["'"$first"'", "'"$second"'"], grades
values = [grade["hit@10"]["value"] for grade in grades]
assert values[0] > values[1] > 0 and all(grade["users"] == 60 and grade["hit@10"]["low"] <= grade["hit@10"]["value"] for grade in grades), grades'
expect_exit 0 '' -- nightjar report --store store --out page.html
check "so does the page" grep -q 'What users took of the lists' page.html
check "... with both generations" test "$(grep -oE "$first|$second" page.html | sort -u | wc -l)" -eq 2

# What is no grade is passed over, whatever it holds.
cp "store/reports/$first.grade.json" "store/reports/gen-01M82K1DEHGPAWWRC1DN2XNVHN.grade.json"
echo '{"generation": 5' >"store/reports/$first.grade.json"
expect_exit 0 'leaves out' -- nightjar report --store store --json
stderr_has 'it is no grade of that generation'
check "... and the others are told" python3 -c '
import json
assert [grade["generation"] for grade in json.load(open("out"))["grades"]] == ["'"$second"'"]'
echo '{"generation": "'"$first"'", "created_ms": "x", "users": [], "figures": {"hit@10": {"value": "y", "low": []}}}' >"store/reports/$first.grade.json"
expect_exit 0 '' -- nightjar report --store store --out page.html
check "figures of other kinds are none" grep -q "$first" page.html

# The latest 60 nights count.
rm store/reports/gen-01M82K1DEHGPAWWRC1DN2XNVHN.grade.json
python3 - "$second" <<'P'
import json
import sys
kept = json.load(open(f"store/reports/{sys.argv[1]}.grade.json"))
for night in range(70):
    kept["generation"] = f"gen-00000000{night:02}0000000000000000"
    json.dump(kept, open(f"store/reports/{kept['generation']}.grade.json", "w"))
P
expect_exit 0 '' -- nightjar report --store store --json
check "the latest 60 nights are told" python3 -c '
import json
names = [grade["generation"] for grade in json.load(open("out"))["grades"]]
assert names == sorted(names) and len(names) == 60 and names[0][12:14] == "12" and names[-1] == "'"$second"'", (len(names), names[0], names[-1])'
done_testing
