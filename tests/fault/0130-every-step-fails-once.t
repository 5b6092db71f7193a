# Every step of schemas/failpoint.def fails once, as an I/O error would make it. The night goes on by itself, or ends with exit 74 and
# --resume goes on; it never publishes what is not whole. A commit that fails although its rows reached the disk doubles nobody.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_fleet 40 # 5 shards

coordinator_fails() { # POINT
    local code=0
    NJ_FAILPOINT=$1=fail@1 start_coordinator "$1" "tcp://127.0.0.1:*" "$1"
    await "$1 to be hit" said "$1" "listening on tcp|failpoint $1: fail"
    start worker nightjar-worker --connect "$(endpoint_of_living "$1")" --server-key server.key.pub --key worker.key --cache cache
    await "$1 to end" ended "$1"
    wait "${pid[$1]}" || code=$?
    unset "pid[$1]"
    reap worker
    expect_said "$1" "failpoint $1: fail"
    expect_valid "$1"
    case $code in
        0) [[ ! -e $1/staging ]] || fail "$1: exit 0 leaves a staging area" ;;
        74) expect_said "$1" "failpoint $1: fails on purpose|Input/output error" ;;
        *) fail "$1: the coordinator ended with exit $code" ;;
    esac
    [[ $code -eq 0 ]] || finish_night "$1-resumed" "$1"
    expect_whole "$1"
}

# The endpoint of a coordinator, and that of nobody where it ended before it had one.
endpoint_of_living() { # NAME
    said "$1" "listening on tcp" && endpoint "$1" || echo tcp://127.0.0.1:9
}

worker_fails() { # POINT
    local where
    start_coordinator "$1" "tcp://127.0.0.1:*" "$1"
    where=$(endpoint "$1")
    NJ_FAILPOINT=$1=fail@2 start "bad-$1" nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key --cache "cache-$1"
    await "$1 to be hit" said "bad-$1" "failpoint $1: fail"
    start "good-$1" nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key --cache "cache-$1"
    expect_end "$1" 0
    reap "bad-$1"
    reap "good-$1"
    expect_whole "$1"
}

for point in $(failpoints COORDINATOR STEP); do
    coordinator_fails "$point"
done
for point in $(failpoints WORKER STEP); do
    worker_fails "$point"
done
