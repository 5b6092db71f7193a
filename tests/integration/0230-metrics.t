# What Prometheus reads: a page while the night runs, a file when it has ended, well or badly.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

read_metrics() { # URL|FILE [NAME]
    python3 "$source_dir/tests/integration/metrics.py" "$@"
}

expect_metric() { # URL|FILE NAME VALUE
    local found
    found=$(read_metrics "$1" "$2")
    [[ $found == "$3" ]] || fail "$1: $2 is $found, should be $3"
}

expect_lint_clean() { # FILE
    if ! command -v promtool >/dev/null; then
        echo "SKIPPED: promtool is missing (Debian package prometheus): $1 is not linted"
        return
    fi
    promtool check metrics <"$1" >lint 2>&1 || fail "promtool: $(cat lint)"
    [[ ! -s lint ]] || fail "promtool: $(cat lint)"
}

page_of() { # NAME
    await_said "$1" "metrics are at"
    sed -n 's/.*metrics are at \(http[^ ]*\)/\1/p' "$1.log"
}

make_night 200
make_keys server worker
cp worker.key.pub allowed

# A night with a page: numbers are there before the first worker is, and rise.
start_coordinator one "tcp://127.0.0.1:*" store --metrics-bind 127.0.0.1:0 --metrics-file one.prom
page=$(page_of one)
has_plan() { [[ $(read_metrics "$page" nightjar_users) == 200 ]]; }
await "the plan's numbers" has_plan
read_metrics "$page" >page.prom
expect_lint_clean page.prom
expect_metric page.prom 'nightjar_pieces{state="waiting"}' 25
expect_metric page.prom nightjar_run_last_success_timestamp_seconds 0.000
expect_metric page.prom nightjar_run_running 1
[[ $(read_metrics "${page%metrics}healthz") == ok ]] || fail "/healthz is not ok"
! read_metrics "${page%metrics}other" 2>refused || fail "/other is a page"
grep -q 'HTTP Error 404' refused || fail "/other: $(tail -n 1 refused)"

# Two scrapers that never read, and one that never asks, hold up nothing.
port=${page#http://127.0.0.1:} port=${port%/metrics}
exec 5<>"/dev/tcp/127.0.0.1/$port" 6<>"/dev/tcp/127.0.0.1/$port" 7<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /metrics HTTP/1.1\r\n\r\n' >&5
printf 'GET /metrics HTT' >&6
start_worker worker "$(endpoint one)"
expect_end one 0
expect_end worker 0
exec 5>&- 6>&- 7>&-
expect_rows store

# The file that it leaves.
expect_lint_clean one.prom
expect_metric one.prom nightjar_run_running 0
expect_metric one.prom nightjar_run_exit_code 0
expect_metric one.prom nightjar_users_processed_total 200
expect_metric one.prom nightjar_users_committed 200
expect_metric one.prom nightjar_epoch 1
expect_metric one.prom nightjar_workers_joined_total 1
expect_metric one.prom 'nightjar_pieces{state="waiting"}' 0
[[ $(read_metrics one.prom nightjar_commit_duration_seconds_count) -gt 0 ]] || fail "no commit was timed"
[[ $(read_metrics one.prom nightjar_shard_duration_seconds_count) -ge 25 ]] || fail "not every shard was timed"
[[ $(read_metrics one.prom nightjar_received_bytes_total) -gt 10000 ]] || fail "bytes are not counted"
success=$(read_metrics one.prom nightjar_run_last_success_timestamp_seconds)
[[ $((${success%.*} - $(date +%s))) -gt -120 ]] || fail "the last success is not now: $success"
[[ -z $(find . -maxdepth 1 -name 'one.prom?*') ]] || fail "a draft is left: $(ls)"

# A night that fails says so, and when the last one did not. What stood in the file goes.
echo nonsense >two.prom
start two nightjar run "${night[@]}" "${slow[@]}" "${shards[@]}" --store store --metrics-file two.prom
await_committed store 2
kill -INT "${pid[two]}"
expect_end two 130
expect_lint_clean two.prom
expect_metric two.prom nightjar_run_exit_code 130
expect_metric two.prom nightjar_run_last_success_timestamp_seconds "$success"

# Resumed, it counts on as one night, and what was processed as its own.
before=$(read_metrics two.prom nightjar_users_committed)
expect_exit 0 nightjar run "${night[@]}" --store store --resume --shard-users 8 --metrics-file three.prom --json
expect_metric three.prom nightjar_epoch 2
expect_metric three.prom nightjar_users_committed 200
expect_metric three.prom nightjar_users_processed_total "$((200 - $(json_of last.out resumed_rows)))"
[[ $before -le $(json_of last.out resumed_rows) ]] || fail "rows that were counted were not resumed"

# An address that cannot be had leaves the store as it was; a file that cannot be written costs the file.
expect_exit 78 nightjar run "${night[@]}" --store other --metrics-bind 192.0.2.1:9464
expect_said last '--metrics-bind: cannot listen on 192.0.2.1:9464'
expect_exit 2 nightjar run "${night[@]}" --store other --metrics-bind localhost:9464
[[ ! -e other ]] || fail "the store was touched"
expect_exit 0 nightjar run "${night[@]}" --store other --metrics-file /proc/none/metrics.prom
expect_said last '--metrics-file: /proc/none'

# The page waits for one more scrape, so that somebody sees how the night ended; a signal ends the wait, and nobody asking does too.
start waits nightjar run "${night[@]}" --store other --metrics-bind 127.0.0.1:0 --metrics-wait-ms 600000 --json
await_said waits 'its last numbers wait for a scrape'
page=$(page_of waits)
[[ $(read_metrics "${page%metrics}healthz") == ok ]] || fail "/healthz is not ok while it waits"
alive waits || fail "a look at /healthz was taken for a scrape"
read_metrics "$page" >last.prom
expect_end waits 0
expect_not_said waits 'nobody has read'
expect_metric last.prom nightjar_run_running 0
expect_metric last.prom nightjar_run_exit_code 0
expect_metric last.prom nightjar_users_committed 200
[[ $(read_metrics last.prom nightjar_run_last_success_timestamp_seconds) != 0.000 ]] || fail "the last success is not shown"
start asked nightjar run "${night[@]}" --store other --metrics-bind 127.0.0.1:0 --metrics-wait-ms 600000
await_said asked 'its last numbers wait for a scrape'
kill -TERM "${pid[asked]}"
expect_end asked 0
expect_said asked 'nobody has read the last numbers'
expect_exit 0 nightjar run "${night[@]}" --store other --metrics-bind 127.0.0.1:0 --metrics-wait-ms 200
expect_said last 'nobody has read the last numbers'
