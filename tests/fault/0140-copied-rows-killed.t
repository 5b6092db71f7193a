# The coordinator of a night that copies rows is killed wherever it can be, and the generation that it copies from is removed by hand
# before the night goes on. Who was chosen stays chosen: --resume publishes every list, copied and decoded ones.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_failpoints
make_fleet 40
some_item=$(sed -n 7p "$data/items.txt")
fleet=(nightjar run "${night[@]}" --workers 1 --store base --audit-users 0)
expect_exit 0 "${fleet[@]}"
since=$(cat base/CURRENT)
expect_exit 0 "${fleet[@]}"
sed -i -E "1~8s/\$/ $some_item/" users.txt # 5 users change
expected_rows users.txt >expected.jsonl

expect_lists() { # STORE
    nightjar store export --store "$1" --to jsonl 2>export.log >export.jsonl
    [[ $(grep -c '"copied"' export.jsonl) -eq 35 ]] || fail "$1: $(grep -c '"copied"' export.jsonl) rows are copied, should be 35"
    sed -E 's/, "age": [0-9]+//; s/, "copied"\]/]/; s/, "flags": \["copied"\]//' export.jsonl | cmp - expected.jsonl >&2 ||
        fail "$1 has other lists than a night that decodes all"
    expect_valid "$1"
    [[ ! -e $1/staging && -z $(find "$1" -maxdepth 1 -name '.draft-*') ]] || fail "$1 has leftovers: $(ls -A "$1")"
}

removed=0
kill_at() { # POINT HIT
    local store="$1@$2"
    cp -al base "$store"
    NJ_FAILPOINT="$1=kill@$2" start_coordinator "$store" "tcp://127.0.0.1:*" "$store" --since "$since"
    await "$1 to be hit" knows_endpoint_or_ended "$store"
    if alive "$store"; then
        start worker nightjar-worker --connect "$(endpoint "$store")" --server-key server.key.pub --key worker.key --cache cache
        await "$1 to be hit" ended "$store"
        reap worker
    fi
    expect_end "$store" 137
    expect_valid "$store"
    if [[ -d $store/staging ]]; then
        rm -r "${store:?}/$since"
        removed=$((removed + 1))
    fi
    finish_night "$store-resumed" "$store" --since "$since"
    expect_json "$store-resumed.out" copied 35
    expect_json "$store-resumed.out" since "$since"
    expect_lists "$store"
}

knows_endpoint_or_ended() { # NAME
    said "$1" "listening on tcp" || ended "$1"
}

for point in $(failpoints SINCE) staging.filled staging.opened commit.rows pack.due pack.row pack.rows pack.sealed pack.named publish.due; do
    kill_at "$point" 1
done
kill_at pack.copied 30
[[ $removed -ge 9 ]] || fail "the generation was removed $removed times: fewer than 9"

# While the night runs it is removed too; and one that copies from another generation than the night does is not taken up.
cp -al base live
NJ_FAILPOINT=pack.due=kill@1 start_coordinator live "tcp://127.0.0.1:*" live --since "$since"
where=$(endpoint live)
rm -r "live/$since"
start worker nightjar-worker --connect "$where" --server-key server.key.pub --key worker.key --cache cache
expect_end live 137
reap worker
expect_exit 78 nightjar run "${night[@]}" "${shards[@]}" --workers 1 --store live --resume --since "$(cat live/CURRENT)"
expect_said last "the interrupted night copies rows from $since, not from"
expect_exit 0 nightjar run "${night[@]}" "${shards[@]}" --workers 1 --store live --resume
expect_lists live

# Where the staging area does not hold it (no hard links), it must be there, or it is said what to do.
cp -al base lost
NJ_FAILPOINT=pack.due=kill@1 start lost nightjar run "${night[@]}" "${shards[@]}" --workers 1 --store lost --since "$since"
expect_end lost 137
rm -r "lost/staging/$since" "lost/$since"
expect_exit 5 nightjar run "${night[@]}" "${shards[@]}" --workers 1 --store lost --resume
expect_said last "the interrupted night copies rows from $since: put it back, or remove the staging folder"
cp -al "base/$since" lost/
expect_exit 0 nightjar run "${night[@]}" "${shards[@]}" --workers 1 --store lost --resume
expect_lists lost

# What fails there instead of killing: the night waits for the store and goes on, or ends with exit 74 and goes on with --resume.
for point in $(failpoints SINCE STEP); do
    cp -al base "failing-$point"
    code=0
    NJ_FAILPOINT="$point=fail@1" nightjar run "${night[@]}" "${shards[@]}" --workers 1 --store "failing-$point" --since "$since" \
        >last.out 2>last.log || code=$?
    expect_said last "failpoint $point: fail"
    [[ $code -eq 0 || $code -eq 74 ]] || fail "$point fails: exit $code"
    [[ $code -eq 0 ]] || expect_exit 0 nightjar run "${night[@]}" "${shards[@]}" --workers 1 --store "failing-$point" --resume --since "$since"
    expect_lists "failing-$point"
done
