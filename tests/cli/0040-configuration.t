# Options from the environment and from a YAML file: the same rules, and errors that say where a value came from.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

configured() { # CONTENT (printf)
    printf -- "$1" >c.yaml
}

for content in '' '# a comment only\n' 'beam: 5\ntop: 3\n' '\xef\xbb\xbfbeam: 5\n' 'beam: 5\r\ntop: 3\r\n' 'keep-history: true'; do
    configured "$content"
    expect_exit 0 '' -- decode users.txt --config c.yaml
    stdout_lines 20
done

refuse() { # CONTENT TEXT
    configured "$1"
    expect_exit 78 "$2" -- decode users.txt --config c.yaml
}
refuse 'beam: 5\nbogus: 1\n' 'Unexpected key: bogus'
stderr_has 'c.yaml: Invalid key'
stderr_has 'in mapping (line: 1'
refuse 'top: 3\nbeam: [1, 2]\n' 'c.yaml: Invalid value: Expecting STRING'
stderr_has "in mapping field 'beam' (line: 2, column: 7)"
refuse 'beam: 5\nbeam: 6\n' 'Mapping field already seen: beam'
refuse 'beam: {a: 1}\n' "field 'beam'"
refuse '- beam\n' 'Expecting MAPPING'
refuse 'beam\n' 'Expecting MAPPING'
refuse 'beam: "5\n' 'found unexpected end of stream'
refuse 'beam: &a 5\ntop: *a\n' 'YAML alias unsupported'
refuse '\tbeam: 5\n' 'cannot start any token'
refuse '{' 'c.yaml: '
refuse 'beam: \x01\n' 'control characters are not allowed'
python3 -c 'print("[" * 100000)' >c.yaml
expect_exit 78 'Expecting MAPPING' -- decode users.txt --config c.yaml
python3 -c 'print("beam: " + "9" * 5000)' >c.yaml
expect_exit 78 'STRING length > 4096' -- decode users.txt --config c.yaml
repeat 2000000 '#' >c.yaml
expect_exit 65 'c.yaml: has 2000000 bytes, the limit is 1048576' -- decode users.txt --config c.yaml
expect_exit 65 'not a regular file' -- decode users.txt --config .
expect_exit 5 'missing.yaml: cannot open' -- decode users.txt --config missing.yaml

# A wrong value says where it stands.
configured 'top: 3\nbeam: abc\n'
expect_exit 2 '--beam is "abc", must be a whole number' -- decode users.txt --config c.yaml
stderr_has '--beam comes from c.yaml'
expect_exit 2 '--top is "0", must be' -- env NIGHTJAR_TOP=0 nightjar decode --bundle b.njb --users users.txt
stderr_has '--top comes from the environment'
expect_exit 2 '--sids is "yes", must be true or false' -- \
    env NIGHTJAR_SIDS=yes nightjar decode --bundle b.njb --users users.txt
expect_exit 2 '--overwrite is "yes", must be true or false' -- \
    env NIGHTJAR_OVERWRITE=yes nightjar "${import[@]}" --out cat

# The command line comes before the environment, and that before the file.
configured 'top: 3\n'
expect_exit 0 '' -- env NIGHTJAR_CONFIG=c.yaml nightjar decode --bundle b.njb --users users.txt
check "the file's value is used" python3 -c 'import json; assert len(json.loads(open("out").readline())["items"]) == 3'
expect_exit 0 '' -- env NIGHTJAR_CONFIG=c.yaml NIGHTJAR_TOP=4 nightjar decode --bundle b.njb --users users.txt
check "the environment's is" python3 -c 'import json; assert len(json.loads(open("out").readline())["items"]) == 4'
expect_exit 0 '' -- env NIGHTJAR_CONFIG=c.yaml NIGHTJAR_TOP=4 nightjar decode --bundle b.njb --users users.txt --top 5
check "the command line's is" python3 -c 'import json; assert len(json.loads(open("out").readline())["items"]) == 5'

# What `config show` prints is read again as it was; its own switches are switches.
expect_exit 0 '' -- env NIGHTJAR_USERS=@users nightjar config show decode --json=false
check "a value that begins with @ is quoted" grep -q -x 'users: "@users"' out
cp out c.yaml
expect_exit 0 '' -- nightjar config show decode --config c.yaml
check "... and read again" grep -q -x 'users: "@users"' out
expect_exit 2 '--json is "perhaps", must be true or false' -- nightjar config show decode --json=perhaps
expect_exit 65 '--users (environment) is not UTF-8' -- env NIGHTJAR_USERS=$'\xff' nightjar config show decode --json
done_testing
