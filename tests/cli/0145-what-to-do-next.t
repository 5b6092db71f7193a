# Mistakes of a first day and of a bad night: the message says what was meant, not only what failed.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

expect_exit 5 'a model is a folder with that file' -- nightjar bundle pack --model "$data" --catalogue cat --out c.njb
expect_exit 5 'make a folder that has it' -- nightjar bundle pack --model "$data/model" --catalogue "$data/model" --out c.njb
expect_exit 74 'missing/c.njb: cannot create' -- nightjar bundle pack --model "$data/model" --catalogue cat --out missing/c.njb

# The ids of the items where histories are asked for: users without items.
expect_exit 0 'no user has an item' -- decode "$data/items.txt" --top 1
stderr_has 'is it a file of histories'
# Histories of another shop.
sed 's/ / other-/g' users.txt >others.txt
expect_exit 0 'most items of the histories are not in the catalogue' -- decode others.txt --top 1
decode users.txt --top 1 >out 2>err
check "the right histories are not complained about" bash -c '! grep -q warning err'

mkdir empty
expect_exit 0 'holds no generation' -- nightjar store list --store empty
stdout_lines 0
expect_exit 5 'nightjar store list' -- nightjar store get --store empty --gen last alma

# Words in the wrong place.
expect_exit 2 'unexpected argument "b.njb"; files and settings follow the option that says what they are, such as --bundle' -- nightjar run b.njb users.txt
expect_exit 2 '--bundle stands before the command, which comes first' -- nightjar --bundle b.njb run

# Nobody answers: said long before the worker gives up.
nightjar keys --out key >out 2>err
expect_exit 75 'nobody answers. Is it running?' -- nightjar-worker --connect tcp://127.0.0.1:9 --key key --server-key key.pub --give-up-ms 6000
done_testing
