# The same events in any form and packing, from a file, a folder or standard input, give the same lists: byte for byte.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
awk 'NF > 1' users.txt >h.txt # who has no event is in no event form
nightjar decode --bundle b.njb --users h.txt --top 5 >expected 2>err

# Every form of the same users; times rise by one an event.
python3 - <<'PYTHON'
import json
users = [line.split() for line in open("h.txt")]
events = [(u, item, n) for u, *items in users for n, item in enumerate(items, 1)]
def write(name, lines):
    open(name, "w").write("".join(line + "\n" for line in lines))
write("h.jsonl", [json.dumps({"user": u, "items": items}) for u, *items in users])
write("h.csv", ["user,item,timestamp"] + [f'"{u}",{i},{t}' for u, i, t in events])
write("h.inter", ["user_id:token\titem_id:token\ttimestamp:float"] + [f"{u}\t{i}\t{t}" for u, i, t in events])
write("h.tsv", ["timestamp\tuser\titem"] + [f"{t}\t{u}\t{i}" for u, i, t in events])
write("semicolon.csv", ["day;customer;sku;ts"] + [f'"a;""b""\nc";{u};{i};{t}' for u, i, t in events])
write("bare.csv", [f"{t},{i},x,{u}" for u, i, t in events])
write("named.jsonl", [json.dumps({"who": u, "basket": items}) for u, *items in users])
PYTHON

same() { # WHAT OPTION...
    local what=$1
    shift
    expect_exit 0 "" -- nightjar decode --bundle b.njb --top 5 "$@"
    check "... and $what gives the same lists" cmp -s out expected
}
for form in h.txt h.jsonl h.csv h.inter h.tsv; do
    same "$form" --users $form
    gzip -kn $form
    same "$form.gz" --users $form.gz
    (head -n 1 $form | gzip -n && tail -n +2 $form | gzip -n) >two.members
    word=${form#h.}
    word=${word/txt/sequence}
    mark=()
    if [[ $word == tsv ]]; then
        word=csv mark=(--delimiter tab)
    fi
    same "two members of gzip, under a name that says nothing," --users two.members --format $word "${mark[@]}"
    same "$form by standard input" --users - --format $word "${mark[@]}" <$form
    same "$form.gz by a pipe" --users - --format $word "${mark[@]}" < <(cat $form.gz)
done
same "another delimiter, other names and a line break in quotes" --users semicolon.csv --delimiter semicolon --columns user=customer,item=sku,timestamp=ts
same "a file without a header" --users bare.csv --columns 'timestamp=#1,item=#2,user=#4'
same "JSON with other keys" --users named.jsonl --columns user=who,items=basket
if command -v zstd >/dev/null; then
    for form in h.txt h.jsonl h.csv h.inter; do
        zstd -q $form
        same "$form.zst" --users $form.zst
    done
    (head -n 7 h.txt | zstd -q && tail -n +8 h.txt | zstd -q) >two.frames
    same "two frames of zstd" --users two.frames
else
    skip "zstd is not installed"
fi

# Folders as warehouses write them: parts in the order of their names, each with its header.
mkdir lines rows mixed
head -n 7 h.txt >lines/part-00000
: >lines/part-00001
sed -n 8,12p h.txt | gzip -n >lines/part-00002.gz
tail -n +13 h.txt >lines/part-00010
touch lines/_SUCCESS lines/._SUCCESS.crc lines/.part-00000.crc lines/part-00000.crc
echo 'no history at all' >lines/_metadata
same "a folder of sequence text" --users lines
head -n 30 h.csv >rows/part-00000.csv
: >rows/part-00001.csv
sed -n '1p;31,70p' h.csv | gzip -n >rows/part-00002.csv.gz
(echo timestamp,note,item,user && tail -n +71 h.csv | awk -F, '{ print $3 ",," $2 "," $1 }') >rows/part-00003.csv
same "a folder of csv, one part with its columns in another order," --users rows
same "... under the ending of its parts" --users rows/
# A user's events may lie in two parts, and come in the order of their times.
mkdir split
head -n 1 h.csv | tee split/a.csv split/b.csv >/dev/null
awk -F, 'NR > 1 && $3 % 2 == 0' h.csv >>split/a.csv
awk -F, 'NR > 1 && $3 % 2 == 1' h.csv >>split/b.csv
expect_exit 0 "" -- nightjar decode --bundle b.njb --top 5 --users split
check "... and users split over two parts have the same lists" cmp -s <(sort out) <(sort expected)

# Whole nights: the same rows, and an unchanged night copies all of them.
night() { # STORE USERS OPTION...
    nightjar run --bundle b.njb --store "$1" --users "$2" --workers 1 "${@:3}" >out 2>err
    nightjar store export --store "$1" --to jsonl >rows.jsonl 2>/dev/null
}
night plain h.txt
mv rows.jsonl rows.expected
night packed rows
check "a night of a folder of csv has the rows of sequence text" cmp -s rows.jsonl rows.expected
night piped - --format jsonl < <(gzip -c h.jsonl)
check "... and one of a pipe of packed JSON lines" cmp -s rows.jsonl rows.expected
night plain h.inter.gz --since current
check "... and a delta of another form copies every row" grep -q '19 users are copied' err

# ---- what is refused says the file and the place ----
refuse() { # TEXT FILE OPTION...
    expect_exit 65 "$1" -- nightjar decode --bundle b.njb --users "${@:2}"
}
size=$(stat -c %s h.csv.gz)
head -c $((size - 9)) h.csv.gz >cut.csv.gz
refuse "cut.csv.gz: byte $((size - 9)): the file ends in the middle of its packed data: it is cut off" cut.csv.gz
python3 -c 'b = bytearray(open("h.csv.gz", "rb").read()); b[-6] ^= 1; open("bad.csv.gz", "wb").write(b)'
refuse 'bad.csv.gz: byte ' bad.csv.gz
stderr_has 'the gzip data is damaged (incorrect data check)'
(cat h.csv.gz && echo more) >more.csv.gz
refuse "more.csv.gz: byte $size: something that is not gzip stands behind gzip data" more.csv.gz
xz -c h.txt >h.txt.xz 2>/dev/null && refuse 'h.txt.xz: is packed by xz, must be plain, gzip or zstd' h.txt.xz
mkdir empty nested
touch empty/_SUCCESS
refuse 'empty: is a folder without part files' empty
mkdir -p nested/date=2024-01-01
refuse 'nested/date=2024-01-01: is a folder among the part files of nested' nested
cp h.txt lines/part-00011
refuse 'lines/part-00011: line 1: user "' lines
stderr_has 'stands on line 1 of lines/part-00000 too'
rm lines/part-00011
printf 'user,item,timestamp\nu,\xff,1\n' >rows/part-00009.csv
refuse 'rows/part-00009.csv: line 2: item "?" is not valid UTF-8' rows
printf 'user,item\nu,a\n' >rows/part-00009.csv
refuse 'rows/part-00009.csv: line 1: has no column of times, the parts in front of it have one' rows
printf 'user,item,timestamp\n"u,a,1\n' >rows/part-00002.csv
rm rows/part-00002.csv.gz
refuse 'rows/part-00002.csv: line 2: a quote is opened and not closed' rows
cp h.jsonl rows/part-00002.jsonl
refuse 'are of different forms by their names: give --format' rows
refuse '(say --delimiter semicolon)' semicolon.csv
refuse 'no column "nobody", which --columns names; the header has "user"' h.csv --columns user=nobody
refuse 'line 1: has 4 fields, --columns has the user in field 5' bare.csv --columns 'user=#5,item=#1'
refuse '--columns by place is for csv without a header' h.jsonl --columns 'user=#1,item=#2'
refuse 'h.csv: is not Parquet, which it is said to be' h.csv --format parquet
usage() { # TEXT OPTION...
    expect_exit 2 "$1" -- nightjar decode --bundle b.njb --users h.csv "${@:2}"
}
usage '--columns has "customer=x", must be WORD=NAME' --columns customer=x
usage '--columns has "user" twice' --columns user=a,user=b
usage '--columns has a name and a place' --columns 'user=#1,item=b'
usage '--columns by place must say where the user is' --columns 'item=#1'
usage '--columns has "user=#0", a place is #1 to #256' --columns 'user=#0'
usage '--delimiter is "ab", must be tab, comma, semicolon, pipe or one other mark' --delimiter ab
usage '--delimiter is "1"' --delimiter 1
done_testing
