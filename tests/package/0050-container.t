# The Containerfile holds what the handbook promises of the images; and the programs do as process 1, which the kernel sends no signal that
# it does not expect, what they do elsewhere: end on SIGTERM and SIGINT.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh" --namespace

file=$source_dir/ops/container/Containerfile
check=$source_dir/tests/package/check_container.py
python3 "$check" "$file" "$source_dir" || fail "the Containerfile does not hold"
python3 "$check" "$file" "$source_dir" --shell >scripts
[[ $(tr -dc '\0' <scripts | wc -c) -ge 4 ]] || fail "the Containerfile runs less than four scripts"
while IFS= read -r -d '' script; do
    sh -n -c "$script" || fail "this is no shell: $script"
done <scripts

# A check that accepts anything is none: each of these is refused.
expect_refused() { # SED SCRIPT
    sed "$1" "$file" >bad
    ! cmp -s "$file" bad || fail "\"$1\" changes nothing"
    ! python3 "$check" bad "$source_dir" 2>refused.log || fail "\"$1\" is accepted"
}
expect_refused 's/^USER .*/USER root/'
expect_refused 's/^ENTRYPOINT .*/ENTRYPOINT nightjar-worker/'
expect_refused 's/debian:12-slim AS build/debian AS build/'
expect_refused 's/^COPY common .*/COPY nothing nothing/'
expect_refused 's/from=build/from=builder/'
expect_refused 's/--no-install-recommends//'
expect_refused 's/^STOPSIGNAL .*/STOPSIGNAL SIGKILL/'
expect_refused 's/^WORKDIR .*/WORKDIRECTORY x/'

make_night 20
make_keys server worker
cat worker.key.pub >allowed
# Process 1 of a namespace is the first child of unshare.
first_of() {
    children "${pid[$1]}" | head -n 1
}
is_up() { # NAME: it has said what SIGTERM is to do
    local first mask
    first=$(first_of "$1")
    mask=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/${first:-0}/status" 2>/dev/null) || return 1
    ((0x${mask:-0} >> 14 & 1))
}
expect_first_ends() { # NAME SIGNAL EXIT CODE
    kill "-$2" "$(first_of "$1")"
    expect_end "$1" "$3"
}
for signal in TERM INT; do
    start_alone() { # NAME COMMAND...
        local name=$1
        shift
        start "$name" unshare --pid --fork --kill-child "$@"
        await "$name to expect SIGTERM" is_up "$name"
    }
    start_alone "coordinator-$signal" nightjar-coordinator --bind "tcp://127.0.0.1:*" --key server.key --workers allowed "${night[@]}" \
        --store "store-$signal"
    [[ $signal == TERM ]] && code=143 || code=130
    start_alone "worker-$signal" nightjar-worker --connect "tcp://127.0.0.1:9" --server-key server.key.pub --key worker.key --cache cache
    expect_first_ends "worker-$signal" "$signal" "$code"
    expect_first_ends "coordinator-$signal" "$signal" "$code"
done
