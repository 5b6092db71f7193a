# NIGHTJAR_* variables speak to `nightjar run`: its workers take their options from it, and nothing from the environment.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 40
cat >night.yaml <<'END'
bundle: night.njb
users: users.txt
beam: 20
top: 10
workers: 1
END

start one env NIGHTJAR_CONFIG=night.yaml NIGHTJAR_STORE=store NIGHTJAR_PROCS=3 NIGHTJAR_INSECURE=1 NIGHTJAR_DRAIN_MS=never \
    nightjar run
expect_end one 0
expect_rows store
[[ $(count_said one " joins, ") -eq 1 ]] || fail "a worker started others"
