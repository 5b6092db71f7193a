# lintian finds no error and no warning, and what it is told to be silent about has a reason beside it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v lintian >/dev/null || {
    echo "SKIPPED: package/${0##*/}: there is no lintian here"
    exit 77
}

if ! lintian --allow-root --no-cfg --display-info --fail-on error,warning "$(deb nightjar)" "$(deb nightjar-worker)" \
    "$(deb libnightjar-reader0)" "$(deb libnightjar-reader-dev)" >lintian.log 2>&1 ||
    grep -Eq '^[EW]:|unused-override' lintian.log; then
    fail "lintian complains"
fi
for overrides in "$source_dir"/ops/package/*.lintian-overrides; do
    awk '/^#/ { reason = 1; next } NF && !reason { print FILENAME ": no reason for: " $0; bad = 1 } NF { reason = 0 } END { exit bad }' \
        "$overrides" >&2 || fail "an override without a reason"
done
