# A link that is cut and stays so: the night ends without that worker, as soon as the other has done its work.
. "$(dirname "${BASH_SOURCE[0]}")/net.sh"

make_network
make_fleet 300
start_hub coordinator store
start_near 1 one
start_near 2 two
await_said two "ready:"
await_said one "ready:"
await_committed store 5
at=$(now_ms)
cut 1
expect_end coordinator 0
say_since "finished" "$at"
expect_end two 0
expect_whole store
[[ $(json_of coordinator.out lost_leases) -ge 1 ]] || fail "no lease was lost: the cut came too late"
reap one
