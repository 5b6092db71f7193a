# A worker's link is cut in both directions: its leases go to the other worker, and when the link is back it takes part again, with the
# rows that it computed meanwhile.
. "$(dirname "${BASH_SOURCE[0]}")/net.sh"

need_failpoints # to slow the workers down
make_network
make_fleet 700
start_hub coordinator store
NJ_FAILPOINT=compute.user=slow:40 start_near 1 one
NJ_FAILPOINT=compute.user=slow:40 start_near 2 two
await_said one "ready:"
await_said two "ready:"
await_committed store 10

at=$(now_ms)
cut 1
await_said coordinator "is lost with .*/${pid[one]}: it goes to another worker"
say_since "leased again" "$at"
[[ $(($(now_ms) - at)) -le 8000 ]] || fail "the leases came back too late"
joined=$(count_said coordinator "/${pid[one]} joins")
sleep 3
expect_middle store
healed=$(now_ms)
heal 1
await "one to join again" eval '[[ $(count_said coordinator "/${pid[one]} joins") -gt $joined ]]'
say_since "joined again" "$healed"
expect_end coordinator 0
say_since "finished" "$at"
expect_end one 0
expect_end two 0
expect_whole store
expect_generations store 1
