# lib.sh - what the integration tests share: one temporary folder, real processes on loopback, and waits that end.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#   make_night 400                       cat/ night.njb users.txt expected.jsonl in $work, which is where a test runs
#   start one nightjar run ...           in the background: one.out, one.log, ${pid[one]}
#   await_committed store 5              until 5 shards are in the staging area
#   kill -9 "${pid[one]}"
#   expect_end one 137                   waits for it, and compares its exit code
#
# $NIGHTJAR_BIN is the folder of the programs. A test ends with exit 0, or with the reason and the logs of everything that it
# started. What is still running then is killed, by its process id.
set -Eeuo pipefail
trap 'echo "FAILED: ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR
export LC_ALL=C TZ=UTC
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${NIGHTJAR_BIN:?the folder of nightjar, nightjar-coordinator and nightjar-worker}"
bin=$(cd "$NIGHTJAR_BIN" && pwd)
PATH=$bin:$PATH
for name in $(compgen -e NIGHTJAR_ || true); do # a setting of the caller must not reach the programs
    unset "$name"
done

export NIGHTJAR_NO_PAIRING_CHECK=true # most tests pack a model with SIDs for their form, and have a hundred bundles to pack
WAIT_S=60 # no wait is longer
data=$source_dir/ops/demo-data
work=$(mktemp -d)
work=$(cd "$work" && pwd -P) # as the kernel calls it
cd "$work"
export HOME=$work TMPDIR=$work/tmp # the default section cache and whatever a program leaves behind
mkdir tmp
declare -A pid=()
trap 'end_test $?' EXIT

# What tests of one machine compute slowly: the reference kernels without any saving, small batches, small shards. Leases are short so that
# losing one takes a second, not fifteen.
settings=(--beam 20 --top 10)
slow=(--kernels ref --batch 4 --without token-tables,prefix-tables,last-step,same-history)
shards=(--shard-users 8 --lease-ms 2000)

end_test() { # EXIT CODE
    local name log code=$1
    for name in "${!pid[@]}"; do
        stop_tree "${pid[$name]}"
    done
    if grep -Es 'ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:' -- *.log >&2; then
        code=1
    fi
    if [[ $code -ne 0 && $code -ne 77 ]]; then # 77: skipped
        for log in *.log; do
            [[ -e $log ]] || continue
            echo "---- $log" >&2
            tail -n 40 "$log" >&2
        done
    fi
    cd /
    if has_mounts; then
        echo "FAILED: something is still mounted in $work: it is left as it is" >&2
        exit 1
    fi
    rm -rf --one-file-system "$work" 2>/dev/null || { # a worker that lost its coordinator may still be writing
        sleep 1
        rm -rf --one-file-system "$work"
    }
    exit "$code"
}

# Whether anything is mounted in the test's folder. What is bound there may be the host's, and is not ours to empty.
has_mounts() {
    local mounts
    mounts=$(</proc/self/mountinfo) && [[ ${mounts//\\040/ } == *" $work/"* ]]
}

# Ends a process of ours and its children, which are ours too.
stop_tree() { # PID
    local child
    for child in $(children "$1"); do
        kill -9 "$child" 2>/dev/null || true
    done
    kill -9 "$1" 2>/dev/null || true
}

children() { # PID
    tr -s ' ' '\n' 2>/dev/null <"/proc/$1/task/$1/children" || true
}

# The process id of the n-th worker of a `nightjar run`.
worker_of() { # NAME N
    children "${pid[$1]}" | sed -n "$2p"
}

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# ---- the night's inputs ----

# Catalogue, bundle, the first COUNT users, and what `decode` says of them, in the store's key order.
make_night() { # COUNT
    nightjar catalogue import --sids "$data/sids.npy" --codes-per-level 16 --token-base 2 --ids "$data/items.txt" \
        --out cat >setup.out 2>setup.log
    nightjar bundle pack --model "$data/model" --catalogue cat --histories "$data/histories.txt" --out night.njb \
        >>setup.out 2>>setup.log
    head -n "$1" "$data/histories.txt" >users.txt
    night=(--bundle night.njb --users users.txt "${settings[@]}")
    expected_rows users.txt >expected.jsonl
}

# Ids of the demo are text, so key order is the order of their bytes, and of the lines.
expected_rows() { # USERS
    nightjar decode --bundle night.njb --users "$1" "${settings[@]}" 2>>setup.log | sort
}

# ---- processes ----

start() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$name.out" 2>>"$name.log" &
    pid[$name]=$!
}

alive() { # NAME: neither gone nor a zombie
    local stat
    read -r stat 2>/dev/null <"/proc/${pid[$1]}/stat" && [[ $stat != *") Z "* ]]
}

ended() { # NAME
    ! alive "$1"
}

await() { # WHAT COMMAND...
    local what=$1 deadline=$((SECONDS + WAIT_S))
    shift
    until "$@"; do
        [[ $SECONDS -lt $deadline ]] || fail "waited $WAIT_S s for: $what"
        sleep 0.03
    done
}

expect_end() { # NAME EXIT CODE
    local code=0
    await "$1 to end" ended "$1"
    wait "${pid[$1]}" || code=$?
    unset "pid[$1]"
    [[ $code -eq $2 ]] || fail "$1 ended with exit $code, should be $2"
}

expect_exit() { # EXIT CODE COMMAND...: its output is in last.out and last.log
    local code=0 wanted=$1
    shift
    timeout $WAIT_S "$@" >last.out 2>last.log || code=$?
    [[ $code -eq $wanted ]] || fail "exit $code, should be $wanted: $*"
}

is_sanitized() {
    grep -Eq '__(a|t)san_init' "$bin/nightjar-worker"
}

# ---- looking ----

said() { # NAME PATTERN
    grep -Eq -- "$2" "$1.log" 2>/dev/null
}

await_said() { # NAME PATTERN
    await "$1 to say \"$2\"" said "$1" "$2"
}

expect_said() { # NAME PATTERN
    said "$1" "$2" || fail "$1 does not say \"$2\""
}

expect_not_said() { # NAME PATTERN
    ! said "$1" "$2" || fail "$1 says: $(grep -E -m1 -- "$2" "$1.log")"
}

count_said() { # NAME PATTERN
    grep -Ec -- "$2" "$1.log" || true
}

committed() { # STORE
    count_shards "$1" 2>/dev/null || echo 0
}

has_committed() { # STORE COUNT
    [[ $(committed "$1") -ge $2 ]]
}

await_committed() { # STORE COUNT
    await "$2 committed shards in $1" has_committed "$1" "$2"
}

# The middle of a night: something is committed, and something is not.
expect_middle() { # STORE
    [[ -d $1/staging ]] || fail "the night of $1 was over before its middle: it needs more users"
}

json_of() { # FILE KEY
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"
}

expect_json() { # FILE KEY VALUE
    local found
    found=$(json_of "$1" "$2")
    [[ $found == "$3" ]] || fail "$1: $2 is $found, should be $3"
}

# The published rows are exactly those of `decode`: every line, in key order, nobody twice.
expect_rows() { # STORE [EXPECTED]
    nightjar store export --store "$1" --to jsonl >export.jsonl 2>export.log || fail "$1 cannot be exported"
    cmp export.jsonl "${2:-expected.jsonl}" >&2 || fail "$1 has other rows than ${2:-expected.jsonl}"
    [[ ! -e $1/staging ]] || fail "$1 still has a staging area"
}

# An export without what tells a copy from its original.
lists() { # FILE
    sed -E 's/, "age": [0-9]+//; s/, "copied"\]/]/; s/, "flags": \["copied"\]//' "$1"
}

generations() { # STORE
    find "$1" -maxdepth 1 -name 'gen-*' | wc -l
}

expect_generations() { # STORE COUNT
    local found
    found=$(generations "$1")
    [[ $found -eq $2 ]] || fail "$1 has $found generations, should be $2"
}

# ---- coordinator and workers apart ----

make_keys() { # NAME...
    local name
    for name in "$@"; do
        nightjar keys --out "$name.key" >/dev/null 2>>setup.log
    done
}

# Where a coordinator listens, from its log; a new one under the same name is asked again.
endpoint() { # NAME
    await_said "$1" "listening on tcp"
    sed -n 's/.*listening on \(tcp[^ ]*\).*/\1/p' "$1.log" | tail -n 1
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_coordinator() { # NAME ENDPOINT STORE OPTION...
    local name=$1 where=$2 store=$3
    shift 3
    start "$name" nightjar-coordinator --bind "$where" --key server.key --workers allowed "${night[@]}" "${shards[@]}" \
        --store "$store" --json "$@"
}

start_worker() { # NAME ENDPOINT OPTION...
    local name=$1 where=$2
    shift 2
    start "$name" nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key "${slow[@]}" --cache cache "$@"
}

# ---- the whole night: from embeddings to the store ----

# books.npy, cat/ with codebooks and the demo's SIDs, users.txt, and the items of two nights: emb1.npy ids1.txt are the demo's, emb2.npy
# ids2.txt lack 28 of them (5 %) and have 28 new ones. whole: the command without items and store.
make_whole_night() { # USERS
    local script=$source_dir/tests/integration/whole_night.py
    python3 "$script" books books.npy
    python3 "$script" items emb1.npy ids1.txt 0 0
    python3 "$script" items emb2.npy ids2.txt 28 28
    nightjar catalogue assign --embeddings emb1.npy --ids ids1.txt --codebooks books.npy --no-suffix --out cat >setup.out 2>setup.log
    python3 "$script" items corner.npy corner.txt 28 28 corner
    head -n "$1" "$data/histories.txt" >users.txt
    whole=(nightjar run --catalogue cat --model "$data/model" --users users.txt "${settings[@]}" --workers 2)
}

# The same night by hand: a refreshed catalogue cat.NAME, a bundle, and what `decode` says of the users, in NAME.jsonl.
make_expected() { # NAME FROM EMBEDDINGS IDS
    nightjar catalogue refresh --from "$2" --embeddings "$3" --ids "$4" --out "cat.$1" >>setup.out 2>>setup.log
    nightjar bundle pack --model "$data/model" --catalogue "cat.$1" --out night.njb >>setup.out 2>>setup.log
    expected_rows users.txt >"$1.jsonl"
}
