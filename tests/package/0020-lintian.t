# lintian finds no error and no warning, and nothing was told to be silent.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v lintian >/dev/null || {
    echo "SKIPPED: package/${0##*/}: there is no lintian here"
    exit 77
}

if ! lintian --allow-root --no-cfg --show-overrides --fail-on error,warning,override "$(deb nightjar)" "$(deb nightjar-worker)" >lintian.log 2>&1 ||
    grep -Eq '^[EWO]:' lintian.log; then
    fail "lintian complains"
fi
