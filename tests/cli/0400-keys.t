# nightjar keys: a pair of files, the secret one private, never over another key, and only what its readers take.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expect_exit 0 'secret key in a.key (mode 600), public key in a.key.pub' -- nightjar keys --out a.key --name 'host one'
check "the secret key is private" test "$(stat -c %a a.key)" = 600
check "the public key is printed" grep -q -F "$(cat out)" a.key.pub
check "the secret one is not" python3 -c 'import re; secret = open("a.key").read().split("\n")[1]; assert len(secret) == 40 and secret not in open("out").read() + open("err").read()'
before=$(cat a.key a.key.pub | sha256sum)
expect_exit 65 'a.key: exists; a key is never overwritten' -- nightjar keys --out a.key
: >b.key.pub
expect_exit 65 'b.key.pub: exists; a key is never overwritten' -- nightjar keys --out b.key
expect_absent b.key
check "the first pair is as it was" test "$(cat a.key a.key.pub | sha256sum)" = "$before"
expect_exit 65 '.: exists' -- nightjar keys --out .
expect_exit 65 '/dev/full: exists' -- nightjar keys --out /dev/full
expect_exit 74 'missing/a.key: cannot create: No such file or directory' -- nightjar keys --out missing/a.key
expect_exit 2 '--out is longer than' -- nightjar keys --out "$(repeat 5000 z)"
for name in $'two\nlines' $'\xff' $'a\x1b' "$(repeat 64 n)" ; do
    expect_exit 65 "a key's name" -- nightjar keys --out c.key --name "$name"
done
expect_absent c.key c.key.pub
expect_exit 0 '' -- nightjar keys --out c.key --name "$(repeat 63 n)"
expect_exit 0 '' -- nightjar keys --out d.key --name ''
done_testing
