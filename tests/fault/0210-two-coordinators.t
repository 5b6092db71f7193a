# Two coordinators of one store: a plain start is refused with 75; --resume takes the night over, and the former one writes nothing
# more and ends with 75. One generation is published, with the same bytes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 500
make_keys server worker
cp worker.key.pub allowed
start_coordinator first "tcp://127.0.0.1:*" store
start_worker one "$(endpoint first)"
await_committed store 4
expect_exit 75 nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" "${shards[@]}" --store store
expect_said last "holds a night that runs or was interrupted"
alive first || fail "a refused start has ended the night"

start_coordinator second "tcp://127.0.0.1:*" store --resume
start_worker two "$(endpoint second)"
expect_end first 75
expect_said first "epoch 2 was opened by process ${pid[second]}"
expect_end one 75 # its coordinator has stopped
expect_end second 0
expect_end two 0
[[ $(json_of second.out resumed_shards) -ge 4 ]] || fail "the second has not resumed the first's shards"
expect_rows store
expect_generations store 1

# Two that begin at the same instant: one of them has the night.
for round in 1 2 3; do
    rm -rf store
    start a nightjar run "${night[@]}" --store store --workers 1
    start b nightjar run "${night[@]}" --store store --workers 1
    await "both to end" ended a
    await "both to end" ended b
    code_a=0 code_b=0
    wait "${pid[a]}" || code_a=$?
    wait "${pid[b]}" || code_b=$?
    unset "pid[a]" "pid[b]"
    case "$code_a $code_b" in
        "0 75" | "75 0") expect_generations store 1 ;;
        "0 0") expect_generations store 2 ;; # the second began after the first had published
        *) fail "two nights at once ended with $code_a and $code_b" ;;
    esac
    expect_rows store
done
