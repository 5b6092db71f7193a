# The plan fixes a numeric class. A worker that cannot run it is refused with what both sides say and exit 78; where all workers have
# it, another class than exact works, and its scores are close.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 200
make_keys server worker
cp worker.key.pub allowed
start_coordinator coordinator "tcp://127.0.0.1:*" store
where=$(endpoint coordinator)
start blas nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key --cache cache --kernels openblas
expect_end blas 78
expect_said blas 'the plan.s numeric class is "exact", the worker runs "openblas-'
expect_not_said coordinator "joins"
class=$(sed -n 's/.*the worker runs "\(openblas-[^"]*\)".*/\1/p' blas.log)
start able nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key --cache cache
expect_end coordinator 0
expect_end able 0
expect_rows store
expect_exit 2 nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key --kernels abacus

# A whole night in that class: that of the kernels that are asked for. `run` ends with the worker's exit code when the classes do not fit.
expect_exit 0 nightjar run "${night[@]}" --store blas-store --workers 2 --kernels openblas --json
nightjar store stat --store blas-store 2>/dev/null | grep -q "^numeric class  $class\$" || fail "the generation does not say its class"
nightjar store export --store blas-store --to jsonl >blas.jsonl 2>/dev/null
python3 - expected.jsonl blas.jsonl <<'P'
import json, sys
exact, other = ([json.loads(line) for line in open(name)] for name in sys.argv[1:3])
assert len(exact) == len(other) == 200
worst = 0.0
for a, b in zip(exact, other):
    assert a["user"] == b["user"] and len(a["items"]) == len(b["items"]), (a, b)
    scores = dict(zip(a["items"], a["scores"]))
    for place, (item, score) in enumerate(zip(b["items"], b["scores"])):
        worst = max(worst, abs(a["scores"][place] - score), abs(scores.get(item, score) - score))
assert worst <= 1e-4, f"scores differ by {worst}"
P
expect_exit 78 nightjar run "${night[@]}" --store none --workers 1 --numeric-class openblas-Abacus
expect_said last 'the plan.s numeric class is "openblas-Abacus"'
