# A worker computes a score wrongly, and says so with a fitting digest: nothing in the rows tells. The sample that other workers decode
# again before the night is packed does; nothing is published, exit 4. Only when nobody looks does it pass.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_fleet 64
wrong_night() { # NAME OPTION...
    local name=$1
    shift
    start_coordinator "$name" "tcp://127.0.0.1:*" "store-$name" "$@"
    start_middleman "between-$name" "$name" score 5
    start_worker "wrong-$name" "$(endpoint "between-$name")"
    await_said "between-$name" "lie 1: score"
    start_worker "right-$name" "$(endpoint "$name")"
}

wrong_night audited --audit-users 64
wrong_night trusting --audit-users 0
expect_end audited 4
[[ ! -e store-audited/CURRENT ]] || fail "a night whose sample differs was published"
expect_middle store-audited
expect_end trusting 0
nightjar store export --store store-trusting --to jsonl 2>/dev/null >trusted.jsonl
[[ $(diff expected.jsonl trusted.jsonl | grep -c '^>') -eq 1 ]] || fail "not exactly one row is wrong: the test tests nothing"

# What two workers disagreed about is not forgotten: a resumed night is refused too, whatever it looks at.
expect_exit 4 nightjar run "${night[@]}" "${shards[@]}" --store store-audited --workers 1 --resume --audit-users 0
expect_said last "two workers gave different rows in this night"
[[ ! -e store-audited/CURRENT ]] || fail "a resumed night has published what was disputed"
