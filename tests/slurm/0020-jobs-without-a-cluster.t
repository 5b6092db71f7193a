# ops/slurm/night and ops/slurm/job with programs in Slurm's place that only write down what they are told: what is submitted, what an
# exit code leads to, and what is refused.
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"

mkdir fake nights
PATH=$work/fake:$PATH
fake() { # PROGRAM LINE...: says what it was called with, then does the lines
    printf '#!/bin/bash\necho "%s $*" >>"%s/calls"\n' "$1" "$work" >"fake/$1"
    printf '%s\n' "${@:2}" >>"fake/$1"
    chmod +x "fake/$1"
}
fake sbatch 'echo $((40 + $(grep -c ^sbatch '"$work"'/calls)))'
fake scancel
fake squeue "cat $work/state"
scontrol=('[[ $1 != show ]] || echo "NodeName=n1 Arch=x NodeAddr=127.0.0.1 NodeHostName=n1"' '[[ $1 != requeue ]] || kill -9 $PPID')
fake scontrol "${scontrol[@]}"
fake nightjar-coordinator "exit \$(<$work/code)"
fake nightjar-worker "exit \$(<$work/code)"
echo RUNNING >state

cat >night.conf <<END
bundle=/srv/b.njb users=/srv/u.txt store=$work/store folder=$work/nights
workers=3 cpus=2
coordinator_sbatch=(--nodelist=n1)
worker_sbatch=(--comment="two words")
night_options=(--beam 20)
END
front() {
    : >calls
    "$source_dir/ops/slurm/night" "$@" >last.out 2>last.log
}
expect_call() { # PATTERN
    grep -Eq -- "$1" calls || fail "no call like \"$1\": $(cat calls)"
}
expect_no_call() { # PATTERN
    ! grep -Eq -- "$1" calls || fail "a call like \"$1\": $(cat calls)"
}

# ---- the front ----

front --dry-run night.conf || fail "--dry-run"
[[ ! -s calls && -z $(ls nights) ]] || fail "--dry-run does something"
grep -q -- '--array=0-2 .*--cpus-per-task=2 .*--signal=B:TERM@90 .*two\\ words' last.out || fail "$(cat last.out)"
front night.conf || fail "$(cat last.log)"
night=$(echo nights/*)
expect_call "^sbatch .*--dependency=singleton --requeue .*--nodelist=n1 .*/job coordinator $work/$night"
expect_call "^sbatch .*--dependency=after:41 --array=0-2 --requeue .*/job worker $work/$night 41"
[[ $(cat "$night/workers.job") -eq 42 ]] || fail "the workers' job is $(cat "$night/workers.job")"
[[ $(stat -c %a "$night" "$night/server.key" "$night/worker.key" | tr '\n' ' ') == "700 600 600 " ]] || fail "modes"
cmp "$night/allowed" "$night/worker.key.pub"
! grep -F -f <(tail -n 1 "$night/server.key") calls || fail "a secret on a command line"

refuse() { # EXIT CODE MESSAGE LINE OF THE SETTINGS
    local code=0
    (cat night.conf && echo "$3") >bad.conf
    front bad.conf || code=$?
    [[ $code -eq $1 ]] || fail "exit $code, should be $1: $3"
    expect_said last "$2"
    expect_no_call "^sbatch"
}
refuse 78 'bundle is "b.njb", must be an absolute path' 'bundle=b.njb'
refuse 78 'store is "", must be' 'store='
refuse 78 'workers is "0", must be a whole number from 1 to 10000' 'workers=0'
refuse 78 'cpus is "a\[\$\(id\)\]", must be' "cpus='a[\$(id)]'"
refuse 78 'requeues_max is "1e3", must be' 'requeues_max=1e3'
refuse 78 'bad.conf: bash cannot read it' '('
refuse 78 'bad.conf: bash cannot read it' 'store=$NOWHERE/store'
refuse 78 'folder is .*: sbatch takes %' 'folder=/srv/100%a'
refuse 78 'cache is "here", must be an absolute path, or empty' 'cache=here'
refuse 78 'nowhere/nightjar is not there' 'bin=/nowhere'
echo 'echo other >&2' >fake/night.conf # the file named is read, not one of that name in PATH
front --dry-run night.conf || fail "$(cat last.log)"
expect_not_said last other
front none.conf && fail "no settings" || [[ $? -eq 78 ]] || fail "exit $?"
front && fail "no argument" || [[ $? -eq 2 ]] || fail "exit $?"

# Slurm takes the first job and not the second: the first is taken back.
fake sbatch '[[ $* != *--array* ]] || exit 1' 'echo 77'
front night.conf && fail "half a night" || [[ $? -eq 75 ]] || fail "exit $?"
expect_call "^scancel 77"

# ---- the jobs ----

fake sleep

job() { # EXIT CODE OF THE PROGRAM, EXIT CODE EXPECTED, ARGUMENT...: a signal's stands for "Slurm ended it, requeued"
    local found=0
    : >calls
    echo "$1" >code
    SLURM_JOB_ID=42 SLURMD_NODENAME=n1 bash "$source_dir/ops/slurm/job" "${@:3}" >last.out 2>last.log || found=$?
    [[ $found -eq $2 ]] || fail "exit $found, should be $2: job ${*:3} whose program ends with $1: $(cat last.log)"
}
task() { # the same for task 2 of job 42, whose plain number is the array's own
    SLURM_ARRAY_JOB_ID=42 SLURM_ARRAY_TASK_ID=2 job "$1" "$2" worker "$work/$night" 41
}

task 0 0
expect_call "^nightjar-worker --connect file:$work/$night/address --server-key .*--procs 2 .*--drain-ms 25000"
expect_no_call "requeue"
for code in 75 130 143; do
    task "$code" 137
    expect_call "^scontrol requeue 42_2$"
done
for code in 1 2 4 65 74 78 137; do
    task "$code" "$code"
    expect_no_call "requeue"
done

# A controller that is away for a moment: not taken for a cancelled job, and asked again.
fake squeue 'exit 1'
fake scontrol '[[ $1 == requeue && $(grep -c "^scontrol requeue" '"$work"'/calls) -eq 3 ]] && kill -9 $PPID' 'exit 1'
task 75 137
[[ $(grep -c '^scontrol requeue 42_2$' calls) -eq 3 ]] || fail "$(cat calls)"
fake squeue "cat $work/state"
fake scontrol "${scontrol[@]}"

SLURM_RESTART_COUNT=20 task 75 75
expect_said last "after 20 requeues"
echo COMPLETING >state
task 143 143
expect_no_call "requeue"
expect_said last "the job is cancelled"
: >state # the coordinator's job is not in the queue
task 75 0
expect_said last "the night is over: nothing to do"
expect_no_call "^nightjar-worker"
echo RUNNING >state

job 75 137 coordinator "$work/$night"
expect_call "^nightjar-coordinator --bind tcp://127.0.0.1:\* --ready-file .* --resume --json --beam 20"
expect_call "^scontrol requeue 42$"
[[ ! -e $night/end ]] || fail "a requeued night has ended"
echo RUNNING >state
mkdir store
echo gen-new >store/CURRENT # published, and killed before anybody heard of it
job 1 0 coordinator "$work/$night"
expect_said last "gen-new was published before"
expect_no_call "^nightjar-coordinator"
[[ $(<"$night/end") -eq 0 && ! -e $night/server.key && ! -e $night/worker.key ]] || fail "end or keys"
expect_call "^scancel --state=PENDING 42"
task 0 0
expect_no_call "^nightjar-worker"

rm "$night/end" "$night/before"
job 4 4 coordinator "$work/$night"
[[ $(<"$night/end") -eq 4 ]] || fail "end"
expect_call "^scancel 42"
rm "$night/end" "$night/before"
fake scontrol 'echo "NodeName=n1 NodeAddr=n1 NodeHostName=n1"'
fake getent 'echo "127.0.1.1 STREAM n1"'
job 0 78 coordinator "$work/$night"
expect_said last "n1 is 127.0.1.1 here, which no other node reaches: set address"
