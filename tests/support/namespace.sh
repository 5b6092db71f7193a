# namespace.sh - mounts and processes of a test's own, which end with it however it ends, also by SIGKILL.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/../support/namespace.sh"
#   enter_namespace [--net]            before tests/integration/lib.sh: the script begins again inside
#   enter_namespace_of_root [--net]    for what a user namespace cannot do: skipped where the caller is not root
#
# Nothing that is mounted inside is seen outside, so nothing of it is left there. --net: with interfaces of its own too, all of them down.

enter_namespace() { # UNSHARE OPTION...
    if [[ -n ${NJ_TEST_INSIDE:-} ]]; then
        return
    fi
    local options=(--mount --pid --fork --kill-child --mount-proc "$@")
    if [[ $(id -u) -ne 0 ]]; then
        options+=(--user --map-root-user)
    fi
    if ! unshare "${options[@]}" true 2>/dev/null; then
        echo "SKIPPED: ${0##*/}: no mounts and processes of its own here (unshare ${options[*]})"
        exit 77
    fi
    NJ_TEST_INSIDE=yes exec unshare "${options[@]}" bash "$0"
}

enter_namespace_of_root() { # UNSHARE OPTION...
    if [[ $(id -u) -ne 0 ]]; then
        echo "SKIPPED: ${0##*/}: not root"
        exit 77
    fi
    enter_namespace "$@"
}
