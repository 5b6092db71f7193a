# Words that are no command, no option or no argument are named, and nothing is done.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

expect_exit 2 'unknown command "bogus"' -- nightjar bogus
expect_exit 2 'unknown command "store sell"' -- nightjar store sell
expect_exit 2 '' -- nightjar store # the commands of the group are listed
expect_exit 2 'unknown command ""' -- nightjar ''
expect_exit 2 'did you mean "store"?' -- nightjar stroe
expect_exit 2 'did you mean "catalogue"?' -- nightjar catalog
expect_exit 2 'unknown command' -- nightjar "$(repeat 3000 x)"
expect_exit 2 'unknown command "???"' -- nightjar $'\x1b\xff\n'

expect_exit 2 'unknown option --bogus' -- nightjar decode --bundle b.njb --users users.txt --bogus 3
expect_exit 2 'unknown option --beams' -- nightjar decode --bundle b.njb --users users.txt --beams=3
expect_exit 2 'unexpected argument "-x"' -- nightjar decode --bundle b.njb --users users.txt -x
expect_exit 2 'unexpected argument "two"' -- nightjar bundle list b.njb two
expect_exit 2 'unexpected argument "--json"' -- nightjar bundle list b.njb -- --json

expect_exit 2 '--bundle FILE is required' -- nightjar decode --users users.txt
expect_exit 2 '--users FILE is required' -- nightjar decode --bundle b.njb
expect_exit 2 '--out DIR is required' -- nightjar catalogue import --sids x.npy
expect_exit 2 '--codebooks FILE is required' -- nightjar catalogue assign --embeddings e.npy --out cat2
expect_exit 2 '--model DIR is required' -- nightjar bundle pack --catalogue cat --out c.njb
expect_exit 2 '--store DIR is required' -- nightjar store get alma
expect_exit 2 'USER is required' -- nightjar store get --store .
expect_exit 2 'DIR is required' -- nightjar catalogue show
expect_exit 2 '--bind ENDPOINT is required' -- nightjar-coordinator
expect_exit 2 '--connect ENDPOINT is required' -- nightjar-worker

# A variable of a script that is not set must not become the root folder.
expect_exit 2 '--bundle is empty, must be FILE' -- nightjar decode --bundle '' --users users.txt
expect_exit 2 '--store is empty, must be DIR' -- nightjar store list --store=
expect_exit 2 '--out is empty, must be DIR' -- nightjar "${import[@]}" --out ''
expect_exit 2 'FILE is empty' -- nightjar bundle list ''

expect_exit 2 '--bundle needs a value (FILE)' -- nightjar decode --users users.txt --bundle
expect_exit 2 '--out needs a value (DIR) and "--json" is an option' -- nightjar "${import[@]}" --out --json
expect_absent ./--json
expect_exit 0 '' -- nightjar "${import[@]}" --out=--json
check "--out=--json makes that folder" test -d ./--json
expect_exit 5 'missing: no such folder' -- nightjar store get --store missing -- --json
done_testing
