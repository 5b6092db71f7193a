# Histories in the form `csv`: header, quotes, numbers of fields, times.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

users() { # COUNT CONTENT (printf)
    printf "$2" >h.csv
    expect_exit 0 "h.csv: $1 users" -- decode h.csv --top 2
    stdout_lines "$1"
}
refuse() { # TEXT CONTENT (printf)
    printf "$2" >h.csv
    expect_exit 65 "h.csv: $1" -- decode h.csv
}
users 1 'user,item,timestamp\nu,verger-02,1\nu,verger-03,2\n'
cp out plain
for form in 'user,item,timestamp\nu,verger-03,2\nu,verger-02,1' 'timestamp,item_id,user_id\r\n2,verger-03,u\r\n1,verger-02,u\r\n' \
    '\xef\xbb\xbf"user","item","timestamp"\n"u","verger-02","1e0"\n"u","verger-03","1.5"\n' 'user,item\n\nu,verger-02\n\nu,verger-03\n\n' \
    'rating,user,item,timestamp,note\n5,u,verger-03,20,"a ""b"", c\nd"\n1,u,verger-02,-3,\n'; do
    users 1 "$form"
    check "... and the list is the same" cmp -s out plain
done
users 1 'user,item\n"a""b",verger-03\n'
users 3 'user,item\nc,verger-03\na,verger-03\nb,verger-03\na,verger-02\n'
check "users come in order of first appearance" python3 -c 'import json; assert [json.loads(line)["user"] for line in open("out")] == ["c", "a", "b"]'

refuse 'holds no history' ''
refuse 'holds no history' 'user,item\n'
refuse 'line 1: no column "user" or "user_id"; the header has "u", "verger-03"' 'u,verger-03\n'
refuse 'line 1: no column "user" or "user_id"; the header has "user;item"' 'user;item\nu;v\n'
refuse 'line 1: no column "item" or "item_id"; the header has "user", "Item"' 'user,Item\nu,a\n'
refuse 'line 1: columns 1 and 2 both hold the user' 'user,user_id,item\nu,u,a\n'
refuse 'line 2: has 1 fields, the header has 2' 'user,item\nu\n'
refuse 'line 4: has 3 fields, the header has 2' 'user,item\nu,a\n\nu,a,b\n'
refuse 'line 2: user "" is empty' 'user,item\n,a\n'
refuse 'line 2: item "" is empty' 'user,item\nu,\n'
refuse 'line 2: user "?" is not valid UTF-8' 'user,item\n\xff,a\n'
refuse 'line 2: user "a?b" contains a control character' 'user,item\n"a\nb",verger-03\n'
refuse 'line 2: contains a NUL byte' 'user,item\nu,a\x00b\n'
refuse 'line 2: a quote is opened and not closed' 'user,item\n"u,a\nv,b\n'
refuse 'line 2: a quote is opened and not closed' 'user,item\nu"x,a\n'
refuse 'line 2: field 1 goes on behind its closing quote' 'user,item\n"u"x,a\n'
refuse 'line 2: field 1 has a quote inside and does not begin with one' 'user,item\nu"x",a\n'
for time in nan inf '' 0x10 1e999 2020-01-01 - . 1-2 '1 ' 1e; do
    refuse "line 3: timestamp \"$time\" is not a finite decimal number" "user,item,timestamp\nu,a,1\nu,a,$time\n"
done
refuse 'line 2: user "uuuu' "user,item\n$(repeat 511 u),a\n"
stderr_has 'is longer than 510 bytes'
repeat 6000000 , >h.csv
expect_exit 65 'h.csv: line 1: has more than 256 fields' -- decode h.csv
(printf 'user,item\n"' && repeat 40000000 '\n') >h.csv
expect_exit 65 'h.csv: line 2: a quote' -- decode h.csv
expect_exit 65 'b.njb: line 1: ' -- decode b.njb --format csv
done_testing
