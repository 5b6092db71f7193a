# A catalogue is refreshed between two nights: a worker that still names what is retired is refused, one with yesterday's sections in its
# cache fetches the new trie, and no published list names a retired item.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_fleet 40
start_coordinator first "tcp://127.0.0.1:*" first-store
start_worker early "$(endpoint first)"
expect_end first 0
expect_end early 0
expect_whole first-store

# The last item of the list is retired, and with it every seventh.
awk 'NR % 7 == 0' "$data/items.txt" | cat - <(tail -n 1 "$data/items.txt") | sort -u >retired.txt
grep -Fvxf retired.txt "$data/items.txt" >tonight.txt
expect_exit 0 nightjar catalogue refresh --from cat --ids tonight.txt --out cat2
nightjar bundle pack --model "$data/model" --catalogue cat2 --histories "$data/histories.txt" --out night.njb >>setup.out 2>>setup.log
expected_rows users.txt >expected.jsonl

start_coordinator coordinator "tcp://127.0.0.1:*" store
where=$(endpoint coordinator)
start liar stub_worker --connect "$where" --server-key server.key.pub --key worker.key --items "$data/items.txt" --compute-ms 1 --lie last
await_said coordinator "failed shard .*a list has an item that is not in the catalogue, or is retired"
[[ $(committed store) -eq 0 ]] || fail "rows that name a retired item were written"
reap liar

# cache holds the sections of the first night.
start_worker honest "$where"
expect_end coordinator 0
expect_end honest 0
expect_said honest "fetching .*trie"
expect_not_said honest "fetching.*weights"
expect_not_said honest "fetching.*sids"
expect_whole store
nightjar store export --store store --to jsonl >rows.jsonl
python3 -c '
import json
retired = set(open("retired.txt").read().split())
rows = [json.loads(line) for line in open("rows.jsonl")]
assert len(rows) == 40
assert not any(retired & set(row["items"]) for row in rows)' || fail "a list names a retired item"
