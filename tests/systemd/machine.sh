# machine.sh - systemd as process 1 of a small machine of namespaces, with our units installed: what they do is done for real.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
#   start_machine                        programs in /usr/bin, units, the user nightjar
#   inside systemctl start nightjar-night@shop
#   extend nightjar-night@.service "[Service]" "RestartSec=1"        a drop-in
#
# The machine has its own processes, mounts, network (loopback alone) and cgroups. Its root is a layer in memory over that of this host,
# which stays as it is. Needs root, overlayfs and cgroup v2. What is needed inside is handed in by `give`.
. "$(dirname "${BASH_SOURCE[0]}")/../support/namespace.sh"
enter_namespace_of_root
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"
trap 'end_machine $?' EXIT

machine= cgroup=

skip() { # REASON
    echo "SKIPPED: ${0##*/}: $1"
    exit 77
}

end_machine() { # EXIT CODE
    if [[ -n $machine ]]; then
        inside bash -c 'cat /dev/console /var/log/nightjar/*' >inside.log 2>/dev/null || true
        kill -9 "$machine" 2>/dev/null || true
    fi
    if [[ -n $cgroup ]]; then
        await_no_process
        find "$cgroup" -depth -type d -exec rmdir {} \;
    fi
    end_test "$1"
}

await_no_process() {
    local tries=0
    while grep -q 'populated 1' "$cgroup/cgroup.events" && [[ $tries -lt 50 ]]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}

require_systemd() {
    local program
    for program in systemctl systemd-sysusers unshare nsenter pivot_root findmnt ip; do
        command -v "$program" >/dev/null || skip "$program is not there"
    done
    [[ -x /lib/systemd/systemd ]] || skip "/lib/systemd/systemd is not there"
    cgroup_root=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET) || skip "no cgroup v2 here"
    unshare --mount --pid --fork --cgroup --net true 2>/dev/null || skip "no namespaces here"
    unshare --mount sh -c "mount --make-rprivate / && mount -t tmpfs tmpfs /srv && mkdir /srv/u /srv/w /srv/r &&
        mount -t overlay overlay -o lowerdir=/,upperdir=/srv/u,workdir=/srv/w /srv/r" 2>/dev/null || skip "no overlayfs here"
}

# What runs first in the machine: the host's root as the lower layer of one in memory, then systemd, which finds no unit but those that are
# written here. So nothing that a booting host does (clearing /tmp, setting kernel parameters) is done, and nothing of the host can be
# written by name.
write_init() {
    cat >init <<'END'
#!/bin/bash
set -eu
bin=$1 source_dir=$2
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /srv
cd /srv
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cd root
for folder in tmp run mnt dev root home; do
    mount -t tmpfs -o mode=755 tmpfs "$folder"
done
chmod 1777 tmp
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
touch dev/console
mkdir dev/pts dev/shm dev/mqueue dev/hugepages
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
ip link set lo up

mkdir -p run/systemd/system etc/nightjar srv/shop var/log/nightjar run/host
install -m 755 "$bin/nightjar" "$bin/nightjar-coordinator" "$bin/nightjar-worker" "$bin/count_shards" usr/bin
cp "$source_dir"/ops/systemd/*.{service,timer,target} run/systemd/system
cp "$source_dir/ops/systemd/nightjar.sysusers" run
for target in machine sysinit basic shutdown timers network-online local-fs time-sync multi-user; do
    printf '[Unit]\nDefaultDependencies=no\n' >"run/systemd/system/$target.target"
done
for unit in run/systemd/system/nightjar-*.service; do # no journal here
    mkdir "$unit.d"
    printf '[Service]\nStandardOutput=append:/var/log/nightjar/%%n\nStandardError=inherit\n' >"$unit.d/10-log.conf"
done
pivot_root . run/host
umount --lazy run/host
cd /
mount --make-rshared / # or a service never sees its credentials
systemd-sysusers /run/nightjar.sysusers
export container=nightjar-test SYSTEMD_UNIT_PATH=/run/systemd/system
exec /lib/systemd/systemd --system --unit=machine.target --log-target=console --log-level=info --show-status=no
END
    chmod +x init
}

inside() { # COMMAND...
    timeout "$WAIT_S" nsenter --target "$init" --all -- "$@"
}

give() { # FILE PATH [MODE]: "-" is standard input
    cat "$1" | inside install -D -m "${3:-644}" /dev/stdin "$2"
}

is_up() {
    init=$(children "${pid[machine]}" | grep -m1 .) && [[ -n $init ]] && inside systemctl is-active --quiet machine.target 2>/dev/null
}

start_machine() {
    require_systemd
    write_init
    # Of a test that was killed nothing is left but its empty cgroup.
    find "$cgroup_root" -depth -path "$cgroup_root/nightjar-test-*" -type d -mmin +60 -exec rmdir {} \; 2>/dev/null || true
    cgroup=$(mktemp -d "$cgroup_root/nightjar-test-XXXXXX")
    start machine bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec unshare --fork --pid --mount --uts --ipc --cgroup --net \
        --kill-child=KILL "$@"' machine "$cgroup" "$work/init" "$bin" "$source_dir"
    machine=${pid[machine]}
    await "systemd to be up" is_up
}

extend() { # UNIT LINE...
    printf '%s\n' "${@:2}" | give - "/run/systemd/system/$1.d/50-test.conf"
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
