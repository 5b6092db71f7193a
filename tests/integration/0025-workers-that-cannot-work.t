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
expect_said last "workers ended 25 times without anything committed"
[[ $(count_said last "signal 11\): starting another") -eq 20 ]] || fail "not 20 of 25 ends stand in the log"
expect_said last "ends of workers: 5 more lines"
as_worker 'echo "nightjar-worker: the weights are NaN" >&2; exit 65'
expect_exit 65 bin/nightjar run "${night[@]}" --store store --workers 2
expect_said last "the weights are NaN"
expect_said last "ended with exit 65 .*no other works"

# As long as others work, the night goes on: here the first of two workers cannot.
as_worker 'if mkdir first 2>/dev/null; then exit 78; fi; exec "'"$bin"'/nightjar-worker" "$@"'
expect_exit 0 bin/nightjar run "${night[@]}" --store store --workers 2
expect_said last "ended with exit 78 and is not replaced"
expect_rows store
rm -r store

rm bin/nightjar-worker
touch bin/nightjar-worker
chmod +x bin/nightjar-worker # not a program: an empty script, which a kernel does not run
expect_exit 1 bin/nightjar run "${night[@]}" --store store --workers 1
expect_said last "ended with exit 127"

# Nothing of this is in the way of the next night.
[[ ! -e store/staging && ! -e store/CURRENT ]] || fail "a night without a committed shard has left something behind"
expect_exit 0 nightjar run "${night[@]}" --store store --workers 1
expect_rows store
