# Every command explains itself; a call without a command, or with one that does not exist, is a usage error.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expect_exit 0 '' -- nightjar --help
stdout_has 'catalogue import'
cp out help
for word in help -h; do
    expect_exit 0 '' -- nightjar "$word"
    check "... and prints the same" cmp -s out help
done
expect_exit 0 '' -- nightjar --version
stdout_has 'nightjar 0.'
expect_exit 2 '' -- nightjar
check "... and prints the help" cmp -s out help

mapfile -t commands < <(sed -n 's/^  \([a-z][a-z]*\( [a-z][a-z]*\)\?\)  .*/\1/p' help)
check "there are commands" test ${#commands[@]} -ge 15
for command in "${commands[@]}"; do
    read -ra words <<<"$command"
    expect_exit 0 '' -- nightjar "${words[@]}" --help
    stdout_has "nightjar $command"
    stdout_has '--config FILE'
done
for program in nightjar-coordinator nightjar-worker; do
    expect_exit 0 '' -- "$program" --help
    stdout_has "$program [options]"
done
done_testing
