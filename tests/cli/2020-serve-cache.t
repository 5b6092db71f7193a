# serve-cache answers GET /users/ID with the line of `store get`, over a Unix socket and over loopback, follows publishes, and ends when told.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store

started=()
trap 'code=$?; kill "${started[@]}" 2>/dev/null || true; end_script $code' EXIT
start() { # NAME OPTION...: its standard output and error are NAME.out and NAME.err, its address is $address
    local name=$1
    shift
    nightjar serve-cache --store store --json "$@" >"$name.out" 2>"$name.err" &
    started+=($!)
    address=
    for _ in $(seq 200); do
        address=$(sed -n 's/.*"listening": "\(.*\)".*/\1/p' "$name.out")
        [[ -z $address ]] || return 0
        sleep 0.05
    done
    not_ok "$name listens" "$(cat "$name.err")"
}
end() { # NAME SIGNAL EXIT
    local code=0
    kill "-$2" "${started[-1]}"
    wait "${started[-1]}" || code=$?
    check "after SIG$2 it ends with $3" test "$code" -eq "$3"
    unset 'started[-1]'
}
ask() {
    python3 "$source_dir/tests/cli/ask_cache.py" "$address" "$@" >out 2>err || true
}

mapfile -t paths < <(nightjar store export --store store | python3 -c 'import json, sys, urllib.parse
for line in sys.stdin: print("/users/" + urllib.parse.quote(json.loads(line)["user"], safe=""))')
nightjar store export --store store >rows

for where in unix:$work/socket 127.0.0.1:0; do
    start server --listen "$where" --check-ms 0
    cp server.out out
    stdout_is_valid serve-cache
    ask "${paths[@]}"
    check "$where gives the rows of the store" cmp out rows
    ask /users/nobody /users/ /users/a%00 /users/%0a /users /nothing /
    check "... and says why not" test "$(tr '\n' ' ' <out)" = \
        "404 /users/nobody 400 /users/ 400 /users/a%00 400 /users/%0a 404 /users 404 /nothing 404 / "
    ask /generation
    stdout_has "\"generation\": \"$generation\""
    stdout_has '"stale": false'
    [[ $where == unix:* ]] && end server TERM 0 || end server INT 0
done
check "its socket is gone" test ! -e socket

# A publish, and a publish that cannot be followed.
start server --listen "unix:$work/socket" --check-ms 0
head -n 3 users.txt >few.txt
expect_exit 0 '' -- nightjar run --bundle b.njb --users few.txt --store store --workers 1
ask "${paths[@]}"
check "a publish is followed" test "$(grep -c '^404' out)" -eq $((${#paths[@]} - 3))
echo gen-nonsense >store/CURRENT
ask /generation "${paths[0]}"
stdout_has '"problem": "'
stdout_has "is no generation's name"
check "... and what is no generation is not" test "$(grep -c '"user"\|^404' out)" -eq 1
echo "$generation" >store/CURRENT
expect_exit 75 'cannot listen' -- nightjar serve-cache --store store --listen "unix:$work/socket"
end server KILL 137
check "a killed one leaves its socket" test -S socket
start server --listen "unix:$work/socket"
ask "${paths[0]}"
check "... which is replaced" cmp out <(head -n 1 rows)
end server TERM 0

echo kept >plain
expect_exit 75 'cannot listen' -- timeout 2 nightjar serve-cache --store store --listen "unix:$work/plain"
check "a file that is no socket stays" grep -qx kept plain

for wrong in "current=9999" "current" "current=x" "current=5000,current=5000" "=10000" "current=10001" "" ","; do
    expect_exit 2 '' -- nightjar serve-cache --store store --split "$wrong"
done
expect_exit 2 'unix:relative' -- nightjar serve-cache --store store --listen unix:relative
expect_exit 2 'is no address' -- nightjar serve-cache --store store --listen localhost
expect_exit 5 'has no channel "canary"' -- nightjar serve-cache --store store --split canary=10000
expect_exit 5 'nowhere' -- nightjar serve-cache --store nowhere
done_testing
