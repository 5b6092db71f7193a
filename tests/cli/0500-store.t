# A published night is read back by every command, and what is not there is exit 5 or 65, never a guess.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store

decode users.txt >decoded 2>err
expect_exit 0 '20 rows of gen-' -- nightjar store export --store store
check "the export has decode's rows" cmp -s <(sort out) <(sort decoded)
expect_exit 0 '' -- nightjar store get --store store alma
check "one row is decode's" grep -q -x -F -f out decoded
expect_exit 0 "$generation: every byte of 20 rows is as it was packed" -- nightjar store verify --store store
expect_exit 0 '' -- nightjar store list --store store
stdout_has "* $generation  20 rows"

expect_exit 5 "user \"nobody\" is not in $generation" -- nightjar store get --store store nobody
expect_exit 5 'user "Alma" is not in' -- nightjar store get --store store Alma
expect_exit 65 'user "?" is not valid UTF-8' -- nightjar store get --store store $'\xff'
expect_exit 65 'user "a?" contains a control character' -- nightjar store get --store store $'a\n'
other=gen-01ARZ3NDEKTSV4RRFFQ69G5FAV
for command in 'get alma' export stat verify; do
    read -ra words <<<"$command"
    expect_exit 5 'missing: no such folder' -- nightjar store "${words[@]}" --store missing
    expect_exit 65 'users.txt: is not a folder' -- nightjar store "${words[@]}" --store users.txt
    expect_exit 65 'users.txt/x: cannot open: Not a directory' -- nightjar store "${words[@]}" --store users.txt/x
    expect_exit 5 'cat: no generation has been published' -- nightjar store "${words[@]}" --store cat
    expect_exit 5 "store/$other: no such generation" -- nightjar store "${words[@]}" --store store --gen $other
    expect_exit 5 'has no channel "bogus"' -- nightjar store "${words[@]}" --store store --gen bogus
    for name in "../store/$generation" gen- "$generation/" "${generation}x" ''; do
        expect_exit 65 "is no generation's name" -- nightjar store "${words[@]}" --store store --gen "$name"
    done
done
expect_exit 5 'missing: cannot open: No such file' -- nightjar store list --store missing
expect_exit 65 'users.txt: cannot open: Not a directory' -- nightjar store list --store users.txt
expect_exit 0 '' -- nightjar store list --store cat
stdout_lines 0
expect_exit 5 "store/$other: no such generation" -- nightjar store publish --store store $other
expect_exit 65 '"bogus" is no generation' -- nightjar store publish --store store bogus
expect_exit 5 'missing: no such folder' -- nightjar store publish --store missing "$generation"
expect_exit 65 'users.txt: is not a folder' -- nightjar store publish --store users.txt "$generation"
check "CURRENT is as it was" test "$(cat store/CURRENT)" = "$generation"
expect_exit 0 "CURRENT names $generation" -- nightjar store publish --store store "$generation"
expect_exit 5 'store/HISTORY: names no earlier generation that is sound (0 looked at)' -- nightjar store rollback --store store
expect_exit 5 "store/$other: no such generation" -- nightjar store rollback --store store --to $other
expect_exit 5 'has no channel "bogus"' -- nightjar store rollback --store store --to bogus
expect_exit 5 'missing: no such folder' -- nightjar store rollback --store missing
expect_exit 5 'missing' -- nightjar store rollback --store missing --to "$generation"
expect_exit 65 'users.txt: is not a folder' -- nightjar store rollback --store users.txt
before=$(digest_of store)
expect_exit 0 "CURRENT would name $generation" -- nightjar store rollback --store store --to "$generation" --dry-run
expect_untouched store "$before"

# A second night, a rollback, and back.
expect_exit 0 '' -- nightjar run --bundle b.njb --users users.txt --store store --workers 1 --top 3
second=$(cat store/CURRENT)
check "the second night is published" test "$second" != "$generation"
expect_exit 0 '' -- nightjar store get --store store alma --gen "$generation"
check "the first is still there" grep -q -x -F -f out decoded
expect_exit 0 '' -- nightjar store publish --store store "$generation"
expect_exit 0 '' -- nightjar store get --store store alma
check "a rollback shows its rows" grep -q -x -F -f out decoded
done_testing
