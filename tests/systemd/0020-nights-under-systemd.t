# The units under a real systemd: a night of one host, a night with a wrong setting, a timer; then coordinator and workers of which one
# is killed, one hangs, and the coordinator dies too. What is published is what `nightjar run` publishes.
. "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
grep -q NJ_FAILPOINT "$bin/nightjar-worker" || skip "the programs are built without -DNIGHTJAR_FAILPOINTS=ON"

start_machine
make_night 200
make_keys server worker
inside install -m 644 -D -t /srv/nightjar "$work/night.njb" "$work/users.txt" 2>install.log ||
    inside install -m 644 -D -t /var/nightjar "$work/night.njb" "$work/users.txt"
inside mkdir -p /etc/nightjar/far
cat >env <<END
NIGHTJAR_BUNDLE=/var/nightjar/night.njb
NIGHTJAR_USERS=/var/nightjar/users.txt
NIGHTJAR_BEAM=20
NIGHTJAR_TOP=10
END
(cat env && echo NIGHTJAR_WORKERS=2) | inside tee /etc/nightjar/shop.env >/dev/null

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
(cat env && echo NIGHTJAR_WORKERS=many) | inside tee /etc/nightjar/wrong.env >/dev/null
extend nightjar-alert@.service "ExecStart=" "ExecStart=/bin/touch /run/alert.%i" "DynamicUser=no"
printf '[Unit]\nOnFailure=nightjar-alert@%%n.service\n' | inside tee /run/systemd/system/nightjar-night@.service.d/60-alert.conf >/dev/null
inside systemctl daemon-reload
inside systemctl start nightjar-night@wrong
await "the alert" inside test -e /run/alert.nightjar-night@wrong.service
expect_property nightjar-night@wrong ExecMainStatus 2
expect_property nightjar-night@wrong NRestarts 0

# The timer.
inside mkdir /run/systemd/system/nightjar-night@.timer.d
printf '[Timer]\nOnCalendar=\nOnCalendar=*:*:*\nRandomizedDelaySec=0\nAccuracySec=1us\n' |
    inside tee /run/systemd/system/nightjar-night@.timer.d/test.conf >/dev/null
inside systemctl daemon-reload
inside systemctl start nightjar-night@shop.timer
has_new() { [[ $(inside cat /var/lib/nightjar/shop/CURRENT) != "$generation" ]]; }
await "the timer's night" has_new
inside systemctl stop nightjar-night@shop.timer

# ---- coordinator and workers apart ----

(cat env && echo "NIGHTJAR_BIND=tcp://127.0.0.1:7000" && echo "NIGHTJAR_SHARD_USERS=8" && echo "NIGHTJAR_LEASE_MS=3000") |
    inside tee /etc/nightjar/far.env >/dev/null
inside cp "$work/worker.key.pub" /etc/nightjar/far/workers
inside cp "$work/server.key" /etc/nightjar/far/server.key
inside cp "$work/server.key.pub" "$work/worker.key" /etc/nightjar
printf 'NIGHTJAR_CONNECT=tcp://127.0.0.1:7000\nNJ_FAILPOINT=compute.user=slow:100\n' | inside tee /etc/nightjar/worker.env >/dev/null
extend nightjar-worker@.service "RestartSec=100ms" "WatchdogSec=2"
extend nightjar-coordinator@.service "RestartSec=100ms"
inside systemctl start nightjar-workers.target nightjar-worker@1 nightjar-worker@2 # before there is a coordinator
inside systemctl start nightjar-coordinator@far # returns when workers can connect
[[ $(property nightjar-coordinator@far StatusText) == "listening on tcp://127.0.0.1:7000, 200 users to decode" ]] ||
    fail "status: $(property nightjar-coordinator@far StatusText)"
some_committed() { [[ $(inside "$bin/count_shards" /var/lib/nightjar/far 2>/dev/null) -ge 2 ]]; }
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
