# CURRENT that is no line with a generation's name is refused (4); a person's publish mends it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_store

current() { # CODE TEXT CONTENT (printf)
    printf "$3" >store/CURRENT
    expect_exit "$1" "$2" -- nightjar store get --store store alma
    expect_exit 0 '' -- nightjar store list --store store
    check "... and list marks none as current" bash -c '! grep -q "^\*" out'
}
current 4 'store/CURRENT: "" is no generation' ''
current 4 'store/CURRENT: "" is no generation' '\n'
current 4 'store/CURRENT: "x" is no generation' 'x\n'
current 4 'is no generation' "$generation\n\n"
current 4 'is no generation' "$generation\r\n"
current 4 'is no generation' " $generation\n"
current 4 'is no generation' "../store/$generation\n"
current 4 'is no generation' "$generation\nx"
current 4 'is no generation' '\xff\xfe\x00'
current 4 "store/CURRENT: not one line with a generation's name" "$(repeat 300 x)"
current 5 'store/gen-01ARZ3NDEKTSV4RRFFQ69G5FAV: no such generation' 'gen-01ARZ3NDEKTSV4RRFFQ69G5FAV\n'
rm store/CURRENT && mkdir store/CURRENT
expect_exit 4 "store/CURRENT: not one line" -- nightjar store get --store store alma
expect_exit 74 'store/CURRENT: is not a regular file' -- nightjar store publish --store store "$generation"
check "nothing temporary is left" test -z "$(find store -name '*.tmp*')"
rmdir store/CURRENT && ln -s CURRENT store/CURRENT
expect_exit 4 'store/CURRENT: not one line' -- nightjar store get --store store alma
rm store/CURRENT
expect_exit 5 'store: no generation has been published' -- nightjar store get --store store alma
rm store/lock && mkdir store/lock
expect_exit 74 'store/lock: cannot open: Is a directory' -- nightjar store publish --store store "$generation"
rmdir store/lock
expect_exit 0 '' -- nightjar store publish --store store "$generation"
expect_exit 0 '' -- nightjar store get --store store alma
printf '%s' "$generation" >store/CURRENT
expect_exit 0 '' -- nightjar store get --store store alma
done_testing
