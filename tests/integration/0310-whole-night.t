# `run --embeddings`: catalogue, bundle and users in one command. What has not changed is skipped; published SIDs stay where they are.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_whole_night 120
make_expected one cat emb1.npy ids1.txt
make_expected two cat.one emb2.npy ids2.txt

# The first night, announced and made.
expect_exit 0 "${whole[@]}" --embeddings emb1.npy --ids ids1.txt --store store --dry-run
[[ $(grep -c 'would run' last.out) -eq 3 && ! -e store ]] || fail "a dry run does something, or leaves phases out"
expect_exit 0 "${whole[@]}" --embeddings emb1.npy --ids ids1.txt --store store --json
expect_said last 'catalogue: refreshing \(it was never made\)'
expect_said last 'it is not asked whether the model knows these SIDs'
expect_rows store one.jsonl
generation=$(cat store/CURRENT)

# The second: nothing has changed.
expect_exit 0 "${whole[@]}" --embeddings emb1.npy --ids ids1.txt --store store --json --workers 1 --shard-users 9
for phase in catalogue bundle users; do
    expect_said last "$phase: skipped, nothing has changed"
done
expect_json last.out unchanged True
expect_json last.out generation "$generation"
expect_generations store 1

# Other users, and other settings: the catalogue and the bundle stay.
cp users.txt all.txt
head -n 100 all.txt >users.txt
expect_exit 0 "${whole[@]}" --embeddings emb1.npy --ids ids1.txt --store store --dry-run
[[ $(grep -c 'is skipped' last.out) -eq 2 ]] && grep -q 'users .*would run (users)' last.out || fail "the dry run says: $(cat last.out)"
expect_exit 0 "${whole[@]}" --embeddings emb1.npy --ids ids1.txt --store store
expect_said last 'bundle: skipped'
expect_generations store 2
cp all.txt users.txt
expect_exit 0 "${whole[@]}" --embeddings emb1.npy --ids ids1.txt --store store --keep-history --dry-run
grep -q 'users .*would run' last.out || fail "other settings change nothing"

# The third: 5 % of the items are gone, as many are new. Every SID of the first night is where it was.
expect_exit 0 "${whole[@]}" --embeddings emb2.npy --ids ids2.txt --store store --dry-run --json
python3 -c 'import json; p = json.load(open("last.out"))["phases"]; assert [(x["phase"], x["run"]) for x in p] == [("catalogue", True), ("bundle", True), ("users", True)] and p[0]["why"] == "embeddings", p'
expect_exit 0 "${whole[@]}" --embeddings emb2.npy --ids ids2.txt --store store --json
expect_said last '552 items tonight: 524 stay, 28 are new, 0 came back, 28 are retired'
expect_rows store two.jsonl
head -n 552 store/night/catalogue/catalogue/items.txt | cmp - ids1.txt >&2 || fail "items have moved"
cmp cat.two/sids.npy store/night/catalogue/catalogue/sids.npy >&2 || fail "SIDs are others than by hand"

# Other vectors of the same items: the catalogue is looked at, its SIDs are frozen, and nothing is left to do.
python3 -c '
raw = bytearray(open("emb2.npy", "rb").read())
raw[-4:] = b"\0\0\0\x3e"
open("emb3.npy", "wb").write(raw)'
generation=$(cat store/CURRENT)
expect_exit 0 "${whole[@]}" --embeddings emb3.npy --ids ids2.txt --store store --json
expect_said last 'catalogue: refreshing \(embeddings\)'
expect_said last 'bundle: skipped'
expect_json last.out generation "$generation"

# Back in the shop: the SIDs that they had. From a catalogue that was refreshed by hand, too. And everything again on demand.
expect_exit 0 "${whole[@]}" --embeddings emb1.npy --ids ids1.txt --store store
expect_said last '552 items tonight: 524 stay, 0 are new, 28 came back, 28 are retired'
expect_rows store one.jsonl
expect_exit 0 "${whole[@]}" --catalogue cat.two --embeddings emb2.npy --ids ids2.txt --store store
expect_rows store two.jsonl
generation=$(cat store/CURRENT)
expect_exit 0 "${whole[@]}" --catalogue cat.two --embeddings emb2.npy --ids ids2.txt --store store --no-skip
expect_not_said last 'skipped'
[[ $(cat store/CURRENT) != "$generation" ]] || fail "--no-skip skips the users"
expect_rows store two.jsonl

# Users through a pipe are known by what they are, as those of a file: packed otherwise they are the same. Without --ids an item is called
# by its row.
nightjar catalogue assign --embeddings emb1.npy --codebooks books.npy --no-suffix --out rows >>setup.out 2>>setup.log
expect_exit 0 "${whole[@]}" --catalogue rows --embeddings emb1.npy --store other --users - --format sequence <<<'u1 0 1 2'
expect_exit 0 "${whole[@]}" --catalogue rows --embeddings emb1.npy --store other --users - --format sequence < <(gzip -c <<<'u1 0 1 2')
expect_said last 'bundle: skipped'
expect_said last 'users: skipped'
expect_exit 0 "${whole[@]}" --catalogue rows --embeddings emb1.npy --store other --users - --format sequence <<<'u1 0 2 1'
expect_generations other 2
cmp rows/items.txt other/night/catalogue/catalogue/items.txt >&2 || fail "rows have other names than their numbers"

# --since after a refresh: the bundle of the night before is kept beside tonight's and found; rows that the change does not meet are copied,
# and the lists are those of a night that decodes everybody.
full=("${whole[@]}" --beam 6 --top 6)
delta=("${full[@]}" --since current --json --store delta)
expect_exit 0 "${full[@]}" --embeddings corner.npy --ids corner.txt --store full
expect_exit 0 "${delta[@]}" --embeddings emb1.npy --ids ids1.txt
[[ ! -e delta/night/bundle/before.njb ]] || fail "a first night has a bundle of before"
expect_exit 0 "${delta[@]}" --embeddings corner.npy --ids corner.txt
expect_said last '28 items came, 28 went'
copied=$(json_of last.out copied)
((copied >= 10 && copied <= 110)) || fail "$copied of 120 rows were copied: the test shows nothing"
nightjar store export --store full --to jsonl >full.jsonl 2>export.log
nightjar store export --store delta --to jsonl >export.jsonl 2>export.log
[[ $(grep -c '"copied"' export.jsonl) -eq $copied ]] || fail "another number of rows is flagged"
lists export.jsonl >delta.jsonl
cmp delta.jsonl full.jsonl >&2 || fail "a delta night of the whole has other lists than a full one"

# With a list of allowed items that nobody joins or leaves, the mask is the same one behind the refresh: its users are copied as well.
grep -Fxf corner.txt ids1.txt | awk 'NR % 3 > 0' >allowed.txt
masked=("${full[@]}" --eligible allowed.txt --json)
expect_exit 0 "${masked[@]}" --embeddings corner.npy --ids corner.txt --store full
expect_exit 0 "${masked[@]}" --embeddings emb1.npy --ids ids1.txt --store masked --since current
expect_exit 0 "${masked[@]}" --embeddings corner.npy --ids corner.txt --store masked --since current
copied=$(json_of last.out copied)
((copied >= 10 && copied <= 110)) || fail "$copied of 120 rows were copied: the test shows nothing"
nightjar store export --store full --to jsonl >full.jsonl 2>export.log
nightjar store export --store masked --to jsonl >export.jsonl 2>export.log
lists export.jsonl >delta.jsonl
cmp delta.jsonl full.jsonl >&2 || fail "a delta night with a mask has other lists than a full one"

# And back. Without that bundle, or with something else in its place, all are decoded.
expect_exit 0 "${delta[@]}" --embeddings corner.npy --ids corner.txt --no-skip
expect_json last.out copied 120
[[ ! -e delta/night/bundle/before.njb ]] || fail "the same bundle is kept twice"
corner=$(cat delta/CURRENT)
expect_exit 0 "${delta[@]}" --embeddings emb1.npy --ids ids1.txt
((copied = $(json_of last.out copied), copied >= 10 && copied <= 110)) || fail "$copied of 120 rows were copied back"
for kept in missing damaged; do
    expect_exit 0 nightjar store rollback --store delta --to "$corner"
    if [[ $kept == missing ]]; then rm delta/night/bundle/before.njb; else echo "no bundle" >delta/night/bundle/before.njb; fi
    expect_exit 0 "${delta[@]}" --embeddings emb1.npy --ids ids1.txt
    expect_json last.out since_differs bundle
    expect_json last.out copied 0
done
