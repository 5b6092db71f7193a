# Histories in the form `jsonl`: what is fine, and what is refused with line, column and rule.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

users() { # COUNT CONTENT
    printf '%s' "$2" >h.jsonl
    expect_exit 0 "h.jsonl: $1 users" -- decode h.jsonl --top 2
    stdout_lines "$1"
}
refuse() { # TEXT CONTENT
    printf '%s' "$2" >h.jsonl
    expect_exit 65 "h.jsonl: line $1" -- decode h.jsonl
}
users 1 '{"user": "u", "items": ["verger-03"]}'
cp out plain
for line in '{"items":["verger-03"],"user":"u"}' $'\xef\xbb\xbf{"user": "u", "items": ["verger-03"]}\r\n\r\n' \
    '{"user": "\u0075", "items": ["verger\u002d03"], "except": {"deep": [1, {"x": [null, true, -1.5e3]}]}, "group": 7}'; do
    users 1 "$line"
    check "... and the list is the same" cmp -s out plain
done
users 2 $'{"user": 7, "items": []}\n{"user": "007", "items": [1, -2, "verger-03"]}'
users 1 '{"user": "\ud83d\ude00", "items": []}'

refuse '1: column 1: not a JSON object' '[1]'
refuse '1: column 1: not JSON' 'x'
refuse '1: column 1: not a JSON object' '""'
refuse '1: has no "user"' '{}'
refuse '1: has no "user"' '{"items": []}'
refuse '2: has no "items"' $'{"user": "u", "items": []}\n{"user": "v"}'
refuse '1: "user" is given twice' '{"user": "u", "user": "u", "items": []}'
refuse '1: "items" is given twice' '{"user": "u", "items": [], "items": []}'
refuse '2: user "u" stands on line 1 too' $'{"user": "u", "items": []}\n{"user": "\u0075", "items": []}'
refuse '3: user "7" stands on line 1 too' $'{"user": 7, "items": []}\n\n{"user": "7", "items": []}'
refuse '1: column 10: an id must be text or a whole number' '{"user": 7.5, "items": []}'
refuse '1: column 10: an id must be text or a whole number' '{"user": null, "items": []}'
refuse '1: column 10: neither a number nor true, false or null' '{"user": 007, "items": []}'
refuse '1: column 24: "items" is not a list' '{"user": "u", "items": "x"}'
refuse '1: column 25: expected a value' '{"user": "u", "items": [["a"]]}'
refuse '1: column 25: an id must be text' '{"user": "u", "items": [true]}'
refuse '1: column 29: expected a value' '{"user": "u", "items": ["a",]}'
refuse "1: column 29: expected ',' or ']'" '{"user": "u", "items": ["a" "b"]}'
refuse "1: column 14: expected ',' or '}'" '{"user": "u" "items": []}'
refuse '1: column 28: ' '{"user": "u", "items": []} x'
refuse '1: column 2: not JSON' '{user: 1, items: []}'
refuse '1: user "" is empty' '{"user": "", "items": []}'
refuse '1: item "" is empty' '{"user": "u", "items": [""]}'
refuse '1: column 26: text is not valid UTF-8' $'{"user": "u", "items": ["\xff"]}'
refuse '1: column 11: text holds an unescaped control character' $'{"user": "a\tb", "items": []}'
refuse '1: user "u" contains a control character' '{"user": "u\u0000", "items": []}'
refuse '1: user "u?" contains a control character' '{"user": "u\n", "items": []}'
refuse '1: column 18: the text before holds half of a surrogate pair' '{"user": "\ud800", "items": []}'
whole='{"user": "u", "items": ["verger-03", "verger-04"], "x": {"y": [1]}}'
for ((bytes = 1; bytes < ${#whole}; bytes += 5)); do
    refuse '1: ' "${whole:0:bytes}"
done
for text in '"["*5000000' '"{\"a\":"*3000000'; do
    python3 -c "print('{\"user\": \"u\", \"items\": [], \"x\": ' + $text)" >h.jsonl
    expect_exit 65 'h.jsonl: line 1: nests deeper than 64' -- decode h.jsonl
done
python3 -c 'print("{\"user\": \"u\", \"items\": [], \"x\": [" + ",".join("1" * 5000000) + "]}")' >h.jsonl
expect_exit 65 'h.jsonl: line 1: holds more than 4194304 JSON values' -- decode h.jsonl
done_testing
