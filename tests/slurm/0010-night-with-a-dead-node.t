# A night on Slurm. One worker's node loses its power in the middle, another worker is asked to drain, and then the coordinator's
# node dies too: the jobs come back, the night goes on, and what is published is what `nightjar run` publishes.
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
grep -q NJ_FAILPOINT "$bin/nightjar-worker" || skip "the programs are built without -DNIGHTJAR_FAILPOINTS=ON"

start_cluster 4
make_night 300
nightjar run "${night[@]}" --store local --workers 2 >/dev/null 2>>setup.log
nightjar store export --store local --to jsonl >local.jsonl

cat >night.conf <<END
bundle=$work/night.njb
users=$work/users.txt
store=$work/store
folder=$work/nights
bin=$bin
workers=3
cpus=2
coordinator_sbatch=(--nodelist=n1 --time=10)
worker_sbatch=(--exclude=n1 --exclusive --time=10)
night_options=(${settings[*]} ${shards[*]})
worker_options=(${slow[*]})
drain_seconds=15
END
NJ_FAILPOINT=compute.user=slow:100 start front "$source_dir/ops/slurm/night" --wait night.conf # a shard takes 0.8 s
is_submitted() { compgen -G "nights/*/coordinator.job" >/dev/null; }
await "both jobs to be submitted" is_submitted
folder=$(echo nights/*)
coordinator=$(<"$folder/coordinator.job")
workers=$(<"$folder/workers.job")
[[ $(stat -c %a "$folder") -eq 700 ]] || fail "$folder has mode $(stat -c %a "$folder")"
await_committed store 6

# The power of a worker's node fails, and another task is asked to end: it finishes its users, and is requeued.
lost=$(squeue --noheader --jobs="${workers}_0" --format=%N)
kill_node "$lost"
scancel --batch --signal=TERM "${workers}_1"
drains() { grep -q 'asked to end: finishing' "$folder/worker-1.log"; }
is_requeued() { grep -q 'exit 143: requeued' "$folder/worker-1.log"; }
await "worker 1 to drain" drains
await "worker 1 to be requeued" is_requeued
! grep -q 'at once$' <(grep -v 'second signal' "$folder/worker-1.log") || fail "worker 1 was ended at once"
expect_middle store

# A worker more, by hand, as the handbook says.
extra=$(NJ_FAILPOINT=compute.user=slow:100 sbatch --parsable --exclude=n1 --ntasks=1 --cpus-per-task=2 --output=extra.log \
    "$source_dir/ops/slurm/job" worker "$work/$folder" "$coordinator")

# The coordinator's node loses its power too. Somebody tells Slurm at once; the node comes back, with the store on its disk.
before=$(committed store)
kill_node n1
scontrol update NodeName=n1 State=DOWN Reason=power
await_state "$coordinator" PENDING
start_node n1
scontrol update NodeName=n1 State=RESUME
start_node "$lost"

expect_end front 0
[[ $(<"$folder/end") -eq 0 ]] || fail "the night ended with $(<"$folder/end")"
nightjar store verify --store store >verify.out 2>verify.log || fail "the store is not what its manifest says"
expect_rows store local.jsonl
expect_generations store 1
grep -q "resumed: [1-9]" "$folder/coordinator.log" || fail "the coordinator did not resume ($before shards were committed)"
await_state "$coordinator" COMPLETED
await_state "$extra" COMPLETED
[[ ! -e $folder/server.key && ! -e $folder/worker.key && ! -e $folder/address ]] || fail "keys or address outlive the night"

# Nothing is left to do: no task waits, and one that comes back says so. A launch that was lost with its node is noticed by Slurm after
# minutes only: what it still calls running then is cancelled.
is_queue_empty() { [[ -z $(squeue --noheader) ]]; }
is_nothing_pending() { [[ -z $(squeue --noheader --states=PENDING) ]]; }
await "no task to wait any more" is_nothing_pending
for ((tries = 0; tries < 100; tries++)); do
    ! is_queue_empty || exit 0
    sleep 0.1
done
scancel --quiet "$(squeue --noheader --format=%F | head -n 1)"
await "the queue to be empty" is_queue_empty
