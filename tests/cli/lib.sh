# lib.sh - what the scripts of this folder share: a small shop, and ways to expect something of a command.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#   make_bundle                                              cat/ and b.njb, from ops/demo-data
#   expect_exit 65 'h.txt: line 3' -- nightjar decode ...    exit code, and what standard error must say
#   stderr_has 'line 1'                                      more of the same command's standard error
#   done_testing
#
# $NIGHTJAR_BIN is the folder of the programs. A script runs in a temporary folder of its own and prints a line "ok" or
# "not ok" for every expectation. A command that a signal ended (exit 128 and more) or that a sanitizer complained about is
# never ok, whatever was expected of it. Files of the last command: out, err.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC PYTHONDONTWRITEBYTECODE=1
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${NIGHTJAR_BIN:?the folder of nightjar, nightjar-coordinator and nightjar-worker}"
programs=$(cd "$NIGHTJAR_BIN" && pwd)
PATH=$programs:$PATH
for name in $(compgen -e NIGHTJAR_ || true); do # a setting of the caller must not reach the programs
    unset "$name"
done
export NIGHTJAR_NO_PAIRING_CHECK=true # most tests pack a model with SIDs for their form, and have a hundred bundles to pack
export PYTHONPATH=$source_dir/tests/cli
data=$source_dir/ops/demo-data
script=$(basename "$0")
work=$(mktemp -d)
cd "$work"
export HOME=$work TMPDIR=$work/tmp # the default section cache and whatever a program leaves behind
mkdir tmp
tests=0 failures=0 finished=no
trap 'end_script $?' EXIT

end_script() { # EXIT CODE
    if [[ $finished == no ]]; then
        echo "not ok - $script ended early with exit $1"
        tail -n 5 err 2>/dev/null || true
        failures=1
    fi
    cd /
    rm -rf "$work"
    [[ $failures -eq 0 ]] || exit 1
}

done_testing() {
    finished=yes
    echo "1..$tests"
}

# For what this machine cannot do. The line begins as cmocka's does, so that ops/test lists and counts it.
skip() { # REASON
    tests=$((tests + 1))
    echo "ok $tests # SKIP $1"
    echo "SKIPPED  cli/$script: $1"
}

ok() { # WHAT
    tests=$((tests + 1))
    echo "ok $tests - $1"
}

not_ok() { # WHAT WHY
    tests=$((tests + 1))
    failures=$((failures + 1))
    echo "not ok $tests - $1"
    echo "    $2"
    head -n 6 err | cut -c 1-400 | sed 's/^/    stderr: /'
}

check() { # WHAT COMMAND...
    local what=$1
    shift
    if "$@"; then
        ok "$what"
    else
        not_ok "$what" "fails: $*"
    fi
}

# What standard error says must be text: a terminal and a log collector read it. Looked at byte by byte, so in the C locale.
is_printable() { # TEXT
    local LC_ALL=C
    if [[ $1 == *[$'\001'-$'\010'$'\013'-$'\037'$'\177']* ]]; then
        return 1
    fi
    [[ $1 != *[$'\200'-$'\377']* ]] || iconv -f UTF-8 -t UTF-8 err >iconv.out 2>&1
}

expect_exit() { # CODE TEXT -- COMMAND...
    local code=0 wanted=$1 text=$2 what said=
    shift 3
    what=$*
    what="${what//[^[:print:]]/?}"
    what="${what:0:120}: exit $wanted${text:+ \"$text\"}"
    "$@" >out 2>err || code=$?
    IFS= read -r -d '' said <err || true
    if [[ $code -ge 128 ]]; then # nothing that is put in may bring this about
        not_ok "$what" "ended by signal $((code - 128))"
    elif [[ $said == *Sanitizer* || $said == *'runtime error:'* ]]; then
        not_ok "$what" "a sanitizer complains"
    elif [[ $code -ne $wanted ]]; then
        not_ok "$what" "exit $code"
    elif [[ $said != *"$text"* ]]; then
        not_ok "$what" "standard error does not say so"
    elif ! is_printable "$said"; then
        not_ok "$what" "standard error is not plain UTF-8"
    else
        ok "$what"
    fi
}

stderr_has() { # TEXT
    check "... and says \"$1\"" grep -a -q -F -e "$1" err
}

stdout_has() { # TEXT
    check "... and prints \"$1\"" grep -a -q -F -e "$1" out
}

stdout_lines() { # COUNT
    check "... and prints $1 lines" test "$(wc -l <out)" -eq "$1"
}

stdout_is_json() {
    check "... and prints JSON" python3 -m json.tool out json.tmp
}

# Documents as schemas/json says, and no key that it does not know; a .jsonl file has one a line.
valid() { # SCHEMA FILE [SCHEMA FILE]...
    local code=0
    python3 "$source_dir/tests/cli/schema.py" "$source_dir/schemas/json" "$@" >schema.out 2>&1 || code=$?
    if [[ $code -eq 77 ]]; then
        skip "no jsonschema for Python here: JSON is not compared with its schemas"
    elif [[ $code -eq 0 ]]; then
        ok "... and $(($# / 2)) documents are what their schemas say"
    else
        not_ok "... and $(($# / 2)) documents are what their schemas say" "$(head -n 5 schema.out | cut -c 1-300)"
    fi
}

stdout_is_valid() { # SCHEMA
    cp out "valid-$1.json"
    valid "$1" "valid-$1.json"
}

# ---- the shop ----

import=(catalogue import --sids "$data/sids.npy" --ids "$data/items.txt" --codes-per-level 16)

make_catalogue() {
    nightjar "${import[@]}" --out cat >out 2>err
}

make_bundle() {
    make_catalogue
    nightjar bundle pack --model "$data/model" --catalogue cat --histories "$data/histories.txt" --out b.njb >out 2>err
    head -n 20 "$data/histories.txt" >users.txt
}

# A published night of 20 users; generation is its name.
make_store() {
    make_bundle
    nightjar run --bundle b.njb --users users.txt --store store --workers 1 >out 2>err
    generation=$(cat store/CURRENT)
}

# Decodes a file of histories with the shop's bundle.
decode() { # FILE OPTION...
    nightjar decode --bundle b.njb --users "$@"
}

# One number for everything in a folder or file, names included; the store's lock is nobody's data.
digest_of() { # PATH
    find "$1" -type f ! -name lock -print0 | sort -z | xargs -0 sha256sum | sha256sum
}

expect_untouched() { # PATH DIGEST
    check "... and $1 is as it was" test "$(digest_of "$1")" = "$2"
}

expect_absent() { # PATH...
    local path
    for path in "$@"; do
        check "... and $path is not there" test ! -e "$path"
    done
}

repeat() { # COUNT CHARACTER
    head -c "$1" /dev/zero | tr '\0' "$2"
}

# Runs a command with a disk of SIZE mounted on ./disk, which is gone afterwards. False where this machine cannot do that.
can_mount() {
    mkdir -p disk
    unshare -rm mount -t tmpfs -o size=64k tmpfs "$work/disk" 2>mount.err
}

on_disk() { # SIZE[,OPTION...] COMMAND...
    local options=$1
    shift
    unshare -rm bash -c 'mount -t tmpfs -o "size=$1" tmpfs disk && shift && "$@"' on_disk "$options" "$@"
}
