# On a port without encryption everybody is a peer. Messages of frames without end, workers that never read, and peers that say nothing
# take a bounded amount of memory, and the night of the honest has the same bytes.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ATTACK_S=3
# What one connection may hold is 33 messages of the night's size and 8 MiB of the kernel's; four at a time, and what comes in between
# two looks of the guard.
GROWTH_KB_MAX=$((640 * 1024))

peak_kb() { # NAME
    sed -n 's/VmHWM: *\([0-9]*\).*/\1/p' "/proc/${pid[$1]}/status"
}

held_kb() { # NAME
    sed -n 's/VmRSS: *\([0-9]*\).*/\1/p' "/proc/${pid[$1]}/status"
}

attack() { # MODE COUNT
    python3 "$source_dir/tests/fault/attack.py" "${where#tcp://}" "$1" "$2" $ATTACK_S 2>&1 | tail -n 1 >&2
}

has_shrunk() {
    [[ $(held_kb open) -le $((before + 32 * 1024)) ]]
}

make_night 300
start open nightjar-coordinator --bind "tcp://127.0.0.1:*" --insecure "${night[@]}" "${shards[@]}" --lease-ms 20000 --store store --json
where=$(endpoint open)
before=$(peak_kb open)
attack multipart 4
is_sanitized || {
    growth=$(($(peak_kb open) - before))
    echo "memory grew by $growth KiB under messages without end" >&2
    [[ $growth -le $GROWTH_KB_MAX ]] || fail "memory grew by $growth KiB, the bound is $GROWTH_KB_MAX"
    await "the memory to be given back" has_shrunk
}
expect_said open "is ended after [0-9]+ bytes: no message comes of what it sends"
attack unread 4
attack mute 500
start honest nightjar-worker --connect "$where" --insecure "${slow[@]}" --cache cache
expect_end open 0
expect_end honest 0
expect_whole store
