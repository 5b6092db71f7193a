# Ids of 510 bytes go through the whole night; 511 bytes are refused by every reader that meets them.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
most=$(repeat 510 u)
item=$(repeat 510 i)

sed "1s/.*/$item/" "$data/items.txt" >ids.txt
expect_exit 0 '' -- nightjar catalogue import --sids "$data/sids.npy" --ids ids.txt --codes-per-level 16 --out long
expect_exit 0 '' -- nightjar bundle pack --model "$data/model" --catalogue long --out long.njb
printf '%s %s verger-03\n%s\n' "$most" "$item" "18446744073709551615" >h.txt
expect_exit 0 'h.txt: 2 users, 2 known items' -- nightjar decode --bundle long.njb --users h.txt --keep-history --top 552 --beam 552
grep -F "$most" out >expected
check "the long item is recommended" grep -q -F "\"$item\"" out
expect_exit 0 '' -- nightjar run --bundle long.njb --users h.txt --store store --workers 1 --keep-history --top 552 --beam 552
expect_exit 0 '' -- nightjar store get --store store "$most"
check "the long user's published row is that of decode" cmp -s out expected
expect_exit 0 '' -- nightjar store get --store store 18446744073709551615
expect_exit 5 'is not in gen-' -- nightjar store get --store store "$(repeat 510 x)"
expect_exit 65 'is longer than 510 bytes' -- nightjar store get --store store "${most}u"

refuse() { # FILE TEXT
    expect_exit 65 "$1: line $2" -- decode "$1"
    stderr_has 'is longer than 510 bytes'
}
printf 'a\n%su\n' "$most" >user.txt
refuse user.txt '2: user "uuuu'
printf 'a\nb %si\n' "$item" >item.txt
refuse item.txt '2: item "iiii'
printf '{"user": "%su", "items": []}\n' "$most" >user.jsonl
refuse user.jsonl '1: user "uuuu'
printf '{"user": "a", "items": ["%si"]}\n' "$item" >item.jsonl
refuse item.jsonl '1: item "iiii'
printf 'user,item\na,%si\n' "$item" >item.csv
refuse item.csv '2: item "iiii'
printf 'user_id:token\titem_id:token\n%su\ta\n' "$most" >user.inter
refuse user.inter '2: user "uuuu'
# Characters count by their bytes, and a message does not end within one.
printf 'a\n%s\n' "$(python3 -c 'print("é" * 256)')" >umlaut.txt
refuse umlaut.txt '2: user "éé'
repeat 20000000 u >endless.txt
expect_exit 65 'endless.txt: line 1: ' -- decode endless.txt
done_testing
