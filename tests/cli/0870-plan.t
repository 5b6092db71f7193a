# nightjar plan: what a night will take, in a form that scripts read; it writes nothing but --out, and says what would go wrong.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
mkdir in
mv b.njb in
cp "$data/histories.txt" in/users.txt
before=$(digest_of in)
plan=(nightjar plan --bundle in/b.njb --users in/users.txt --workers 1 --probe-seconds 1)

expect_that() { # PYTHON OF p
    check "... and $1" python3 -c "
import json
p = json.load(open('plan.json'))
assert $1, p"
}

# For people, and beside it for `run --plan`.
expect_exit 0 '' -- "${plan[@]}" --store new/store --out plan.json --deadline 10h --price-per-core-hour 0.05
stdout_has '2003 users: 2003 are decoded'
stdout_has 'are free in .'
stdout_has 'met by '
stdout_has 'for a million users'
expect_absent new
valid plan plan.json
expect_that "p['users'] == p['histories']['users'] == 2003 and p['cores'] == 1 and p['deadline']['met'] and all('probe had' in w for w in p['warnings'])"
expect_that "0 < p['searches'] < 2003 and p['probe']['alone']['searches'] > 0"
expect_that "abs(p['seconds']['total'] - sum(v for k, v in p['seconds'].items() if k != 'total')) < 1e-9"
expect_untouched in "$before"

# A sample stands for a night that is larger, and more machines for these. The disk is too small for it and the night too long.
if can_mount; then
    expect_exit 4 'the night does not fit' -- on_disk 1m "${plan[@]}" --store disk/store --scale-users 100000000 --nodes 2 \
        --deadline 1h --strict --out plan.json --json
    cp out json.out
    stderr_has 'disk has 1.0 MB free, the night needs'
    stderr_has 'is missed by'
    stdout_is_valid plan
    check '... which is what --out holds' python3 -c 'import json; assert json.load(open("json.out")) == json.load(open("plan.json"))'
    valid plan plan.json
    expect_that "p['users'] == 100000000 and p['scaled_from_users'] == 2003 and p['cores'] == 2"
    expect_that "not p['deadline']['met'] and p['deadline']['cores'] > 2 and p['deadline']['nodes'] == p['deadline']['cores']"
    expect_that "1562500 < p['shards'] < 1563500 and len(p['warnings']) >= 2"
    expect_exit 4 'disk/a? has 0.0 MB free, the night needs' -- on_disk 64k bash -c \
        'mkdir disk/a$1 && head -c 1m /dev/zero >disk/full 2>/dev/null; "${@:2}" --store disk/a$1' full $'\xff' "${plan[@]}" --strict --out plan.json
    valid plan plan.json
    expect_that "p['machine']['disk_free_bytes'] == 0 and p['warnings'][0].startswith('disk/a? has')"
else
    skip 'no disk of its own can be mounted here'
fi
if unshare -rm mount -t tmpfs tmpfs /sys/fs/cgroup 2>mount.err; then
    in_group() { # COMMAND...: in a control group of 10 MB, as either version tells it
        unshare -rm bash -c 'mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir /sys/fs/cgroup/memory &&
            echo 10000000 | tee /sys/fs/cgroup/memory.max >/sys/fs/cgroup/memory/memory.limit_in_bytes && exec "$@"' in_group "$@"
    }
    expect_exit 4 "MB of memory here, the control group's limit is 10 MB: take fewer --workers" -- in_group "${plan[@]}" --strict
else
    skip 'no file system can be mounted here'
fi
expect_exit 0 'no number of cores helps' -- "${plan[@]}" --scale-users 100000000 --deadline 2s
stdout_has 'MISSED'

# Nobody is decoded: all are cold, or all are copied.
awk 'NR <= 50 { print $1, "nothing" }' in/users.txt >cold.txt
expect_exit 0 '50 cold users' -- nightjar plan --bundle in/b.njb --users cold.txt --probe-seconds 1 --out plan.json
expect_that "p['searches'] == p['histories']['items_most'] == 0 and p['histories']['cold'] == 50 and p['store_bytes'] > 0"
# The one user who is not cold is not in the sample: rows have a size all the same.
(seq 1 65001 && echo "65002 $(head -n 1 "$data/items.txt")" && seq 65003 131072) >nearly.txt
expect_exit 0 '' -- nightjar plan --bundle in/b.njb --users nearly.txt --workers 1 --probe-seconds 1 --out plan.json
expect_that "p['searches'] == 1 and p['histories']['cold'] == 131071 and p['store_bytes'] > 131072 * 100"
awk 'NR <= 50 { print $1, NR % 2 ? "nothing" : "'"$(head -n 3 "$data/items.txt" | tr '\n' ' ')"'" }' in/users.txt >alike.txt
expect_exit 0 '' -- nightjar plan --bundle in/b.njb --users alike.txt --workers 1 --probe-seconds 1 --out plan.json
expect_that "p['searches'] == 1 and p['histories']['cold'] == 25 and p['histories']['items_most'] == 3"
head -n 50 in/users.txt >some.txt
nightjar run --bundle in/b.njb --users some.txt --store store --workers 1 >out 2>err
expect_exit 0 '' -- nightjar plan --bundle in/b.njb --users some.txt --store store --since current --out plan.json
expect_that "p['copied'] == 50 and p['shards'] == 0 and p['seconds']['decode'] == 0 and p['store_bytes'] > 16384"
valid plan plan.json

# What is wrong is said before anything is measured.
expect_exit 2 '--deadline is "5 o'"'"'clock", must be a time such as 05:00' -- "${plan[@]}" --deadline "5 o'clock"
expect_exit 2 '--price-per-core-hour is "-1"' -- "${plan[@]}" --price-per-core-hour -1
expect_exit 2 '--price-per-core-hour is "nan"' -- "${plan[@]}" --price-per-core-hour nan
expect_exit 2 '--since needs --store' -- "${plan[@]}" --since current
expect_exit 2 '--nodes' -- "${plan[@]}" --nodes 0
expect_exit 2 '--probe-seconds' -- "${plan[@]}" --probe-seconds 0
expect_exit 2 '--scale-users' -- "${plan[@]}" --scale-users 256000001
expect_exit 2 '--pin' -- "${plan[@]}" --pin nowhere
expect_exit 74 'no/such/folder' -- "${plan[@]}" --out no/such/folder/plan.json
done_testing
