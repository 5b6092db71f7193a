# Results that cannot be written are a failure with exit 74, whatever prints them, and never a signal.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store

into() { # FILE COMMAND...
    local file=$1
    shift
    "$@" >"$file"
}

for command in --help --version 'decode --help' 'bundle list b.njb' 'bundle list b.njb --json' 'bundle verify b.njb' 'catalogue show cat' \
    'catalogue show cat --json' 'decode --bundle b.njb --users users.txt' 'store get --store store alma' 'store export --store store' \
    'store list --store store' 'store stat --store store --json' 'store verify --store store' 'keys --out key'; do
    read -ra words <<<"$command"
    expect_exit 74 'standard output: No space left on device' -- into /dev/full nightjar "${words[@]}"
done
# More than a buffer: an earlier write fails, not the last one.
expect_exit 74 'standard output: No space left on device' -- into /dev/full decode "$data/histories.txt"

piped() { # COMMAND...: its reader takes one line and goes
    local code
    set +e
    "$@" | head -n 1 >line
    code=${PIPESTATUS[0]}
    set -e
    return "$code"
}
expect_exit 74 'standard output: Broken pipe' -- piped nightjar decode --bundle b.njb --users "$data/histories.txt"
check "... and the line that was read is whole" python3 -m json.tool line json.tmp

# A standard stream that is closed does not lend its number to a file.
without() { # STREAM COMMAND...
    local stream=$1
    shift
    case $stream in
        0) "$@" <&- ;;
        1) "$@" >&- ;;
        2) "$@" 2>&- ;;
        all) "$@" <&- >&- 2>&- ;;
    esac
}
expect_exit 74 'standard output: Bad file descriptor' -- without 1 decode users.txt
expect_exit 74 'standard input: cannot read: Bad file descriptor' -- without 0 decode -
expect_exit 0 '' -- without 2 decode users.txt
stdout_lines 20
nightjar bundle pack --model "$data/model" --catalogue cat --out reference.njb >out 2>err
expect_exit 74 '' -- without all nightjar bundle pack --model "$data/model" --catalogue cat --out quiet.njb
check "... and the bundle is the same as with them" cmp -s quiet.njb reference.njb
before=$(digest_of store)
expect_exit 74 '' -- without all nightjar store list --store store
expect_untouched store "$before"
expect_exit 5 '' -- without 2 nightjar bundle list missing.njb
done_testing
