# A link of 2 Mbit/s, over which the bundle takes seconds, and one that loses packets: slow, but whole, and nobody is cut off for it.
. "$(dirname "${BASH_SOURCE[0]}")/net.sh"

make_network
make_fleet 300
throttle 1 2mbit
lose 2 10
at=$(now_ms)
start_hub coordinator store --lease-ms 10000
start_near 1 one
start_near 2 two
await_said one "ready:"
say_since "the bundle was fetched over 2 Mbit/s" "$at"
expect_end coordinator 0
say_since "finished" "$at"
expect_end one 0
expect_end two 0
expect_not_said coordinator "is ended after"
expect_whole store
