# net.sh - two workers' hosts and a coordinator's as network namespaces, with links that can be cut. Brings lib.sh along.
#
#   hub (coordinator) 10.77.1.1 ---- veth ---- 10.77.1.2 near1        start_near 1 one OPTION...
#                     10.77.2.1 ---- veth ---- 10.77.2.2 near2        start_near 2 two OPTION...
#
#   cut 1            nothing passes              cut 1 in | cut 1 out     only towards, or only from, the worker
#   lose 1 30        30 of 100 packets are lost  throttle 1 256kbit       heal 1
#
# Needs root and nft; skips without. Nothing leaves the namespaces.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PORT=7700
hub=nj$$-hub

near() { # N
    echo "nj$$-near$1"
}

end_network() {
    local n
    for n in 1 2; do
        ip netns del "$(near $n)" 2>/dev/null || true
    done
    ip netns del "$hub" 2>/dev/null || true
}

make_network() {
    local n
    [[ $(id -u) -eq 0 ]] || skip "network namespaces need root"
    need ip iproute2
    need nft nftables
    need tc iproute2
    ip netns add "$hub" 2>/dev/null || skip "this kernel gives no network namespaces"
    trap 'code=$?; end_network; end_test $code' EXIT
    ip -n "$hub" link set lo up
    for n in 1 2; do
        ip netns add "$(near $n)"
        ip link add "njh$n" netns "$hub" type veth peer name "njn$n" netns "$(near $n)" || skip "this kernel has no veth"
        ip -n "$hub" addr add "10.77.$n.1/24" dev "njh$n"
        ip -n "$(near $n)" addr add "10.77.$n.2/24" dev "njn$n"
        ip -n "$hub" link set "njh$n" up
        ip -n "$(near $n)" link set "njn$n" up
    done
    ip netns exec "$hub" nft list ruleset >/dev/null 2>&1 || skip "this kernel has no nf_tables"
}

# ---- links: rules stand in the worker's namespace ----

# Every packet of a direction, or what MATCH picks of them, is dropped.
drop() { # N in|out [MATCH]
    local hook=input
    [[ $2 == in ]] || hook=output
    ip netns exec "$(near "$1")" nft "add table inet fault; add chain inet fault $2 { type filter hook $hook priority 0; }; \
        add rule inet fault $2 ${3:-} drop"
}

cut() { # N [in|out]
    [[ ${2:-in} != in ]] || drop "$1" in
    [[ ${2:-out} != out ]] || drop "$1" out
}

lose() { # N OF-100
    drop "$1" in "numgen random mod 100 < $2"
    drop "$1" out "numgen random mod 100 < $2"
}

throttle() { # N RATE
    ip netns exec "$hub" tc qdisc replace dev "njh$1" root tbf rate "$2" burst 8kb latency 400ms
    ip netns exec "$(near "$1")" tc qdisc replace dev "njn$1" root tbf rate "$2" burst 8kb latency 400ms
}

heal() { # N
    ip netns exec "$(near "$1")" nft delete table inet fault
}

# ---- processes ----

start_hub() { # NAME STORE OPTION...
    local name=$1 store=$2
    shift 2
    start "$name" ip netns exec "$hub" nightjar-coordinator --bind "tcp://0.0.0.0:$PORT" --key server.key --workers allowed \
        "${night[@]}" "${shards[@]}" --store "$store" --json "$@"
    await_said "$name" "listening on tcp"
}

start_near() { # N NAME OPTION...
    local n=$1 name=$2
    shift 2
    start "$name" ip netns exec "$(near "$n")" nightjar-worker --connect "tcp://10.77.$n.1:$PORT" --server-key server.key.pub \
        --key worker.key "${slow[@]}" --cache "cache$n" "$@"
}

# ---- measuring ----

now_ms() {
    date +%s%3N
}

say_since() { # WHAT START-MS
    echo "$1 after $(($(now_ms) - $2)) ms" >&2
}
