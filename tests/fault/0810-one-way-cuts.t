# A link that carries one direction only: first nothing of the worker's arrives, then nothing of the coordinator's. In both cases the
# leases go to the other worker, and when the link is whole again the worker takes part.
. "$(dirname "${BASH_SOURCE[0]}")/net.sh"

make_network
make_fleet 1400
start_hub coordinator store
start_near 1 one
start_near 2 two
await_said one "ready:"
await_said two "ready:"
await_committed store 5
for way in out in; do
    lost=$(count_said coordinator "is lost with .*/${pid[one]}: it goes to another worker")
    joined=$(count_said coordinator "/${pid[one]} joins")
    vanished=$(count_said coordinator "/${pid[one]} has vanished")
    at=$(now_ms)
    cut 1 $way
    await "the leases to be lost ($way)" eval '[[ $(count_said coordinator "is lost with .*/${pid[one]}: it goes to another worker") -gt $lost ]]'
    say_since "cut $way: leased again" "$at"
    [[ $(($(now_ms) - at)) -le 15000 ]] || fail "the leases came back too late"
    expect_middle store
    # A lease may run out a moment before its worker counts as gone; who is not gone does not join again.
    [[ $way != out ]] || await "one to be missed" eval '[[ $(count_said coordinator "/${pid[one]} has vanished") -gt $vanished ]]'
    healed=$(now_ms)
    heal 1
    await "one to join again ($way)" eval '[[ $(count_said coordinator "/${pid[one]} joins") -gt $joined ]]'
    say_since "cut $way: joined again" "$healed"
done
expect_end coordinator 0
expect_end one 0
expect_end two 0
expect_whole store
