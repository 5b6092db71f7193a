# run --missing-users: users of the current generation whom tonight's input lacks are judged by the gates, carried over, or dropped knowingly.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 60
run=(nightjar run --bundle night.njb "${settings[@]}" --workers 1 --shard-users 8 --audit-users 0 --gate-least 10 --json)
expect_exit 0 "${run[@]}" --users users.txt --store store
first=$(cat store/CURRENT)
nightjar store export --store store --to jsonl >before.jsonl 2>export.log
sed -e 5d -e 40,42d users.txt >fewer.txt
nightjar decode --bundle night.njb --users fewer.txt "${settings[@]}" 2>>setup.log | sort >fewer.jsonl
cp -al store dropped

# Not said: the gate judges. Carried: they are there, flagged, in their places; budget and gate say so.
expect_exit 4 "${run[@]}" --users fewer.txt --store store
expect_exit 4 "${run[@]}" --users fewer.txt --store store --missing-users carry --carry-max 5
expect_said last "4 users of $first are not in tonight's input, 6.7 % of all; --carry-max is 5 %"
[[ $(cat store/CURRENT) == "$first" && ! -d store/staging ]] || fail "a refusal changed the store"
expect_exit 3 "${run[@]}" --users fewer.txt --store store --missing-users carry
expect_json last.out users 60
expect_json last.out rows 60
expect_json last.out carried 4
expect_json last.out missing 4
expect_json last.out carried_from "$first"
expect_exit 0 nightjar store verify --store store
nightjar store export --store store --to jsonl >after.jsonl 2>export.log
grep -v '"carried"' after.jsonl | cmp - fewer.jsonl >&2 || fail "users of tonight have other lists"
grep '"carried"' after.jsonl | grep -c '"age": 1}' | grep -qx 4 || fail "missing users are not flagged"
sed -E 's/, "flags": \["carried"\], "age": 1//' after.jsonl | cmp - before.jsonl >&2 || fail "missing users have other lists"

# With copied rows between them, killed before it is packed, and resumed, which says nothing of them.
cp -a store since
NJ_FAILPOINT=pack.due=kill "${run[@]}" --users fewer.txt --store since --missing-users carry --since current --trace >last.out 2>last.log || true
if [[ -d since/staging ]]; then # programs without failpoints have published
    expect_exit 78 "${run[@]}" --users fewer.txt --store since --resume --missing-users drop --trace
    expect_exit 3 "${run[@]}" --users fewer.txt --store since --resume --trace
fi
expect_json last.out carried 4
expect_json last.out carried_age 2
nightjar store stat --store since --json >stat.json 2>>setup.log
expect_json stat.json carried_count 4
expect_json stat.json carried_age 2
expect_exit 0 nightjar store verify --store since

# Dropped: they go, and the gate does not mind.
expect_exit 0 "${run[@]}" --users fewer.txt --store dropped --missing-users drop
nightjar store export --store dropped --to jsonl 2>export.log | cmp - fewer.jsonl >&2 || fail "dropped users are there"
