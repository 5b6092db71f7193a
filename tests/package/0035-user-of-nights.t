# Where systemd is, the package brings the user to whom stores belong, and asks for nothing that is not there; purged, it leaves the user's
# stores and takes the cache and what was switched on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh" --namespace
command -v systemd-sysusers >/dev/null || {
    echo "SKIPPED: package/${0##*/}: there is no systemd-sysusers here"
    exit 77
}

nightjar=$(deb nightjar)
worker=$(deb nightjar-worker)
make_root root --with systemd "$nightjar" "$worker"
dpkg_in root -i "$nightjar" "$worker"
grep -q '^nightjar:.*:/var/lib/nightjar:' root/etc/passwd || fail "there is no user nightjar"

mkdir -p root/var/lib/nightjar/shop root/var/cache/nightjar root/var/cache/private/nightjar-worker \
    root/etc/systemd/system/timers.target.wants root/etc/systemd/system/nightjar-workers.target.wants
touch root/var/lib/nightjar/shop/CURRENT
ln -s /usr/lib/systemd/system/nightjar-night@.timer root/etc/systemd/system/timers.target.wants/nightjar-night@shop.timer
ln -s /usr/lib/systemd/system/nightjar-worker@.service root/etc/systemd/system/nightjar-workers.target.wants/nightjar-worker@1.service
dpkg_in root -r nightjar nightjar-worker
dpkg_in root -P nightjar nightjar-worker
[[ -e root/var/lib/nightjar/shop/CURRENT ]] || fail "purging takes a store"
found=$(find root/etc/systemd root/var/cache -name '*nightjar-*@*' -o -path '*cache*nightjar*')
[[ -z $found ]] || fail "purging leaves $found"
