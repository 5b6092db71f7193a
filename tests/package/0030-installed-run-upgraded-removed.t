# Installed into a root that has nothing but what Depends brings, the programs run a night, alone and as coordinator and worker of two
# machines; the packages are upgraded, removed and purged, and leave the root as it was.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh" --namespace

nightjar=$(deb nightjar)
worker=$(deb nightjar-worker)
make_root big "$nightjar" "$worker"
make_root small "$worker"
for root in big small; do
    print_tree $root >$root.before
done
[[ -z $(find small -name 'liblmdb*' -o -name 'libmicrohttpd*') ]] || fail "the worker's machine has a store"

# A dependency that is missing is noticed before the programs are.
! dpkg --root="$PWD/small" --log=refused.log -i "$nightjar" >refused.out 2>&1 || fail "nightjar installs where there is no LMDB"
grep -q 'nightjar depends on liblmdb0' refused.out || fail "dpkg does not name liblmdb0"
dpkg_in small -P nightjar

dpkg_in big -i "$nightjar" "$worker"
dpkg_in small -i "$worker"
[[ -z $(dpkg --root="$PWD/big" --verify nightjar) ]] || fail "other files than those of nightjar"
[[ -z $(dpkg --root="$PWD/small" --verify nightjar-worker) ]] || fail "other files than those of nightjar-worker"

# A night on one machine.
make_night 40
run_night big
# A night on two.
make_keys server worker
cat worker.key.pub >big/tmp/allowed
cp server.key* big/tmp/
cp server.key.pub worker.key* small/tmp/
start coordinator in_root big nightjar-coordinator --bind "tcp://127.0.0.1:*" --key /tmp/server.key --workers /tmp/allowed \
    --bundle /tmp/night.njb --users /tmp/users.txt "${settings[@]}" "${shards[@]}" --store /tmp/store2
where=$(endpoint coordinator)
start worker in_root small nightjar-worker --connect "$where" --server-key /tmp/server.key.pub --key /tmp/worker.key --cache /tmp/cache
expect_end coordinator 0
expect_end worker 0
in_root big nightjar store export --store /tmp/store2 --to jsonl >export.jsonl
cmp export.jsonl expected.jsonl || fail "two machines publish other lists"

# The same packages with a later version: what is there is replaced, what was published stays.
version=$(field "$worker" Version)
make_later() { # DEB
    dpkg-deb -R "$1" later
    sed -i "s/$version/&+later/" later/DEBIAN/control
    dpkg-deb --root-owner-group -Znone -b later "later-${1##*/}" >/dev/null
    rm -r later
}
make_later "$nightjar"
make_later "$worker"
dpkg_in big -i "later-${nightjar##*/}" "later-${worker##*/}"
dpkg_in small -i "later-${worker##*/}"
[[ $(dpkg-query --admindir="$PWD/big/var/lib/dpkg" -W -f '${Status} ${Version}' nightjar) == "install ok installed "*+later ]] ||
    fail "nightjar is not upgraded"
in_root big nightjar store get --store /tmp/store "$(head -n 1 users.txt | cut -d ' ' -f 1)" >get.out || fail "the store does not outlive an upgrade"
[[ -s get.out ]] || fail "the upgraded nightjar prints nothing"

dpkg_in big -r nightjar nightjar-worker
[[ ! -e big/usr/bin/nightjar && ! -e big/usr/bin/nightjar-worker ]] || fail "a program outlives its package"
remains=$(dpkg-query --admindir="$PWD/big/var/lib/dpkg" -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^config-files //p')
if [[ -n $remains ]]; then # a package without settings is gone when it is removed
    # shellcheck disable=SC2086
    dpkg_in big -P $remains
fi
dpkg_in small -P nightjar-worker
for root in big small; do
    print_tree $root >$root.after
    diff $root.before $root.after >&2 || fail "$root is not as it was before"
done
