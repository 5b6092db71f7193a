# machine.sh - systemd as process 1 of a small machine of namespaces, with our units installed: what they do is done for real.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
#   start_machine                        programs in /usr/bin, units, the user nightjar
#   inside systemctl start nightjar-night@shop
#   extend nightjar-night@.service "RestartSec=1"        a drop-in
#
# The machine has its own processes, mounts, network (loopback alone) and cgroups. /etc, /var, /usr/bin and /run are layers in
# memory over those of this host, which stay as they are. Needs root, overlayfs and cgroup v2.
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"
trap 'end_machine $?' EXIT

machine= cgroup=

skip() { # REASON
    echo "SKIPPED: ${0##*/}: $1"
    exit 77
}

end_machine() { # EXIT CODE
    if [[ -n $machine ]]; then
        inside bash -c 'cat /var/log/nightjar/*' >services.log 2>/dev/null || true
        kill -9 "$machine" 2>/dev/null || true
    fi
    if [[ -n $cgroup ]]; then
        find "$cgroup" -depth -type d -exec sh -c 'for _ in $(seq 50); do rmdir "$1" 2>/dev/null && break; sleep 0.1; done' sh {} \;
    fi
    end_test "$1"
}

require_systemd() {
    local program
    [[ $(id -u) -eq 0 ]] || skip "not root: systemd cannot be process 1 of namespaces"
    for program in systemctl systemd-sysusers unshare nsenter ip; do
        command -v "$program" >/dev/null || skip "$program is not there"
    done
    [[ -x /lib/systemd/systemd ]] || skip "/lib/systemd/systemd is not there"
    cgroup_root=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET) || skip "no cgroup v2 here"
    unshare --mount --pid --fork --cgroup --net true 2>/dev/null || skip "no namespaces here"
    mkdir upper work
    unshare --mount sh -c "mount -t tmpfs tmpfs work && mkdir work/u work/w &&
        mount -t overlay overlay -o lowerdir=/etc,upperdir=work/u,workdir=work/w upper" 2>/dev/null || skip "no overlayfs here"
}

# What runs first in the machine.
write_init() {
    cat >init <<'END'
#!/bin/bash
set -eu
work=$1 bin=$2 source_dir=$3
mount --make-rprivate /
mount -t proc proc /proc
ip link set lo up
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "$work/layers"
mount -t tmpfs -o mode=755 tmpfs "$work/layers"
for folder in etc var usr/bin; do
    mkdir -p "$work/layers/$folder/upper" "$work/layers/$folder/work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$work/layers/$folder/upper,workdir=$work/layers/$folder/work" "/$folder"
done
mount -t tmpfs -o mode=755 tmpfs /run
install -m 755 "$bin/nightjar" "$bin/nightjar-coordinator" "$bin/nightjar-worker" /usr/bin
mkdir -p /run/systemd/system /etc/nightjar /var/log/nightjar
cp "$source_dir"/ops/systemd/*.{service,timer,target} /run/systemd/system
systemd-sysusers "$source_dir/ops/systemd/nightjar.sysusers"
printf '[Unit]\nDefaultDependencies=no\n' >/run/systemd/system/machine.target
for unit in /run/systemd/system/nightjar-*.service; do # no journal here
    mkdir "$unit.d"
    printf '[Service]\nStandardOutput=append:/var/log/nightjar/%%n\nStandardError=inherit\n' >"$unit.d/10-log.conf"
done
export container=nightjar-test
exec /lib/systemd/systemd --system --unit=machine.target --log-target=console --log-level=info --show-status=no
END
    chmod +x init
}

inside() { # COMMAND...
    nsenter --target "$init" --all -- "$@"
}

is_up() {
    init=$(children "${pid[machine]}" | grep -m1 .) && [[ -n $init ]] && inside systemctl is-active --quiet machine.target 2>/dev/null
}

start_machine() {
    require_systemd
    write_init
    cgroup=$cgroup_root/nightjar-test-$$
    mkdir "$cgroup"
    start machine bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec unshare --fork --pid --mount --uts --ipc --cgroup --net \
        --kill-child=KILL "$@"' machine "$cgroup" "$work/init" "$work" "$bin" "$source_dir"
    machine=${pid[machine]}
    await "systemd to be up" is_up
}

extend() { # UNIT LINE...
    local unit=$1
    shift
    printf '[Service]\n' | inside tee "/run/systemd/system/$unit.d/50-test.conf" >/dev/null
    printf '%s\n' "$@" | inside tee -a "/run/systemd/system/$unit.d/50-test.conf" >/dev/null
    inside systemctl daemon-reload
}

property() { # UNIT PROPERTY
    inside systemctl show --property="$2" --value "$1"
}

has_property() { # UNIT PROPERTY VALUE
    [[ $(property "$1" "$2") == "$3" ]]
}

await_property() { # UNIT PROPERTY VALUE
    await "$1 to have $2=$3" has_property "$@"
}

expect_property() { # UNIT PROPERTY VALUE
    has_property "$@" || fail "$1 has $2=$(property "$1" "$2"), should be $3"
}
