# The expectations of this folder can fail: each one on what it is there for.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Runs an expectation in a script of its own, which must then fail.
must_fail() { # WHAT COMMAND...
    local what=$1 file=$work/inner.t
    shift
    printf '. %q\nexpect_exit 1 "" -- false\n%s\ndone_testing\n' "$source_dir/tests/cli/lib.sh" "$*" >"$file"
    if NIGHTJAR_BIN=$programs bash "$file" >inner.out 2>&1; then
        cp inner.out err
        not_ok "$what fails" "it passes"
    elif ! grep -q '^not ok' inner.out; then
        cp inner.out err
        not_ok "$what fails" "but not with a line that says so"
    else
        ok "$what fails"
    fi
}
printf '. %q\nexpect_exit 1 "" -- false\ndone_testing\n' "$source_dir/tests/cli/lib.sh" >good.t
passes() {
    NIGHTJAR_BIN=$programs bash "$1" >inner.out 2>&1
}
check "a script whose expectations hold passes" passes good.t

must_fail "another exit code" 'expect_exit 0 "" -- false'
must_fail "a text that is not said" 'expect_exit 1 "reason" -- bash -c "echo excuse >&2; exit 1"'
must_fail "a signal" 'expect_exit 139 "" -- bash -c "kill -SEGV \$\$"'
must_fail "a complaint of ASan" 'expect_exit 1 "" -- bash -c "echo ==1==ERROR: AddressSanitizer: x >&2; exit 1"'
must_fail "a complaint of LSan" 'expect_exit 0 "" -- bash -c "echo ==1==ERROR: LeakSanitizer: x >&2"'
must_fail "a complaint of UBSan" 'expect_exit 1 "" -- bash -c "echo x.c:1:2: runtime error: y >&2; exit 1"'
must_fail "a control character on standard error" 'expect_exit 1 "" -- bash -c "printf \"\\033[2J\" >&2; exit 1"'
must_fail "bytes that are no UTF-8" 'expect_exit 1 "" -- bash -c "printf \"\\377\" >&2; exit 1"'
must_fail "a folder that was touched" 'mkdir d; before=$(digest_of d); touch d/x; expect_untouched d "$before"'
must_fail "a file that is there" 'touch x; expect_absent x'
must_fail "output that is not JSON" 'expect_exit 0 "" -- echo "{"; stdout_is_json'
must_fail "a script that ends early" 'exit 0'
done_testing
