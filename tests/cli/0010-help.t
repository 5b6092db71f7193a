# Every command explains itself; a call without a command, or with one that does not exist, is a usage error. What README and handbook
# tell people to type are commands and options that the programs have.
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

mapfile -t commands < <(sed -n 's/^  \([a-z][a-z0-9-]*\( [a-z][a-z0-9-]*\)\?\)  .*/\1/p' help)
check "there are commands" test ${#commands[@]} -ge 15
for command in "${commands[@]}"; do
    read -ra words <<<"$command"
    expect_exit 0 '' -- nightjar "${words[@]}" --help
    stdout_has "nightjar $command"
    stdout_has '--config FILE'
    cp out "nightjar $command.help"
done
for program in nightjar-coordinator nightjar-worker; do
    expect_exit 0 '' -- "$program" --help
    stdout_has "$program [options]"
    cp out "$program.help"
done

# Indented lines of the books that begin with a program, up to "# words" and the next command; a backslash goes on on the next line.
cat >told.awk <<'END'
FILENAME ~ /\.help$/ {
    command = FILENAME
    gsub(/^\.\/|\.help$/, "", command)
    commands[command]
    if ($1 ~ /^--/) { options[command, $1] }
    next
}
FNR == 1 { line = "" }
{ line = line $0 }
sub(/\\$/, "", line) { next }
{
    text = line
    line = ""
    if (text !~ /^    /) { next }
    sub(/[ ]#.*/, "", text)
    sub(/^ *(\$ |until )?/, "", text)
    count = split(text, parts, / *(\| | && |; | > )/)
    for (i = 1; i <= count; i++) { tell(parts[i]) }
}
function tell(part,    words, n, command, w) {
    n = split(part, words, " ")
    if (words[1] !~ /^nightjar(-worker|-coordinator)?$/) { return }
    if (n == 2 && words[2] ~ /^--(version|help)$/) { return } # of the program
    command = words[1]
    if (command == "nightjar") {
        command = ("nightjar " words[2] " " words[3]) in commands ? "nightjar " words[2] " " words[3] : "nightjar " words[2]
    }
    if (!(command in commands)) { print FILENAME ": " FNR ": no such command: " part }
    for (w = 2; w <= n; w++) {
        if (words[w] ~ /^--[a-z]/ && !((command, words[w]) in options)) { print FILENAME ": " FNR ": " command " has no " words[w] }
        told++
    }
}
END { print told + 0 >"told.count" }
END
awk -f told.awk ./*.help "$source_dir"/README.md "$source_dir"/ops/handbook/*.md >wrong
check "README and handbook name commands and options that exist" diff /dev/null wrong
check "... and there are hundreds of words to look at" test "$(<told.count)" -gt 300
done_testing
