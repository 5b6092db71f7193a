# Histories in the form `sequence`: what is fine, and what is refused with line and rule.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

users() { # COUNT CONTENT (printf): is read
    printf "$2" >h.txt
    expect_exit 0 "h.txt: $1 users" -- decode h.txt --top 2
    stdout_lines "$1"
}
refuse() { # TEXT CONTENT (printf)
    printf "$2" >h.txt
    expect_exit 65 "h.txt: $1" -- decode h.txt --top 2
}
users 1 'u red-lantern-05\n'
cp out plain
for form in 'u red-lantern-05' 'u red-lantern-05\r\n' '\xef\xbb\xbfu red-lantern-05\n' 'u\tred-lantern-05\n' '  u   red-lantern-05  \n' '\n\n \t\nu red-lantern-05\n\n'; do
    users 1 "$form"
    check "... and the list is the same" cmp -s out plain
done
users 2 '7 red-lantern-05\n007 red-lantern-05\n'
users 2 'A red-lantern-05\na red-lantern-05\n'
users 1 '\xf0\x9f\x98\x80 red-lantern-05\n'

refuse 'holds no history' ''
refuse 'holds no history' '\n \n\t\n'
refuse 'holds no history' '\xef\xbb\xbf'
refuse 'line 3: user "u1" stands on line 1 too' 'u1 a\nu2 b\nu1 c\n'
refuse 'line 5: user "u1" stands on line 3 too' '\n\nu1 a\n\nu1 b'
refuse 'line 1: item "?" is not valid UTF-8' 'u \xff\n'
refuse 'line 2: user "?(" is not valid UTF-8' 'u a\n\xc3\x28 a\n'
refuse 'line 1: user "u?" contains a control character' 'u\x01 a\n'
refuse 'line 1: item "?[31m" contains a control character' 'u \x1b[31m\n'
refuse 'line 1: item "a?b" contains a control character' 'u a\rb\n'
refuse 'line 2: contains a NUL byte' 'u a\nv b\x00c\n'
repeat 1000000 ' ' >h.txt
expect_exit 65 'h.txt: holds no history' -- decode h.txt
head -c 100000 b.njb >h.txt
expect_exit 65 'h.txt: line 1: ' -- decode h.txt
mkdir -p folder/inner
expect_exit 65 'folder/inner: is a folder among the part files of folder' -- decode folder
expect_exit 65 'b.njb/x: cannot open: Not a directory' -- decode b.njb/x
expect_exit 5 'missing.txt: cannot open: No such file or directory' -- decode missing.txt
expect_exit 65 'standard input: holds no history' -- decode - </dev/null
expect_exit 65 'standard input: line 2: user "u" stands on line 1 too' -- decode - < <(printf 'u a\nu b\n')
expect_exit 0 '20 users' -- decode - <users.txt
# The endless line.
expect_exit 65 '/dev/zero: line 1: ' -- decode /dev/zero

# The same readers count items for the popular list.
printf 'u a\nu b\n' >h.txt
expect_exit 65 'h.txt: line 2: user "u" stands on line 1 too' -- \
    nightjar bundle pack --model "$data/model" --catalogue cat --histories h.txt --out c.njb
expect_absent c.njb
expect_exit 65 'h.txt: line 2: user "u" stands on line 1 too' -- nightjar run --bundle b.njb --users h.txt --store store
expect_absent store
done_testing
