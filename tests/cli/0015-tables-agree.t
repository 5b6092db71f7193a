# One table an option: help, manual, completions, environment and YAML of every command of every program say the same of it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mkdir pages
expect_exit 0 '' -- nightjar man --out pages
for program in nightjar-coordinator nightjar-worker; do
    expect_exit 0 '' -- "$program" --man
    cp out "pages/$program.1"
done

# The commands of a program, "" for one that has none.
nightjar --help | sed -n 's/^  \([a-z][a-z0-9-]*\( [a-z][a-z0-9-]*\)\?\)  .*/\1/p' >nightjar.commands
echo >nightjar-coordinator.commands
echo >nightjar-worker.commands

scripts_of() { # SHELL: $program.SHELL
    nightjar completion "$1" >"nightjar.$1"
    nightjar-coordinator --completion "$1" >"nightjar-coordinator.$1"
    nightjar-worker --completion "$1" >"nightjar-worker.$1"
}

# What each shell offers behind a command and two dashes: lines of the command, a tab and an option, in PROGRAM.SHELL-words.
ask_bash() {
    bash -c '
        . "./$1.bash"
        while IFS= read -r command; do
            COMP_WORDS=("$1" $command --) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
            "_${1//-/_}"
            printf "$command\t%s\n" "${COMPREPLY[@]}"
        done' bash "$1"
}

ask_zsh() { # _arguments gets one word an option
    zsh -f -c '
        compdef() { }
        _describe() { }
        _arguments() { local word; for word in "$@"; do [[ $word == --* ]] && print -r -- "$asked	${${word%%\[*}%=}"; done }
        . "./$1.zsh"
        while IFS= read -r asked; do
            words=($1 ${=asked} --) CURRENT=${#words}
            "_${1//-/_}"
        done' zsh "$1"
}

ask_fish() {
    fish --no-config -c '
        source ./$argv[1].fish
        while read -l command
            for line in (complete -C"$argv[1] $command --" | string match -r "^--[^\t]*")
                printf "%s\t%s\n" $command $line
            end
        end' "$1"
}

for shell in bash zsh fish; do
    if ! command -v "$shell" >which.out; then
        skip "no $shell here: its completions are not asked"
        continue
    fi
    scripts_of "$shell"
    for program in nightjar nightjar-coordinator nightjar-worker; do
        expect_exit 0 '' -- "$shell" -n "$program.$shell"
        "ask_$shell" "$program" <"$program.commands" >"$program.$shell-words"
    done
done

for program in nightjar nightjar-coordinator nightjar-worker; do
    python3 "$source_dir/tests/cli/agree.py" "$program" >differences 2>&1 || echo "agree.py fails" >>differences
    check "$program: all say the same" diff /dev/null differences
    read -r commands options <count
    check "... of $options options of $commands commands" test "$options" -ge $((commands * 4))
done

# Behind an option stands a file, a folder, one of a few words, or what nobody can guess.
complete_bash() { # WORD...: the last is being typed
    bash -c '. ./nightjar.bash; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=(); _nightjar; printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
touch night.njb
check "bash completes commands" test "$(complete_bash nightjar st)" = store
check "bash completes second words" test "$(complete_bash nightjar store ro)" = rollback
check "bash completes a file" test "$(complete_bash nightjar decode --bundle ni | grep -c '^night.njb$')" -eq 1
check "bash completes a folder" test "$(complete_bash nightjar run --store pa)" = pages
check "bash completes one of two words" test "$(complete_bash nightjar run --unknown-items sk)" = skip
check "... also behind an equals sign" test "$(complete_bash nightjar run --unknown-items = sk)" = skip
check "bash offers nothing where a number stands" test -z "$(complete_bash nightjar run --beam '')"
if command -v fish >which.out; then
    check "fish completes second words" test "$(fish --no-config -c 'source nightjar.fish; complete -C"nightjar store ro"' | cut -f 1)" = rollback
    check "fish completes one of two words" test "$(fish --no-config -c 'source nightjar.fish; complete -C"nightjar run --unknown-items sk"' | cut -f 1)" = skip
fi

# Pages are roff that groff reads without a warning, and the same each time.
if command -v groff >which.out; then
    groff -man -Tutf8 -ww -z pages/*.1 >warnings 2>&1 || true
    check "groff has no warning for a page" diff /dev/null warnings
else
    skip "no groff here: the pages are not read"
fi
expect_exit 0 '' -- nightjar man --out pages2
check "... byte for byte" cmp pages/nightjar-run.1 pages2/nightjar-run.1
expect_exit 0 '' -- nightjar man store-get
stdout_has 'nightjar\-store\-get \- one user'
expect_exit 5 'no page "store-bogus"' -- nightjar man store-bogus
expect_exit 2 'there is no completion for "tcsh"' -- nightjar completion tcsh
done_testing
