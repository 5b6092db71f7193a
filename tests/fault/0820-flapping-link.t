# A link that comes and goes every second: the worker keeps its identity, nothing is lost, nobody is doubled.
. "$(dirname "${BASH_SOURCE[0]}")/net.sh"

make_network
make_fleet 900
start_hub coordinator store
start_near 1 one
start_near 2 two
await_said one "ready:"
await_committed store 5
at=$(now_ms)
for _ in 1 2 3 4 5; do
    cut 1
    sleep 0.7
    heal 1
    sleep 0.7
done
expect_end coordinator 0
say_since "finished" "$at"
expect_end one 0
expect_end two 0
expect_whole store
