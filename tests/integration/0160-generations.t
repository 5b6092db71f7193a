# A second night publishes a second generation; a rollback is one command; a flipped byte does not pass verification.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 120
expect_exit 0 nightjar run "${night[@]}" --store store --workers 2 --json
old=$(cat store/CURRENT)
mv expected.jsonl expected-old.jsonl
night=(--bundle night.njb --users users.txt --beam 20 --top 5)
nightjar decode "${night[@]}" 2>>setup.log | sort >expected.jsonl
expect_exit 0 nightjar run "${night[@]}" --store store --workers 2 --json
new=$(cat store/CURRENT)
[[ $new > $old ]] || fail "the second generation $new does not sort behind the first $old"
expect_rows store
expect_generations store 2

expect_exit 0 nightjar store list --store store
grep -q "^\* $new " last.out && grep -q "^  $old " last.out || fail "store list prints: $(cat last.out)"
expect_exit 0 nightjar store list --store store --json
python3 -c 'import json; assert [g["current"] for g in json.load(open("last.out"))["generations"]].count(True) == 1'
expect_exit 0 nightjar store export --store store --gen "$old" --to jsonl
cmp last.out expected-old.jsonl || fail "the old generation has changed"

expect_exit 0 nightjar store rollback --store store --dry-run
expect_said last "CURRENT would name $old, named $new"
[[ $(cat store/CURRENT) == "$new" ]] || fail "a dry run has moved CURRENT"
expect_exit 0 nightjar store rollback --store store
[[ $(cat store/CURRENT) == "$old" ]] || fail "the rollback left CURRENT at $(cat store/CURRENT)"
expect_rows store expected-old.jsonl
expect_exit 5 nightjar store publish --store store gen-00000000000000000000000000
[[ $(cat store/CURRENT) == "$old" ]] || fail "a refused publish has moved CURRENT"
expect_exit 0 nightjar store publish --store store "$new"

# A rollback while a night runs: the night publishes when it is finished, and the older generation stays to go back to.
start run nightjar run "${night[@]}" "${slow[@]}" "${shards[@]}" --store store --workers 2 --json
await_committed store 2
expect_exit 0 nightjar store publish --store store "$old"
expect_middle store
expect_end run 0
[[ $(cat store/CURRENT) == "$(json_of run.out generation)" ]] || fail "the night is finished and not current"
expect_rows store
expect_generations store 3

# One flipped bit in the middle of the rows.
expect_exit 0 nightjar store verify --store store --gen "$new"
byte=$(od -An -tu1 -j 20000 -N 1 "store/$new/data.mdb")
printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="store/$new/data.mdb" bs=1 seek=20000 conv=notrunc status=none
expect_exit 4 nightjar store verify --store store --gen "$new"
expect_said last "$new"
expect_exit 0 nightjar store verify --store store
