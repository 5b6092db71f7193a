# The manifests as they stand, on network namespaces of this machine: what is published after a worker was killed and the coordinator
# evicted is what one process decodes. Then a night whose inputs changed underneath it.
. "$(dirname "${BASH_SOURCE[0]}")/../support/namespace.sh"
enter_namespace_of_root --net
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mount -t tmpfs tmpfs /run # where `ip netns` keeps networks by name
ip link set lo up 2>/dev/null || true # said below, where there is no ip
need_module yaml python3-yaml
need ip iproute2
need nft nftables
ip netns add "nj$$-try" 2>/dev/null || skip "this kernel gives no network namespaces"
ip -n "nj$$-try" link add bridge type bridge 2>/dev/null && ip netns exec "nj$$-try" nft list ruleset >/dev/null 2>&1 || kernel=lacks
ip netns del "nj$$-try"
[[ ${kernel-} != lacks ]] || skip "this kernel has no bridge or no nf_tables"

run_pods() { # SCENARIO: exit 3 when the night was over before its middle
    local code=0
    python3 "$here/pods.py" "$source_dir/ops/kubernetes" secrets.yaml "$bin" pods "$1" >"$1.log" 2>&1 || code=$?
    [[ $code -eq 0 || $code -eq 3 ]] || fail "$1: $(tail -n 5 "$1.log"; tail -n 5 pods/*.log)"
    return $code
}

make_users() { # COUNT
    python3 - "$data/histories.txt" "$1" >users.jsonl <<'EOF'
import json, sys
lines = [line.split() for line in open(sys.argv[1])]
for i in range(int(sys.argv[2])):
    print(json.dumps({"user": f"user{i:06d}", "items": lines[i % len(lines)][1:]}))
EOF
}

make_night 400
"$source_dir/ops/kubernetes/make-secrets" >secrets.yaml
volume=pods/volumes/nightjar-night
chmod 755 . # the pods' user must reach what is mounted
umask 022
users=12000
if is_sanitized; then
    users=400
fi
had_middle=no
for users in $users $((users * 6)) $((users * 36)); do # as many as it takes on this machine
    rm -rf pods
    mkdir -p $volume/inputs
    make_users "$users"
    cp night.njb users.jsonl $volume/inputs
    if run_pods night; then
        had_middle=yes
        break
    fi
done
[[ $had_middle == yes ]] || fail "the night was always over before its middle"

nightjar decode --bundle night.njb --users users.jsonl --beam 20 --top 20 2>setup.log | sort >expected.jsonl
expect_rows $volume/store
published=$(cat $volume/store/CURRENT)

# An interrupted night whose users are others now: exit 78, and the Job fails at once. What was published stays.
start killed nightjar run "${night[@]}" --gate-users off "${slow[@]}" "${shards[@]}" --store $volume/store
await_committed $volume/store 1
stop_tree "${pid[killed]}"
expect_end killed 137
expect_middle $volume/store
run_pods other-night
[[ $(cat $volume/store/CURRENT) == "$published" ]] || fail "CURRENT is another"
