# A disk that fills up while something is written: exit 74, the file is named, and nothing half-made stays behind.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
if ! can_mount; then
    skip "a small disk cannot be mounted here: $(head -n 1 mount.err)"
    done_testing
    exit 0
fi

# Runs a command on a disk of so many KiB, then lists what is on it.
filling() { # KIB COMMAND...
    on_disk "$1k" bash -c '"$@"; code=$?; find disk -mindepth 1 >left; exit $code' filling "${@:2}"
}
nothing_left() {
    check "... and leaves nothing" test ! -s left
}
for kib in 4 64 400; do
    expect_exit 74 'cannot write: No space left on device' -- \
        filling $kib nightjar bundle pack --model "$data/model" --catalogue cat --out disk/b.njb
    stderr_has 'disk/b.njb.tmp.'
    nothing_left
done
for kib in 4 8 12 16; do
    expect_exit 74 'cannot write: No space left on device' -- filling $kib nightjar "${import[@]}" --out disk/cat
    stderr_has 'disk/cat.tmp.'
    nothing_left
done
expect_exit 74 'disk/a.key: cannot ' -- \
    on_disk 4k bash -c 'head -c 8192 /dev/zero >disk/full; nightjar keys --out disk/a.key; code=$?; rm -f disk/full; find disk -mindepth 1 >left; exit $code'
nothing_left

# A night: nothing is published, no draft is left, and no row is lost that could be kept.
for kib in 4 16 64; do
    expect_exit 74 'disk/store' -- filling $kib nightjar run --bundle b.njb --users "$data/histories.txt" --store disk/store --workers 1 --storage-wait-ms 300
    check "... and publishes nothing" bash -c '! grep -q -E "CURRENT|gen-|draft" left'
done
expect_exit 0 '' -- filling 40000 nightjar run --bundle b.njb --users "$data/histories.txt" --store disk/store --workers 1

# The sorting of events needs a temporary file only when they are many; a full disk there does not hurt a small one.
printf 'user,item\nu,verger-03\n' >h.csv
expect_exit 0 '' -- on_disk 4k env TMPDIR=disk nightjar decode --bundle b.njb --users h.csv

# The shell's limit for files is a full disk too, and no signal.
limited() { # KIB COMMAND...
    (
        ulimit -f "$1"
        "${@:2}"
    )
}
expect_exit 74 'c.njb.tmp.' -- limited 100 nightjar bundle pack --model "$data/model" --catalogue cat --out c.njb
stderr_has 'cannot write: File too large'
expect_exit 74 'standard output: File too large' -- limited 8 decode "$data/histories.txt"
expect_absent c.njb
done_testing
