# The deadline comes while the sample is decoded again: everybody has a list, so the night is published, whatever --on-deadline says.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

make_night 16
for wait_s in 2 4 8 16; do # a busy machine decodes no night in two seconds
    rm -rf store
    code=0
    NJ_FAILPOINT=compute.begun=slow@3:30000 nightjar run "${night[@]}" --workers 1 --shard-users 8 --store store --json \
        --deadline "${wait_s}s" >last.out 2>last.log || code=$?
    grep -q "the sample is not decoded again" last.log && break
    ! grep -q '"audited_users": 16' last.out || exit 77 # programs without failpoints are not slow enough
done
expect_said last "the deadline has come: the sample is not decoded again"
[[ $code -eq 0 ]] || fail "a night of which everybody is decoded ended with $code"
expect_rows store
