# Logs for machines: every line of every process is an event with its fields, in the form asked for, and none holds a secret.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 60
make_keys server worker stranger
cp worker.key.pub allowed

start_coordinator coordinator "tcp://127.0.0.1:*" store --log-format json
await_said coordinator '"event":"listening"'
where=$(sed -n 's/.*"endpoint":"\(tcp:[^"]*\)".*/\1/p' coordinator.log)
start stranger nightjar-worker --connect "$where" --server-key server.key.pub --key stranger.key --cache cache --give-up-ms 1500 \
    --log-format logfmt
start_worker idle "$where" --log-format json
start_worker worker "$where" --log-format json
expect_end coordinator 0
expect_end worker 0
expect_end idle 0
expect_end stranger 75
expect_rows store

# JSON: one object a line, the fields of every line first, and nothing else on standard error.
cat >check.py <<'CHECK'
import json, re, sys

events = set()
for name in sys.argv[1:]:
    for line in open(name, encoding="utf-8"):
        event = json.loads(line)
        assert list(event)[:5] == ["time", "level", "program", "pid", "event"], line
        assert list(event)[-1] == "message" and event["message"], line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"]), line
        assert event["level"] in ("info", "warning", "error") and event["pid"] > 0, line
        events.add(event["event"])
print(*sorted(events), sep="\n")
CHECK
python3 check.py coordinator.log worker.log idle.log >events
for event in plan listening worker_joined worker_left peer_refused packed published bundle_looked_up engine_ready; do
    grep -qx "$event" events || fail "no event $event among: $(tr '\n' ' ' <events)"
done
grep -Eq '"event":"published","generation":"gen-[0-9A-Z]{26}","rows":60,' coordinator.log || fail "published: $(tail -n 1 coordinator.log)"

# logfmt: key=value, quotes where there is a space.
tail -n 1 stranger.log >last-line
grep -Eq '^time=[0-9T:.-]*Z level=error program=nightjar-worker pid=[0-9]+ event=ended status=AGAIN exit=75 message="tcp' last-line ||
    fail "stranger: $(cat last-line)"

# A command line that is wrong is told in the same form, once the form is known.
expect_exit 2 nightjar run "${night[@]}" --store store --log-format xml
expect_said last 'log-format is "xml", must be text, logfmt or json'
# The secret halves of all keys, and of the keys that `run` draws, stand nowhere.
export NIGHTJAR_LOG_FORMAT=json # as an environment variable; the workers of `run` get it as an option
start local nightjar run "${night[@]}" "${slow[@]}" --store local-store --workers 2
expect_end local 0
python3 check.py local.log >events
grep -qx engine_ready events || fail "the workers of run log in another form"
for key in server worker stranger; do
    secret=$(grep -v '^#' "$key.key")
    [[ ${#secret} -eq 40 ]] || fail "$key.key has no secret to look for"
    ! grep -Fq -- "$secret" ./*.log || fail "the secret key of $key is in a log"
done
