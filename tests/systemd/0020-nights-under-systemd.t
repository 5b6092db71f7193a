# The units under a real systemd: a night of one host, a night with a wrong setting, a timer; then coordinator and workers of which one
# is killed, one hangs, and the coordinator dies too. What is published is what `nightjar run` publishes.
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
grep -q NJ_FAILPOINT "$bin/nightjar-worker" || skip "the programs are built without -DNIGHTJAR_FAILPOINTS=ON"

start_machine
make_night 200
make_keys server worker
give night.njb /srv/shop/night.njb
give users.txt /srv/shop/users.txt
cat >env <<END
NIGHTJAR_BUNDLE=/srv/shop/night.njb
NIGHTJAR_USERS=/srv/shop/users.txt
NIGHTJAR_BEAM=20
NIGHTJAR_TOP=10
END
(cat env && echo NIGHTJAR_WORKERS=2) | give - /etc/nightjar/shop.env

expect_store() { # SHOP
    inside nightjar store verify --store "/var/lib/nightjar/$1" >verify.out 2>verify.log || fail "$1 does not verify"
    inside nightjar store export --store "/var/lib/nightjar/$1" --to jsonl >export.jsonl 2>export.log || fail "$1: no export"
    cmp export.jsonl expected.jsonl >&2 || fail "$1 has other rows than nightjar run"
}

# ---- one host ----

inside systemctl start nightjar-night@shop
await_property nightjar-night@shop ActiveState inactive
expect_property nightjar-night@shop Result success
expect_store shop
[[ $(inside stat -c '%U %a' /var/lib/nightjar/shop) == "nightjar 750" ]] || fail "the store's owner and mode"
generation=$(inside cat /var/lib/nightjar/shop/CURRENT)

# A wrong setting is told to somebody, and not tried again.
(cat env && echo NIGHTJAR_WORKERS=many) | give - /etc/nightjar/wrong.env
extend nightjar-alert@.service "[Service]" "DynamicUser=no" "ExecStart=" "ExecStart=/bin/touch /run/alert.%i"
extend nightjar-night@.service "[Unit]" "OnFailure=nightjar-alert@%n.service"
inside systemctl start nightjar-night@wrong
await "the alert" inside test -e /run/alert.nightjar-night@wrong.service
expect_property nightjar-night@wrong ExecMainStatus 2
expect_property nightjar-night@wrong NRestarts 0

# The timer.
extend nightjar-night@.timer "[Timer]" "OnCalendar=" "OnCalendar=*:*:*" "RandomizedDelaySec=0" "AccuracySec=1us"
inside systemctl start nightjar-night@shop.timer
has_new() { [[ $(inside cat /var/lib/nightjar/shop/CURRENT) != "$generation" ]]; }
await "the timer's night" has_new
inside systemctl stop nightjar-night@shop.timer

# ---- coordinator and workers apart ----

(cat env && printf '%s\n' NIGHTJAR_BIND=tcp://127.0.0.1:7000 NIGHTJAR_SHARD_USERS=8 NIGHTJAR_LEASE_MS=3000) | give - /etc/nightjar/far.env
give worker.key.pub /etc/nightjar/far/workers
give server.key /etc/nightjar/far/server.key 600
give server.key.pub /etc/nightjar/server.key.pub
give worker.key /etc/nightjar/worker.key 600
printf '%s\n' NIGHTJAR_CONNECT=tcp://127.0.0.1:7000 NJ_FAILPOINT=compute.user=slow:100 | give - /etc/nightjar/worker.env
extend nightjar-worker@.service "[Service]" "RestartSec=100ms" "WatchdogSec=2"
extend nightjar-coordinator@.service "[Service]" "RestartSec=100ms"
inside systemctl start nightjar-workers.target nightjar-worker@1 nightjar-worker@2 # before there is a coordinator
inside systemctl start nightjar-coordinator@far # returns when workers can connect
[[ $(property nightjar-coordinator@far StatusText) == "listening on tcp://127.0.0.1:7000, 200 users to decode" ]] ||
    fail "status: $(property nightjar-coordinator@far StatusText)"
some_committed() { [[ $(inside count_shards /var/lib/nightjar/far 2>/dev/null) -ge 2 ]]; }
await "2 committed shards" some_committed

inside systemctl kill --signal=KILL nightjar-worker@1
inside systemctl kill --kill-whom=main --signal=STOP nightjar-worker@2
await_property nightjar-worker@1 NRestarts 1
await_property nightjar-worker@2 NRestarts 1
inside test -d /var/lib/nightjar/far/staging || fail "the night was over before its middle"
inside systemctl kill --signal=KILL nightjar-coordinator@far
await_property nightjar-coordinator@far NRestarts 1
await_property nightjar-coordinator@far ActiveState inactive
expect_property nightjar-coordinator@far Result success
inside grep -q "resumed: [1-9]" /var/log/nightjar/nightjar-coordinator@far.service || fail "the coordinator did not resume"
expect_store far

# Workers wait for the next night, and stop when they are asked to.
inside systemctl stop nightjar-workers.target
for i in 1 2; do
    await_property "nightjar-worker@$i" ActiveState inactive
    expect_property "nightjar-worker@$i" Result success
done
