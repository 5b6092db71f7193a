# Rounds over items among failing workers: killed in the middle of a shard, flipped bytes, digests, epochs and attempts that are not
# theirs, messages doubled and out of order, and a worker that hangs. The catalogue has the same bytes every time.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need_failpoints

python3 "$source_dir/tests/integration/items.py" e.npy 12000 256
make_keys server worker
cp worker.key.pub allowed
fit=(nightjar catalogue fit --levels 1 --codes 32 --iterations 3 --tolerance 0 --collisions leaves --quiet --embeddings e.npy)
expect_exit 0 "${fit[@]}" --threads 1 --out right

expect_right() { # CATALOGUE
    diff -r right "$1" >&2 || fail "$1 has other bytes"
}

# Every worker dies at its second shard, once with the answer in hand.
for point in compute.begun result.due; do
    start $point env NJ_FAILPOINT=$point=kill@2 "${fit[@]}" --workers 2 --cache cache --lease-ms 1000 --out $point
    expect_end $point 0
    expect_said $point "starting another"
    expect_right $point
done

# A worker whose computation hangs ends itself, and another takes its place. One at a time: two that hang over the same shard end the round.
start hung env NJ_FAILPOINT=compute.begun=spin@6 "${fit[@]}" --workers 1 --cache cache --lease-ms 1000 --out hung
expect_end hung 0
expect_said hung "makes no progress"
expect_right hung

start_fit() { # NAME
    start "$1" "${fit[@]}" --bind "tcp://127.0.0.1:*" --key server.key --allowed allowed --lease-ms 2000 --out "fit-$1"
}

start_plain() { # NAME ENDPOINT
    start "$1" nightjar-worker --connect "$2" --server-key server.key.pub --key worker.key --cache cache
}

for lie in flip digest epoch attempt; do
    start_fit $lie
    start_middleman "liar-$lie" $lie $lie 3
    start_plain "lied-$lie" "$(endpoint "liar-$lie")"
    await_said "liar-$lie" "lie 1: $lie about shard"
    start_plain "honest-$lie" "$(endpoint $lie)"
    expect_end $lie 0
    reap "lied-$lie"
    reap "liar-$lie"
    expect_right "fit-$lie"
done
expect_said flip "do not have the digest"
expect_said digest "do not have the digest"

# Everything twice, some of it late: the WELCOME of a plan, READY of the one before, answers.
start_fit double
start_middleman both double double 3
start_plain doubled "$(endpoint both)"
expect_end double 0
reap both
expect_right fit-double
