# A `nightjar run` whose workers cannot work ends, with the reason: it neither waits for ever nor starts them for ever.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 60
mkdir bin
cp "$bin/nightjar" bin/nightjar # it looks for the worker's program beside itself

expect_exit 5 bin/nightjar run "${night[@]}" --store store --workers 1
expect_said last "bin/nightjar-worker"

as_worker() { # SCRIPT
    printf '#!/bin/bash\n%s\n' "$1" >bin/nightjar-worker
    chmod +x bin/nightjar-worker
}
as_worker 'kill -SEGV $$'
expect_exit 1 bin/nightjar run "${night[@]}" --store store --workers 4
expect_said last "workers ended 21 times"
[[ $(count_said last "signal 11\): starting another") -eq 20 ]] || fail "workers were not started 20 times again"
as_worker 'echo "nightjar-worker: the weights are NaN" >&2; exit 65'
expect_exit 65 bin/nightjar run "${night[@]}" --store store --workers 2
expect_said last "the weights are NaN"
expect_said last "ended with exit 65"
rm bin/nightjar-worker
touch bin/nightjar-worker
chmod +x bin/nightjar-worker # not a program: an empty script, which a kernel does not run
expect_exit 1 bin/nightjar run "${night[@]}" --store store --workers 1
expect_said last "ended with exit 127"

# Nothing of this is in the way of the next night.
[[ ! -e store/staging && ! -e store/CURRENT ]] || fail "a night without a committed shard has left something behind"
expect_exit 0 nightjar run "${night[@]}" --store store --workers 1
expect_rows store
