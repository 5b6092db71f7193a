# A night gives the same bytes with one, two and three workers: those of `decode`, one row a user.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 300
# Ids of every kind, so that the plan's order and the store's are the same order: numbers by value, then text by its bytes.
awk 'BEGIN { split("7 007 10 1000000007 -3 9", odd) } { if (NR - 3 in odd) { $1 = odd[NR - 3] } else if (NR % 3 == 0 && NR > 9) { $1 = 5000 - NR } print }' \
    users.txt >mixed.txt
mv mixed.txt users.txt
expected_rows users.txt >unordered.jsonl
number='^\{"user": "(0|[1-9][0-9]*)"'
{ grep -E "$number" unordered.jsonl | sort -t '"' -k 4,4n; grep -Ev "$number" unordered.jsonl; } >expected.jsonl
[[ $(wc -l <expected.jsonl) -eq 300 ]] || fail "decode gave $(wc -l <expected.jsonl) rows of 300"

for workers in 1 2 3; do
    expect_exit 0 nightjar run "${night[@]}" --store "store$workers" --workers "$workers" --shard-users 16 --json
    expect_rows "store$workers"
    expect_generations "store$workers" 1
    expect_json last.out rows 300
    expect_json last.out shards 19
    expect_json last.out resumed_shards 0
    expect_json last.out generation "$(cat "store$workers/CURRENT")"
    nightjar store verify --store "store$workers" >/dev/null 2>&1 || fail "store$workers does not verify"
done

users=$(sed 's/^{"user": "\([^"]*\)".*/\1/' export.jsonl | sort | uniq -d)
[[ -z $users ]] || fail "users with two rows: $users"

for user in 7 007 alma noor reader-0100; do
    expect_exit 0 nightjar store get --store store2 "$user"
    grep -F "{\"user\": \"$user\"," expected.jsonl | cmp - last.out || fail "store get $user prints another row than decode"
done
expect_exit 5 nightjar store get --store store2 nobody
