# A log whose reader has gone away does not end the night, nor its workers.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 60
mkfifo log
head -n 1 log >first-line &
code=0
timeout $WAIT_S env --default-signal=PIPE nightjar run "${night[@]}" "${shards[@]}" --store store --workers 2 2>log || code=$?
[[ $code -eq 0 ]] || fail "the night ended with exit $code"
[[ $(wc -l <first-line) -eq 1 ]] || fail "nobody read the first line, and so nobody went away"
expect_rows store
