# lib.sh - what the tests of ops/kubernetes, ops/prometheus, ops/grafana and ops/airflow share beyond tests/fault/lib.sh.
. "$(dirname "${BASH_SOURCE[0]}")/../fault/lib.sh"
here=$source_dir/tests/cluster

need_module() { # PYTHON MODULE, PACKAGE
    python3 -c "import $1" 2>/dev/null || skip "python3 has no module $1 (Debian package $2)"
}

# Debian has no package of this one: a part of a test goes without it.
lacks() { # WHAT WHY
    echo "SKIPPED: ${0##*/}: $1: $2"
}
