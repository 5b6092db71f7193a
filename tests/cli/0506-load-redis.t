# A generation goes into a real redis-server: whole, by its differences, with times to live, and on from where it was cut off.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
if ! command -v redis-server >which.out || ! command -v redis-cli >which.out; then
    skip "no redis-server and redis-cli here: nothing is loaded"
    done_testing
    exit 0
fi
server= other=
end_servers() {
    local pid
    for pid in $server $other; do
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}
trap 'code=$?; end_servers; end_script $code' EXIT

redis() {
    redis-cli -s "$work/r.sock" --raw "$@"
}

start_redis() { # OPTION...
    redis-server --port 0 --unixsocket "$work/r.sock" --dir "$work" --save '' "$@" >>redis.log 2>&1 &
    server=$!
    until [[ $(redis ping 2>/dev/null) == PONG ]]; do sleep 0.05; done
}

load() { # OPTION...
    nightjar load redis --store store --server "$work/r.sock" --json "$@"
}

# What a user's key holds, for every key, against the rows of a generation.
holds() { # WHAT GENERATION
    nightjar store export --store store --gen "$2" 2>export.err | sort >want
    redis --scan --pattern 'nightjar:user:*' | sed 's/.*/GET "&"/' | redis | sort >have
    check "$1: every row and no other" cmp -s want have
}

counts() { # JQ-LIKE KEY=VALUE...
    check "... $*" python3 -c 'import json, sys
said = json.load(open("out"))
sys.exit(any(str(said[k]) != v for k, v in (w.split("=") for w in sys.argv[1:])))' "$@"
}

make_store
first=$generation
{ sed -n '3,20p' users.txt | sed '1s/ [^ ]*$//'; sed -n '21,23p' "$data/histories.txt"; } >users2.txt
nightjar run --bundle b.njb --users users2.txt --store store --workers 1 >out 2>err
second=$(cat store/CURRENT)
start_redis

expect_exit 0 "loading $first whole" -- load --gen "$first"
stdout_is_valid load-redis
counts "generation=$first" base= written=20 removed=0 verified=20
holds "a full load" "$first"
expect_exit 0 "redis has $first already" -- load --gen "$first"
counts written=0 verified=0
expect_exit 0 "loading what differs between $first and $second" -- load --mode delta
counts "generation=$second" "base=$first" written=4 removed=2 verified=6 touched=0
holds "a delta" "$second"
expect_exit 0 'loading what differs' -- load --gen "$first"
counts written=3 removed=3
holds "a delta back" "$first"

redis set nightjar:user:stray x >redis.out
redis set nightjar:userstray x >redis.out
redis set 'other:user:stray' x >redis.out
expect_exit 0 'whole' -- load --mode full
counts written=21 removed=3
holds "a full load over another generation" "$second"
check "keys of others stay" test "$(redis exists nightjar:userstray other:user:stray)" = 2
expect_exit 0 'whole' -- load --value msgpack --prefix 'm[a]*:'
check "the other form lies under its own prefix" test "$(redis --scan --pattern 'm\[a\]\*:user:*' | wc -l)" = 21

# Times to live.
expect_exit 78 'the rows there are "json 0 0" (value, milliseconds to live, jitter), asked is "json 3600000 10"' -- load --mode delta --ttl 1h
expect_exit 0 'whole' -- load --ttl 1h --gen "$first"
redis --scan --pattern 'nightjar:user:*' | sed 's/.*/PTTL "&"/' | redis | sort -n >ttl
check "rows stay between 54 and 60 minutes, each its own" python3 -c '
times = [int(line) for line in open("ttl")]
assert len(times) == 20 and len(set(times)) > 10 and min(times) > 3200000 and max(times) <= 3600000, times'
check "the marker goes first" test "$(redis pttl nightjar:generation)" -le 3240000
kept=$(nightjar store get --store store "$(sed -n '5s/ .*//p' users.txt)" | python3 -c 'import json, sys; print(json.loads(sys.stdin.read())["user"])')
lost=$(sed -n '6s/ .*//p' users.txt)
redis pexpire "nightjar:user:$kept" 100000 >redis.out
redis del "nightjar:user:$lost" >redis.out
expect_exit 0 'what differs' -- load --ttl 1h
counts written=5 removed=2 touched=16
holds "a delta with times to live, over a row that was lost" "$second"
check "a row that is the same stays longer again" test "$(redis pttl "nightjar:user:$kept")" -gt 3000000
expect_exit 78 'the load has begun 3 times from the first row' -- load --ttl 1s --rate 5 --mode full

# Whom the server does not want.
redis flushall >redis.out
expect_exit 78 'no delta can be loaded: redis names no generation that was loaded whole; load it whole: --mode full' -- load --mode delta
expect_exit 0 '' -- load --gen "$first"
redis hset nightjar:generation content "$(repeat 64 0)" >redis.out
expect_exit 78 "the base $first has other rows than those that were loaded" -- load --mode delta
redis hset nightjar:generation generation gen-01ARZ3NDEKTSV4RRFFQ69G5FAV >redis.out
expect_exit 78 'the base gen-01ARZ3NDEKTSV4RRFFQ69G5FAV cannot be opened' -- load --mode delta
redis hset nightjar:generation generation '../../etc' at zz loading "$second" >redis.out
expect_exit 0 "loading $second whole" -- load
redis del nightjar:generation >redis.out
redis set nightjar:generation x >redis.out
expect_exit 78 'WRONGTYPE' -- load
redis del nightjar:generation >redis.out
redis config set maxmemory 1 >redis.out
expect_exit 78 'redis refuses: OOM' -- load
redis config set maxmemory 0 >redis.out
redis config set requirepass hunter2 >redis.out
expect_exit 78 'redis refuses: NOAUTH' -- load
echo wrong >password
expect_exit 78 'redis refuses: WRONGPASS' -- load --password-file password
echo hunter2 >password
expect_exit 0 '' -- load --password-file password --database 3
redis -a hunter2 config set requirepass '' >redis.out 2>&1
: >empty
expect_exit 65 'empty: the first line is empty, must be the password' -- load --password-file empty
expect_exit 65 '--server is "nowhere", must be host:port, or the path of a Unix socket' -- load --server nowhere
expect_exit 65 '--server is "h:99999", must be host:port' -- load --server h:99999
expect_exit 2 '--prefix is empty: keys of others' -- load --prefix ''
expect_exit 2 '--mode is "some", must be auto, full or delta' -- load --mode some
expect_exit 2 '--patience is "1", must be whole numbers with d, h, m or s' -- load --patience 1

# Somebody else writes there.
redis flushall >redis.out
user=$(sed -n '2s/ .*//p' users2.txt)
redis-cli -s "$work/r.sock" -r 1000 -i 0.05 set "nightjar:user:$user" x >redis.out 2>&1 &
other=$!
expect_exit 4 'read back from redis: 0 rows are missing and 1 are others' -- load --rate 40
kill -9 "$other"
wait "$other" 2>/dev/null || true
other=
check "the next load is a full one" test "$(redis exists nightjar:generation)" = 0

# The loader is killed, and the next one goes on; a load that began later ends the one before.
until_written() {
    until [[ -n $(redis hget nightjar:generation at 2>/dev/null) ]]; do sleep 0.02; done
}
redis flushall >redis.out
load --rate 1 >slow.out 2>slow.err &
loader=$!
until_written
kill -9 "$loader"
wait "$loader" 2>/dev/null || true
expect_exit 0 "loading $second whole, from where it was cut off" -- load
check "... and skips what is written" grep -q '"skipped": [1-9]' out
holds "a load in two parts" "$second"
load --rate 1 --mode full >slow.out 2>slow.err &
loader=$!
until_written
expect_exit 0 'whole' -- load --gen "$first" --mode full
code=0
wait "$loader" || code=$?
check "the older load ends with 75" test "$code" = 75
check "... and says why" grep -q 'another load into this prefix has begun' slow.err
holds "the younger load" "$first"

# The server is killed: the load waits, and goes on with what the server still has.
for kept in yes no; do
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    rm -rf appendonlydir
    start_redis --appendonly $kept --appendfsync always
    load --rate 20 --patience 30s >slow.out 2>slow.err &
    loader=$!
    until_written
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    start_redis --appendonly $kept --appendfsync always
    code=0
    wait "$loader" || code=$?
    check "appendonly $kept: the load ends well" test "$code" = 0
    check "... after it has connected again" grep -q '"reconnects": [1-9]' slow.out
    holds "appendonly $kept" "$second"
done
kill -9 "$server"
wait "$server" 2>/dev/null || true
server=
expect_exit 75 "redis at $work/r.sock" -- load --patience 1s
stderr_has 'trying again'
done_testing
