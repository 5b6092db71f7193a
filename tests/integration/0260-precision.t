# A night in int8: the same rows as `decode --precision int8`, with any set of the class, audited, resumed in the same class only; a
# worker that has not the class gets no lease and is told why.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 100
expect_exit 0 nightjar decode "${night[@]}" --precision int8
sort_rows() { python3 -c 'import json, sys
for row in sorted(map(json.loads, sys.stdin), key=lambda row: row["user"]):
    print(json.dumps({key: row[key] for key in ("user", "items", "scores")}))'; }
sort_rows <last.out >expected.int8
sort_rows <expected.jsonl >expected.float32
cmp -s expected.int8 expected.float32 && fail "int8 gave the very scores of float32"
rows_are() { # STORE
    nightjar store export --store "$1" --to jsonl 2>/dev/null | sort_rows | cmp - expected.int8 || fail "$1 has other rows than decode"
}

# Workers pick their fastest set; the one that a second night is forced to use is the law, batch by another size.
expect_exit 0 nightjar run "${night[@]}" --store store --workers 2 --shard-users 8 --precision int8 --json
expect_json last.out audited_users 32
nightjar store stat --store store 2>/dev/null | grep -q '^numeric class  int8$' || fail "the generation does not say its class"
rows_are store
expect_exit 0 nightjar run "${night[@]}" --store law --workers 1 --precision int8 --kernels int8-ref --batch 3
rows_are law

# A night goes on in its own class only.
start broken nightjar run "${night[@]}" --store half --workers 1 --shard-users 8 --precision int8 --kernels int8-ref --batch 4
await_committed half 3
kill -TERM "${pid[broken]}"
expect_end broken 143
expect_middle half
expect_exit 78 nightjar run "${night[@]}" --store half --workers 1 --shard-users 8 --resume
expect_said last 'numeric class "int8", not "exact"'
expect_exit 0 nightjar run "${night[@]}" --store half --workers 2 --shard-users 8 --resume --precision int8
rows_are half

# A worker without the class; one that serves all of its CPU's does the night.
make_keys server worker
cp worker.key.pub allowed
start_coordinator coordinator "tcp://127.0.0.1:*" remote --precision int8
where=$(endpoint coordinator)
connect=(--connect "$where" --server-key server.key.pub --key worker.key --cache cache)
start floats nightjar-worker "${connect[@]}" --kernels ref
expect_end floats 78
expect_said floats 'the plan.s numeric class is "int8", the worker runs "exact"'
expect_not_said coordinator "joins"
start able nightjar-worker "${connect[@]}"
expect_end coordinator 0
expect_end able 0
rows_are remote

# What does not fit is refused before anything is read.
expect_exit 2 nightjar run "${night[@]}" --store none --precision int8 --kernels ref
expect_said last 'kernels "ref" are of precision float32, but --precision is int8'
expect_exit 2 nightjar run "${night[@]}" --store none --precision float32 --numeric-class int8
expect_said last '"int8" is of precision int8, but --precision is float32'
expect_exit 2 nightjar decode "${night[@]}" --precision int4
expect_said last 'known are float32, int8, bf16'
[[ ! -e none ]] || fail "a refused night made its store"
