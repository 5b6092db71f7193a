# Embedding on workers: the same vectors with none, one and two of them, with a worker that is killed, and with one of another
# address; a changed title is computed alone.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

model=$source_dir/tests/data/sentence-encoder
python3 - <<'P'
words = "red nail polish hair brush shampoo cream soap oil set".split()
with open("items.tsv", "w") as out:
    print("item_id\ttitle", file=out)
    for i in range(3000):
        print(i, " ".join(words[(i * 7 + j * (1 + i // 1000)) % 10] for j in range(1 + i % 9)), sep="\t", file=out)
P
embed=(nightjar embed --model "$model" --items items.tsv --quiet)
expect_exit 0 "${embed[@]}" --threads 1 --out E.npy --keys-out K.npy
expect_exit 0 "${embed[@]}" --threads 3 --out threads.npy
cmp E.npy threads.npy >&2 || fail "three threads give other vectors"
for workers in 1 2; do
    expect_exit 0 "${embed[@]}" --workers $workers --cache cache --out workers.npy
    cmp E.npy workers.npy >&2 || fail "$workers workers give other vectors"
    expect_said last "items: 1 rounds, 47 shards"
done

# One title changes: its row alone is computed, wherever.
sed '2s/.*/0\tshampoo oil oil oil nail/' items.tsv >later.tsv
expect_exit 0 "${embed[@]}" --threads 1 --items later.tsv --out later.npy
expect_exit 0 "${embed[@]}" --workers 1 --cache cache --items later.tsv --from E.npy --from-keys K.npy --json --out changed.npy
cmp later.npy changed.npy >&2 || fail "rows that were kept differ from rows computed"
python3 -c 'import json; r = json.load(open("last.out")); assert (r["computed"], r["kept"]) == (1, 2999), r'
expect_exit 0 "${embed[@]}" --workers 1 --cache cache --from E.npy --from-keys K.npy --out same.npy
cmp E.npy same.npy >&2 || fail "nothing to compute, and other vectors"

# A worker dies at work: another computes its shard.
python3 -c 'import sys; lines = open("items.tsv").readlines()[1:]; print("item_id\ttitle"); [print(f"{k}-{l}", end="") for k in range(12) for l in lines]' >many.tsv
expect_exit 0 "${embed[@]}" --items many.tsv --threads 2 --out many.npy
start killed "${embed[@]}" --items many.tsv --workers 2 --cache cache --lease-ms 1000 --out killed.npy
await_said killed "joins, 2 workers"
kill -9 "$(worker_of killed 1)"
expect_end killed 0
expect_said killed "starting another"
cmp many.npy killed.npy >&2 || fail "a killed worker left other vectors"

# A worker elsewhere, which is told to compute nights in another class: rounds over items are computed exactly all the same.
make_keys server worker
cp worker.key.pub allowed
start far "${embed[@]}" --bind "tcp://127.0.0.1:*" --key server.key --allowed allowed --out far.npy
where=$(endpoint far)
start one nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key --cache far-cache --kernels int8-ref
expect_end far 0
expect_end one 0
cmp E.npy far.npy >&2 || fail "a worker elsewhere gives other vectors"

expect_exit 2 "${embed[@]}" --workers 1 --kernels int8-ref --out none.npy
expect_said last 'class "int8", workers embed in "exact"'

# Words alone are not computed on workers.
expect_exit 2 nightjar embed --items items.tsv --out none --workers 2
expect_said last "workers needs --model"
