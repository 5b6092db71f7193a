# lib.sh - what the fault tests share beyond tests/integration/lib.sh, which this file brings along.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#   need_failpoints                                  skips when the programs have none
#   make_fleet 60                                    make_night, keys, and slow workers' settings
#   NJ_FAILPOINT=commit.put=kill start_coordinator one "tcp://127.0.0.1:*" store
#   expect_end one 137
#   start_night two store --resume                   a coordinator and a worker, awaited to the end: exit 0
#   expect_whole store                               the invariant
#
# One file a fault, numbers by what fails: 01xx processes killed, 02xx processes that hang or lie, 03xx users, clocks and limits,
# 04xx signals and surroundings, 05xx and 06xx disks, 07xx and 08xx networks and peers.
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"
unset NJ_FAILPOINT

# ---- what a machine may lack: said in one line, exit 77 ----

skip() { # WHY
    echo "SKIPPED: ${0##*/}: $*"
    exit 77
}

need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null || skip "$1 is missing (Debian package $2)"
}

need_failpoints() {
    grep -qaP "NJ_FAILPOINT\x00" "$bin/nightjar-worker" || skip "the programs are built without -DNIGHTJAR_FAILPOINTS=ON"
}

# Names of the points of one program and, where it is given, of one kind.
failpoints() { # PROGRAM [KIND]
    sed -n "s/^NJ_FAILPOINT([A-Z_]*, *\"\([a-z.]*\)\", *$1, *${2:-[A-Z]*},.*/\1/p" "$source_dir/schemas/failpoint.def"
}

# ---- nights ----

# A night of COUNT users with a coordinator and workers apart.
make_fleet() { # COUNT
    make_night "$1"
    make_keys server worker
    cp worker.key.pub allowed
}

# Finishes (or begins) a night whose earlier processes are gone.
finish_night() { # NAME STORE OPTION...
    local name=$1 store=$2
    shift 2
    start_coordinator "$name" "tcp://127.0.0.1:*" "$store" --resume "$@"
    start nurse nightjar-worker --connect "$(endpoint "$name")" --server-key server.key.pub --key worker.key --cache cache
    expect_end "$name" 0
    reap nurse
}

# A middleman (middleman.c) in front of a coordinator: workers of start_worker go to its endpoint.
start_middleman() { # NAME COORDINATOR MODE [SEED]
    local where
    where=$(endpoint "$2")
    start "$1" middleman "tcp://127.0.0.1:*" "$where" "$3" "${4:-1}"
}

# Ends a process of ours, however it would have ended.
reap() { # NAME
    stop_tree "${pid[$1]}"
    wait "${pid[$1]}" 2>/dev/null || true
    unset "pid[$1]"
}

# Waits until a process is stopped by SIGSTOP.
is_stopped() { # NAME
    local stat
    read -r stat 2>/dev/null <"/proc/${pid[$1]}/stat" && [[ $stat == *") T "* ]]
}

await_stopped() { # NAME
    await "$1 to stop" is_stopped "$1"
}

# ---- the invariant ----

# Every user has exactly the row that `decode` gives; CURRENT names a generation that verifies; nothing half-made lies about.
expect_whole() { # STORE [EXPECTED]
    expect_rows "$1" "${2:-expected.jsonl}"
    expect_valid "$1"
    [[ -z $(find "$1" -maxdepth 1 -name '.draft-*' -o -name '*.tmp.*') ]] || fail "$1 has leftovers: $(ls -A "$1")"
}

# CURRENT is absent, or names a generation that verifies. True at every instant of every night.
expect_valid() { # STORE
    [[ ! -e $1/CURRENT ]] || nightjar store verify --store "$1" >verify.out 2>&1 || fail "CURRENT of $1 is not valid: $(cat verify.out)"
}

# Everybody but the named users has the row of `decode`; these have none. (Demo ids need no quoting.)
expect_whole_without() { # STORE USER...
    local store=$1 user
    shift
    cp expected.jsonl remaining.jsonl
    for user in "$@"; do
        grep -vF "{\"user\": \"$user\"," remaining.jsonl >fewer.jsonl
        mv fewer.jsonl remaining.jsonl
    done
    [[ $(wc -l <remaining.jsonl) -eq $(($(wc -l <expected.jsonl) - $#)) ]] || fail "not everybody of $* is among the users"
    expect_whole "$store" remaining.jsonl
}

# A summary names exactly these users as quarantined.
expect_quarantined() { # SUMMARY USER...
    local found summary=$1
    shift
    found=$(python3 -c 'import json, sys; print(*sorted(q["user"] for q in json.load(open(sys.argv[1]))["quarantined_users"]))' "$summary")
    [[ $found == "$(printf '%s\n' "$@" | sort | paste -sd ' ')" ]] || fail "$summary: quarantined are \"$found\", should be \"$*\""
}

user_at() { # LINE
    sed -n "$1s/ .*//p" users.txt
}

# Names of the generation's own list of users without a row.
expect_listed() { # STORE USER...
    local store=$1 user
    shift
    for user in "$@"; do
        grep -q "\"$user\"" "$store/$(cat "$store/CURRENT")/QUARANTINED.jsonl" || fail "the generation of $store does not name $user"
    done
}
