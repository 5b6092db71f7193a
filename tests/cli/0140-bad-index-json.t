# LC-Rec's index.json: every row, level, letter and code is checked, and named by its key.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

refuse() { # TEXT CONTENT
    printf '%s' "$2" >i.json
    expect_exit 65 "i.json: $1" -- nightjar catalogue import --index-json i.json --out cat
}
refuse "line 1, column 0: '[' or '{' expected near end of file" ''
refuse 'not a JSON object with rows' '{}'
refuse 'not a JSON object with rows' '[]'
refuse 'key "2": the 2 keys must be 0 to 1 without a gap' '{"0": ["<a_1>"], "2": ["<a_1>"]}'
refuse 'line 1, column 20: duplicate object key' '{"0": ["<a_1>"], "0": ["<a_1>"]}'
refuse 'key "0": levels 0 and 1 both use the letters "a"' '{"0": ["<a_1>", "<a_2>"]}'
refuse 'key "1": has 1 levels, the first row has 2' '{"0": ["<a_1>", "<b_2>"], "1": ["<a_1>"]}'
refuse 'key "1": level 1: letters "c", the rows before have "b"' '{"0": ["<a_1>", "<b_2>"], "1": ["<a_1>", "<c_2>"]}'
refuse 'key "0": level 0: code 99999, the limit is 65535' '{"0": ["<a_99999>"]}'
refuse 'key "0": level 0: "<a_-1>" is not of the form <a_12>' '{"0": ["<a_-1>"]}'
refuse 'key "0": level 0: "a_1" is not of the form' '{"0": ["a_1"]}'
refuse 'key "0": level 0: "" is not of the form' '{"0": [1]}'
refuse 'the first row has 0 levels, must be 1 to 8' '{"0": "x"}'
refuse 'the first row has 0 levels' '{"0": []}'
refuse 'the first row has 9 levels' '{"0": ["<a_1>", "<b_1>", "<c_1>", "<d_1>", "<e_1>", "<f_1>", "<g_1>", "<h_1>", "<i_1>"]}'
refuse 'key "x" is not a whole number' '{"x": ["<a_1>"]}'
refuse 'key "00" is not a whole number' '{"00": ["<a_1>"]}'
refuse 'key "99999999999999999999999999" is not a whole number' '{"99999999999999999999999999": ["<a_1>"]}'
refuse "line 1, column 15: '}' expected near end of file" '{"0": ["<a_1>"]'
refuse 'line 1, column 17: end of file expected' '{"0": ["<a_1>"]}x'
refuse 'line 1, column 0: unable to decode byte 0xff' $'\xff'
refuse 'line 1, column 20: \u0000 is not allowed' '{"0": ["<a_1\u0000>"]}'
for text in '"["*1000000' '"{\"0\":"*100000' '"{\"0\":"+"["*1000000'; do
    python3 -c "print($text)" >i.json
    expect_exit 65 'maximum parsing depth reached' -- nightjar catalogue import --index-json i.json --out cat
done
refuse 'key "0": level 0: "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" is not of the form' "{\"0\": [\"<$(repeat 10000 a)_1>\"]}"
refuse 'key "9999999999999999999999999999999999999999" is not' "{\"$(repeat 10000 9)\": [\"<a_1>\"]}"

printf '{"0": ["<a_1>", "<b_2>"], "1": ["<a_0>", "<b_0>"]}' >good.json
for bytes in $(seq 0 7 49); do
    head -c "$bytes" good.json >cut.json
    expect_exit 65 'cut.json: line 1' -- nightjar catalogue import --index-json cut.json --out cat
done
expect_exit 65 'good.json: row 0, level 1: code 2' -- nightjar catalogue import --index-json good.json --codes-per-level 2 --out cat
expect_exit 5 'missing.json: cannot open' -- nightjar catalogue import --index-json missing.json --out cat
expect_exit 65 'not a regular file' -- nightjar catalogue import --index-json . --out cat
expect_absent cat
expect_exit 0 '' -- nightjar catalogue import --index-json good.json --out cat
done_testing
