# --pin keeps each process of a worker on one processor, and a list that cannot be is refused before anything starts.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
worker=(nightjar-worker --insecure --connect tcp://127.0.0.1:1 --cache cache --give-up-ms 60000)
allowed=$(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)))')
last=${allowed##* }

# The processors that PROCESS may use, as a list.
processors_of() { # PID
    sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$1/status"
}

# Starts a worker of two processes, waits until each has one processor (with "none": until both are there), and prints what they may use.
children_of_worker() { # PIN
    local pid child found
    "${worker[@]}" --procs 2 --pin "$1" 2>worker.err &
    pid=$!
    for _ in $(seq 100); do
        found=$(for child in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do processors_of "$child"; done | sort -n | tr '\n' ' ')
        [[ $(wc -w <<<"$found") -lt 2 || ($1 != none && $found == *[-,]*) ]] || break
        sleep 0.02
    done
    kill "$pid"
    wait "$pid" || true
    echo "$found"
}

expect_exit 2 '--pin is "all", must be auto, none, or processors such as 0-3,8' -- "${worker[@]}" --pin all
expect_exit 2 '--pin is "1,1", must be' -- "${worker[@]}" --pin 1,1
expect_exit 2 '--pin names 1 processors for 2 processes' -- "${worker[@]}" --procs 2 --pin "$last"
expect_exit 2 '--pin names 2 processors for 3 processes' -- nightjar run --bundle b.njb --users users.txt --store store --workers 3 --pin 0,1
expect_absent store
expect_exit 78 'cannot run on processor 4095' -- "${worker[@]}" --pin 4095
expect_exit 0 '' -- nightjar run --bundle b.njb --users users.txt --store store --workers 1 --pin "$last"

if [[ $allowed == "$last" ]]; then
    skip "this machine has one processor"
else
    two=${allowed%% *},$last
    check "a list: each process has its own" test "$(children_of_worker "$two")" = "${two/,/ } "
    check "auto: no two processes have the same" test "$(children_of_worker auto | wc -w)" -eq 2
    many=$(children_of_worker none)
    check "none: they run anywhere" test "${many%% *}" = "$(processors_of self)"
fi
done_testing
