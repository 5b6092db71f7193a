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

# A log whose reader has stopped (its pipe is full) does not hold up the night, its workers or their ends.
mkfifo full
exec 9<>full
python3 -c 'import os, sys
os.set_blocking(9, False)
try:
    while True:
        os.write(9, bytes(4096))
except BlockingIOError:
    os.set_blocking(9, True)'
for format in text json; do
    code=0
    timeout $WAIT_S nightjar run "${night[@]}" "${shards[@]}" --store "store-$format" --workers 2 --log-format $format \
        2>full 9>&- || code=$?
    [[ $code -eq 0 ]] || fail "the night ended with exit $code"
    expect_rows "store-$format"
done
timeout $WAIT_S nightjar run "${night[@]}" --store store-text --resume --bad 2>full 9>&- && fail "--bad is an option" || code=$?
[[ $code -eq 2 ]] || fail "a program with a bad option and a full log ended with $code"
exec 9>&-
