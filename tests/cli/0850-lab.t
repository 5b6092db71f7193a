# `nightjar lab`: from a folder of ratings to a page, step by step, and on again where it was stopped.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A small MovieLens in RecBole's form: users walk through one of four shelves. Item 151 has no row of its own; ratings come in pairs
# of equal time.
mkdir ratings
python3 - <<'P'
import random
random.seed(3)
with open("ratings/ml-100k.item", "w") as out:
    out.write("item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n")
    for item in range(1, 151):
        out.write(f"{item}\tFilm <{item}> of shelf {item % 4}\t19{item % 100:02}\t{['Drama', 'War', 'Comedy', 'Crime'][item % 4]} part{item % 9}\n")
with open("ratings/ml-100k.inter", "w") as out:
    out.write("user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
    for user in range(1, 91):
        shelf, at = user % 4, random.randrange(30)
        for step in range(2 if user == 90 else 11 if user % 3 else 9):
            item = shelf + 4 * ((at + step) % 37) + 1
            out.write(f"{user}\t{151 if user == 7 and step == 2 else item}\t3\t{1000 + step // 2}\n")
P

# ---- what is wrong is said before anything runs ----

expect_exit 5 '--data' -- nightjar lab --data no/such/folder --out lab
stderr_has 'no/such/folder'
mkdir empty
expect_exit 5 '--data empty: there is neither ml-100k.inter nor' -- nightjar lab --data empty --out lab
cp ratings/ml-100k.inter empty
expect_exit 5 'empty/ml-100k.item: there is no such file' -- nightjar lab --data empty --out lab
expect_exit 2 '--kind is "netflix", must be ml-100k' -- nightjar lab --data ratings --kind netflix --out lab
expect_exit 2 '--embeddings-from is "stars", must be text or sasrec' -- nightjar lab --data ratings --embeddings-from stars --out lab
expect_absent lab

# ---- the data ----

expect_exit 0 '' -- nightjar lab data --data ratings --out forms
check "histories are in the order of time, whatever ties there are" python3 - <<'P'
import json
times = {}
for line in open("ratings/ml-100k.inter").read().splitlines()[1:]:
    user, item, _, time = line.split("\t")
    times.setdefault(user, {})[item] = float(time)
lines = [line.split() for line in open("forms/histories.txt")]
assert [line[0] for line in lines] == list(times), "users in the order of their appearance"
for user, *items in lines:
    assert sorted(items) == sorted(times[user])
    assert [times[user][item] for item in items] == sorted(times[user].values())
training = [line.split() for line in open("forms/training.txt")]
assert training == [line[:-2] for line in lines if len(line) > 3]
items = open("forms/items.txt").read().split()
assert items == [str(i) for i in range(1, 152)]
rows = open("forms/items.tsv").read().splitlines()
assert rows[0] == "item_id\ttitle\twords" and rows[1] == "1\tFilm <1> of shelf 1\tWar part1 1901" and rows[151] == "151\t151\t"
facts = json.load(open("forms/data.json"))
assert facts["users"] == 90 and facts["items"] == 151 and facts["items_without_title"] == 1 and facts["users_too_short"] == 1
assert facts["events"] == sum(map(len, times.values())) and facts["tied_events"] > 300
assert facts["history_lengths"][0] == 2 and facts["history_lengths"][-1] == 11
length = sorted(len(line) - 1 for line in lines)[45]
example = open("forms/example.txt").read().strip()
assert example == next(line[0] for line in lines if len(line) - 1 == length)
P
nightjar lab data --data ratings --out same && nightjar lab data --data ratings --seed 5 --out other
check "... the same for the same seed" cmp forms/histories.txt same/histories.txt
check "... and others for another" test "$(digest_of forms/histories.txt)" != "$(digest_of other/histories.txt)"
mkdir wrong && cp ratings/ml-100k.inter wrong
printf 'item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n1\tOne\t1990\tWar\n1\tAgain\t1990\tWar\n' >wrong/ml-100k.item
expect_exit 65 'wrong/ml-100k.item: line 3: item "1" stands there twice' -- nightjar lab data --data wrong --out bad
printf 'item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n1\tOne\t1990\n' >wrong/ml-100k.item
expect_exit 65 'line 2: 3 columns, the header has 4' -- nightjar lab data --data wrong --out bad
printf 'item_id:token\tname:token_seq\n' >wrong/ml-100k.item
expect_exit 65 'the header has no column "movie_title"' -- nightjar lab data --data wrong --out bad
cp ratings/ml-100k.item wrong
printf 'user_id:token\titem_id:token\ttimestamp:float\n1\t1\t7\n1\t2\t8\n' >wrong/ml-100k.inter
expect_exit 65 'no user has more than 2 items' -- nightjar lab data --data wrong --out bad
check "... and nothing is left of what was refused" test -z "$(ls bad)"

# ---- the chain ----

lab=(nightjar lab --data ratings --out lab --quick --threads 1)
expect_exit 0 '' -- "${lab[@]}" --dry-run
stdout_has 'nightjar train t5 --catalogue catalogue --users histories.txt'
stdout_has 'nightjar store get --store store "$(cat example.txt)" > tonight.jsonl'
expect_absent lab

# Killed in the middle of a training, it goes on there.
"${lab[@]}" >killed.out 2>killed.err &
pid=$!
for ((i = 0; i < 1500; i++)); do
    [[ ! -e lab/steps/tiger.begun ]] || break
    sleep 0.02
done
kill -KILL $pid
wait $pid 2>/dev/null || true
check "what is done when a lab is killed is kept" test -e lab/steps/catalogue.done -a ! -e lab/index.html

# A step that fails ends the lab: where its output should be stands a folder that is not empty.
mkdir -p lab/tiger.njb/in-the-way
expect_exit 74 'step "bundle" (lab/logs/bundle.log): ended with exit 74' -- "${lab[@]}"
check "what was done is not done again" test "$(grep -c '^\$ nightjar train sasrec' err)" -eq 0
stderr_has '$ nightjar bundle pack --model tiger'
check "... what was done before the failure is kept" test -s lab/tiger/model.safetensors -a ! -e lab/steps/bundle.done
model=$(digest_of lab/tiger)
rm -r lab/tiger.njb
expect_exit 0 '' -- "${lab[@]}"
stdout_has 'lab/index.html: 14 steps'
expect_untouched lab/tiger "$model"
digest=$(digest_of lab/store)
expect_exit 0 '' -- "${lab[@]}" --json
check "once more, nothing is left to do" python3 -c '
import json
result = json.load(open("out"))
assert result["steps_skipped"] == len(result["steps"]) == 14 and result["page"] == "lab/index.html", result'
expect_untouched lab/store "$digest"

# ---- the page ----

check "the page is well-formed, needs nothing else, and shows words as words" python3 - <<'P'
import re
import xml.dom.minidom
text = open("lab/index.html", encoding="utf-8").read()
xml.dom.minidom.parseString(text.replace("<!DOCTYPE html>\n", "", 1))
assert "<script" not in text and "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text
assert "Film &lt;" in text and "Film <" not in text
for heading in ("What is known", "From vectors to semantic IDs", "Learning", "How good is it?", "One user", "Where it fails", "A night", "All commands"):
    assert f"<h2>{heading}</h2>" in text, heading
assert text.count("$ nightjar ") == 14 and "nan" not in re.sub(r"<[^>]*>", "", text)
P
check "... and its figures are those of the evaluation and the night" python3 - <<'P'
import json
text = open("lab/index.html", encoding="utf-8").read()
evaluation, night = json.load(open("lab/eval.json")), json.load(open("lab/night.json"))
models = {model["name"]: model for model in evaluation["models"]}
assert list(models) == ["TIGER", "SASRec", "item-kNN", "co-visitation", "popularity"]
assert all(model["invalid"] == 0 for model in models.values())
for model in models.values():
    assert f'{model["recall@10"]:.4f}' in text and f'{model["ndcg@10"]:.4f}' in text
assert night["rows"] == 90
P

# Another setting is another command line: only what depends on it runs again.
expect_exit 0 '' -- "${lab[@]}" --embeddings-from text
check "another embedding trains another model" grep -q '^\$ nightjar train t5' err
check "... and not SASRec" test "$(grep -c '^\$ nightjar train sasrec' err)" -eq 0

# ---- stopped from outside: a lab whose first training is hours long ----

mkdir large && cp ratings/ml-100k.item large
python3 - <<'P'
with open("large/ml-100k.inter", "w") as out:
    out.write("user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
    for user in range(3000):
        for step in range(40):
            out.write(f"{user}\t{(user * 7 + step * 3) % 150 + 1}\t3\t{step}\n")
P
expect_exit 75 '--time-limit 1 is used up in step "sasrec"; the same command goes on there' -- \
    nightjar lab --data large --out slow --threads 1 --time-limit 1
rm slow/steps/sasrec.begun
nightjar lab --data large --out slow --threads 1 >slow.out 2>slow.err &
pid=$!
for ((i = 0; i < 1500; i++)); do
    [[ ! -e slow/steps/sasrec.begun || ! -e slow/logs/sasrec.log ]] || break
    sleep 0.02
done
expect_exit 75 'slow: another lab is at work there' -- nightjar lab --data large --out slow --threads 1
kill -TERM $pid
code=0
wait $pid || code=$?
check "SIGTERM ends the step behind a checkpoint, and the lab" test $code -eq 143
done_testing
