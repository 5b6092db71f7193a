# Fitting and assigning on workers: the same bytes with none, one, two and three of them, with workers that are killed, and with those
# of another address; embeddings are not copied on their own host, and travel once to another cache.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

python3 "$source_dir/tests/integration/items.py" e.npy 12000 256
python3 "$source_dir/tests/integration/items.py" bad.npy 12000 256 9001
fit=(nightjar catalogue fit --levels 2 --codes 32 --iterations 3 --tolerance 0 --collisions leaves --quiet)
assign=(nightjar catalogue assign --codebooks fit-0 --collisions leaves)
# In this process.
expect_exit 0 "${fit[@]}" --embeddings e.npy --threads 1 --out fit-0
expect_exit 0 "${assign[@]}" --embeddings e.npy --threads 2 --out assign-0
expect_same() { # CATALOGUE CATALOGUE
    diff -r "$1" "$2" >&2 || fail "$2 has other bytes than $1"
}

for workers in 1 2 3; do
    expect_exit 0 "${fit[@]}" --embeddings e.npy --workers $workers --cache cache --out fit-$workers
    expect_same fit-0 fit-$workers
    expect_said last "items: [0-9]+ rounds, "
    expect_not_said last "fetching|(warning|error):"
    expect_exit 0 "${assign[@]}" --embeddings e.npy --workers $workers --cache cache --out assign-$workers
    expect_same assign-0 assign-$workers
    expect_not_said last "fetching|(warning|error):"
done
[[ -L $(find cache -lname "$work/e.npy") ]] || fail "the cache has no link to the embeddings"
[[ -z $(find cache -type f -size +1k) ]] || fail "the cache has a copy: $(find cache -type f -size +1k)"

# Workers are killed again and again while a longer fit runs; others take their places.
long=(nightjar catalogue fit --levels 2 --codes 32 --iterations 100 --tolerance 0 --collisions leaves --quiet --embeddings e.npy)
expect_exit 0 "${long[@]}" --threads 1 --out long-0
start killed "${long[@]}" --workers 2 --cache cache --lease-ms 1000 --out killed
kills=0
while alive killed && [[ $kills -lt 6 ]]; do
    sleep 0.15
    victim=$(worker_of killed $((kills % 2 + 1)))
    if [[ -n $victim ]] && kill -9 "$victim" 2>/dev/null; then
        kills=$((kills + 1))
    fi
done
expect_end killed 0
[[ $kills -ge 1 ]] || fail "no worker was killed"
expect_said killed "starting another"
expect_same long-0 killed

# A refresh and a refit: other embeddings of the old items, which drift, and 600 new ones. What is said of it is the same everywhere, too.
seq 600 12599 >tonight.txt
refresh=(nightjar catalogue refresh --from fit-0 --ids tonight.txt --embeddings e.npy --collisions leaves --json)
for kind in "" --refit; do
    expect_exit 0 "${refresh[@]}" $kind --iterations 3 --threads 3 --out "fresh$kind"
    mv last.out "fresh$kind.json"
    expect_exit 0 "${refresh[@]}" $kind --iterations 3 --workers 2 --cache cache --out "workers$kind"
    cmp last.out "fresh$kind.json" >&2 || fail "workers say another thing of a refresh"
    expect_same "fresh$kind" "workers$kind"
    expect_said last "items: [0-9]+ rounds, "
done
python3 -c 'import json; d = json.load(open("fresh.json"))["drift"]; assert d["items"] == 11400 and d["moved"] > 9000, d'
expect_exit 0 "${refresh[@]}" --no-drift --threads 1 --out undrifted
expect_same fresh undrifted
refresh=("${refresh[@]/e.npy/bad.npy}")
for place in "--workers 2 --cache cache" "--threads 1 --no-drift"; do
    expect_exit 65 "${refresh[@]}" $place --out none
    expect_said last "bad.npy: .*row 9001, column 1"
done
# A fit whose rounds are all short ends when it is asked to.
start stopped nightjar catalogue fit --levels 4 --codes 32 --iterations 1000 --tolerance 0 --collisions leaves --quiet \
    --embeddings e.npy --workers 2 --cache cache --out stopped
await_said stopped "joins, 2 workers"
sleep 0.3 # the first rounds, in which workers fetch and join, are long
kill -TERM "${pid[stopped]}"
expect_end stopped 143
[[ ! -e stopped ]] || fail "a stopped fit has written a catalogue"

# A row that is refused: the same message everywhere, and nothing is written.
expect_exit 65 "${assign[@]}" --embeddings bad.npy --threads 1 --out none
expect_said last "bad.npy: .*row 9001, column 1"
expect_exit 65 "${assign[@]}" --embeddings bad.npy --workers 2 --cache cache --out none
expect_said last "bad.npy: .*row 9001, column 1"
[[ ! -e none ]] || fail "a catalogue was written in spite of a bad row"

# Workers elsewhere: they know an address and a key, fetch the embeddings once, and keep them.
make_keys server worker
cp worker.key.pub allowed
for turn in first again; do
    start $turn "${assign[@]}" --embeddings e.npy --bind "tcp://127.0.0.1:*" --key server.key --allowed allowed --out remote-$turn
    where=$(endpoint $turn)
    # One of them: a second one may come when the few shards are done.
    start "one-$turn" nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key --cache far-cache
    expect_end $turn 0
    expect_end one-$turn 0
    expect_same assign-0 remote-$turn
done
expect_said one-first "fetching .*rows"
expect_not_said one-again "fetching"

# Options that do not go together.
expect_exit 2 "${assign[@]}" --embeddings e.npy --bind "tcp://127.0.0.1:*" --workers 2 --insecure --out none
expect_said last "does not go with --workers"
expect_exit 2 "${assign[@]}" --embeddings e.npy --bind "tcp://127.0.0.1:*" --out none
expect_said last "wants --key and --allowed"
expect_exit 2 "${assign[@]}" --embeddings e.npy --allowed allowed --out none
expect_said last "goes with --bind"
