# embed: item texts to vectors, for people and for scripts; rows in the order asked for; texts and options that do not fit.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

printf '%s\n' $'item_id\ttitle\tkind' $'a\tred nail polish\tnails' $'b\tRED nail polish!\tnails' $'c\thair brush\thair' \
    $'d\thair brush, red\thair' $'e\t?\t' $'f\tunique\tnails' >items.tsv
embed=(nightjar embed --items items.tsv --quiet --dimensions 4)
expect_exit 0 '' -- "${embed[@]}" --ids-out ids.txt --out E.npy
stdout_has '6 items, 6 words in 2 items or more, 4 dimensions'
stdout_has 'vectors of zeros: 1 items without a word'
check "rows stand in the order of the file" cmp ids.txt - <<<$'a\nb\nc\nd\ne\nf'
check "equal texts are equal vectors, near texts near, other texts far, no text is zeros" python3 - <<'P'
import struct
bytes = open("E.npy", "rb").read()
assert b"'<f4'" in bytes[:128] and b"(6, 4)" in bytes[:128], bytes[:128]
rows = [struct.unpack("<4f", bytes[i:i + 16]) for i in range(len(bytes) - 96, len(bytes), 16)]
dot = lambda x, y: sum(p * q for p, q in zip(rows[x], rows[y]))
assert rows[0] == rows[1] and rows[4] == (0, 0, 0, 0), rows
assert all(abs(dot(i, i) - 1) < 1e-6 for i in (0, 1, 2, 3, 5)), rows
assert dot(2, 3) > 0.7 and abs(dot(0, 2)) < 0.1 and 0.1 < dot(0, 3) < dot(2, 3) and dot(0, 5) > 0.3, rows
P
for threads in 1 2 5; do
    nightjar embed --items items.tsv --quiet --dimensions 4 --threads "$threads" --out "E$threads.npy" >out 2>err
    check "... and the same file from $threads threads" cmp E.npy "E$threads.npy"
done
expect_exit 0 '' -- nightjar catalogue fit --embeddings E.npy --ids ids.txt --levels 2 --codes 2 --suffix-codes 6 --out cat

# Rows by --ids; items that have no text are refused, or zeros.
printf 'd\na\n' >two.txt
expect_exit 0 '' -- "${embed[@]}" --ids two.txt --min-items 1 --half --ids-out out.txt --out H.npy --json
stdout_is_json
check "... of the two items only" python3 - <<'P'
import json
r = json.load(open("out"))
assert (r["items"], r["passed_over"], r["words"], r["dimensions"], r["rank"]) == (2, 4, 6, 4, 2), r
assert abs(r["share_kept"] - 1) < 1e-9 and r["missing"] == r["without_text"] == r["without_direction"] == 0, r
bytes = open("H.npy", "rb").read()
assert b"'<f2'" in bytes[:128] and b"(2, 4)" in bytes[:128] and len(bytes) % 64 == 16, bytes
P
check "... and the ids are written" cmp out.txt two.txt
printf 'z\nd\ny\n' >three.txt
expect_exit 65 'items.tsv: has no line for 2 of the 3 items of three.txt, the first "z"' -- "${embed[@]}" --ids three.txt --out H.npy
expect_exit 0 '' -- "${embed[@]}" --ids three.txt --zero-missing --min-items 1 --out H.npy
stdout_has '2 without a line'
nightjar embed --items items.tsv --dimensions 4 --out L.npy >out 2>err
stderr_has '6 items, 6 words'

# Few directions.
printf 'id\ttitle\n1\tthe same\n2\tthe same\n3\tthe same\n' >same.tsv
expect_exit 0 'the texts have no more directions than 1: the last 3 of 4 columns are 0' -- nightjar embed --items same.tsv --dimensions 4 --out s.npy
head -n 2 same.tsv >one.tsv
expect_exit 65 'no word stands in 2 of its 1 items or more: give more text, or a lower --min-items' -- \
    nightjar embed --items one.tsv --out s.npy
expect_exit 0 '' -- nightjar embed --items one.tsv --min-items 1 --out s.npy
expect_exit 0 '' -- nightjar embed --items - --min-items 1 --words-max 1 --out s.npy <same.tsv
expect_exit 0 '2 words were left out that fewer items have than the 1 that are kept' -- \
    nightjar embed --items - --words-max 1 --out s.npy < <(cat same.tsv; printf '4\tsame\n5\tthe other\n6\tsame other\n')

# What cannot be read. Whatever fails, the vectors and ids of before stay.
cp E.npy before.npy
refuse() { # EXIT TEXT OPTION...
    local code=$1 text=$2
    shift 2
    expect_exit "$code" "$text" -- nightjar embed --out E.npy --ids-out ids.txt "$@"
    check "... and touches nothing" cmp E.npy before.npy
    check "... and leaves no draft" test -z "$(compgen -G '*.tmp.*' || true)"
}
refuse 65 'items.tsv: line 1: has no column "name"; its columns are: item_id title kind' --items items.tsv --text-columns name
refuse 2 '--text-columns has "title=0"' --items items.tsv --text-columns title=0
refuse 65 'items.tsv: line 1: has no column "asin"' --items items.tsv --id-column asin
refuse 2 '--method is "bert", must be tfidf-svd' --items items.tsv --method bert
refuse 2 '--dimensions is "0"' --items items.tsv --dimensions 0
refuse 2 '--dimensions is "1025"' --items items.tsv --dimensions 1025
refuse 5 'nothing.tsv' --items nothing.tsv
: >empty.tsv
refuse 65 'empty.tsv: holds no item' --items empty.tsv
(cat items.tsv; printf 'a\tagain\tnails\n') >twice.tsv
refuse 65 'twice.tsv: line 8: item "a" stands on line 2 too' --items twice.tsv
(cat items.tsv; printf 'g\tshort\n') >short.tsv
refuse 65 'short.tsv: line 8: has 2 fields, the header has 3' --items short.tsv
printf '{"id": 1, "title": "a\xff"}\n' >bad.jsonl
refuse 65 'bad.jsonl: line 1: is not JSON' --items bad.jsonl
(printf 'id\ttitle\n1\t'; head -c 64M /dev/zero | tr '\0' x) >long.tsv
refuse 65 'long.tsv: line 2: is longer than 16777216 bytes' --items long.tsv
rm long.tsv
printf 'id\ttitle\n1\tcaf\xe9 noir\n2\tnoir\n' >latin1.tsv
expect_exit 0 '1 bytes of the texts are not UTF-8 and were taken for spaces' -- nightjar embed --items latin1.tsv --out s.npy
printf 'item_id\n1\n' >one.tsv
refuse 65 'one.tsv: line 1: has 1 columns, none of them text beside the id: columns are separated by tabs' --items one.tsv
printf 'item_id\ttitle\na\tred, "blue" shoe\nb\tred shoe\nc\tblue  hat\n' >tab.tsv
printf 'item_id,title\na,"red, ""blue"" shoe"\nb,red shoe\nc,"blue\n hat"\n' >comma.csv
nightjar embed --items tab.tsv --out tab.npy >out 2>err
expect_exit 0 '' -- nightjar embed --items comma.csv --out comma.npy
check "... and the vectors are those of the same texts between tabs" cmp comma.npy tab.npy
printf 'item_id,title\na,"red\n' >comma.csv
refuse 65 'comma.csv: line 2: a quote is opened and not closed' --items comma.csv
gzip -c items.tsv >items.tsv.gz
mkdir parts
head -n 2 items.tsv >parts/part-0.tsv
(head -n 1 items.tsv && tail -n +3 items.tsv) | gzip -c >parts/part-1.tsv.gz
touch parts/_SUCCESS
nightjar embed --items items.tsv --out whole.npy >out 2>err
for packed in items.tsv.gz parts; do
    expect_exit 0 '' -- nightjar embed --items $packed --out packed.npy
    check "... and the vectors of $packed are the same" cmp packed.npy whole.npy
done
expect_exit 0 '' -- nightjar embed --items - --out packed.npy < <(cat items.tsv.gz)
check "... and those of a pipe" cmp packed.npy whole.npy
sed -n 2p items.tsv >>parts/part-0.tsv
refuse 65 'parts/part-0.tsv: line 3: item "' --items parts
expect_exit 2 '--out and --ids-out are one file, "./E.npy"' -- nightjar embed --items items.tsv --out E.npy --ids-out ./E.npy
check "... and touches nothing" cmp E.npy before.npy
expect_exit 74 'nowhere/E.npy' -- nightjar embed --items items.tsv --out nowhere/E.npy
done_testing
