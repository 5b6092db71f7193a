# A generation leaves as lines, a table of items, commands of a cache or Parquet: the same rows in each, whole or not at all.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
sed '1s/^[^ ]* /a,"b" /' users.txt >odd.txt # what csv must quote
nightjar run --bundle b.njb --users odd.txt --store store --workers 1 >out 2>err
generation=$(cat store/CURRENT)

expect_exit 0 '20 rows of gen-' -- nightjar store export --store store
cp out rows.jsonl
for form in jsonl csv resp parquet; do
    expect_exit 0 '20 rows of gen-' -- nightjar store export --store store --to $form
    mv out "printed.$form"
    expect_exit 0 '' -- nightjar store export --store store --to $form --out "rows.$form"
    stdout_lines 0
    check "$form: --out writes what is printed" cmp -s "printed.$form" "rows.$form"
done
expect_exit 0 '' -- nightjar store export --store store --to resp --ttl 1000s --ttl-jitter 50% --prefix p: --out ttl.resp
expect_exit 0 '' -- nightjar store export --store store --to resp --value msgpack --out msgpack.resp

cat >compare.py <<'PYTHON'
import csv, json, sys
rows = [json.loads(line) for line in open("rows.jsonl")]
lines = list(csv.DictReader(open("rows.csv", newline="")))
said = [(r["user"], str(n + 1), item, "%.9g" % score) for r in rows for n, (item, score) in enumerate(zip(r["items"], r["scores"]))]
assert [(l["user"], l["rank"], l["item"], l["score"]) for l in lines] == said and len(said) > 20, "csv"
def commands(name):
    data, at = open(name, "rb").read(), 0
    def number(kind):
        nonlocal at
        end = data.index(b"\r\n", at)
        assert data[at:at + 1] == kind, data[at:end]
        value, at = int(data[at + 1:end]), end + 2
        return value
    while at < len(data):
        words = []
        for _ in range(number(b"*")):
            size = number(b"$")
            words.append(data[at:at + size])
            assert data[at + size:at + size + 2] == b"\r\n"
            at += size + 2
        yield words
texts = open("rows.jsonl", "rb").read().splitlines()
assert list(commands("rows.resp")) == [[b"SET", b"nightjar:user:" + r["user"].encode(), t] for r, t in zip(rows, texts)], "resp"
ttl = list(commands("ttl.resp"))
assert [w[:4] for w in ttl] == [[b"SET", b"p:user:" + r["user"].encode(), t, b"PX"] for r, t in zip(rows, texts)], "ttl"
assert all(500000 < int(w[4]) <= 1000000 for w in ttl) and len({w[4] for w in ttl}) > 10, "jitter"
assert all(w[2][:2] == b"\x95\x01" for w in commands("msgpack.resp")), "msgpack"
PYTHON
check "csv and resp hold the rows" python3 compare.py
check "csv quotes what must be" grep -q '^"a,""b""",1,' rows.csv
check "parquet begins and ends as such" test "$(head -c 4 rows.parquet)$(tail -c 4 rows.parquet)" = PAR1PAR1

expect_exit 2 '--to is "tsv", must be one of jsonl|csv|resp|parquet|delta' -- nightjar store export --store store --to tsv
expect_exit 2 '--ttl is "36", must be whole numbers with d, h, m or s behind each' -- nightjar store export --store store --ttl 36
expect_exit 2 '--ttl-jitter is "91%", must be 0% to 90%' -- nightjar store export --store store --ttl-jitter 91%
expect_exit 2 '--ttl-jitter is "5", must be 0% to 90%' -- nightjar store export --store store --ttl-jitter 5
expect_exit 2 '--value is "xml", must be json or msgpack' -- nightjar store export --store store --value xml
expect_exit 2 '--prefix has 65 bytes, must have at most 64' -- nightjar store export --store store --prefix "$(repeat 65 x)"
expect_exit 74 'standard output: No space left on device' -- bash -c 'nightjar store export --store store --to parquet >/dev/full'

# A generation that is damaged leaves no file and changes none.
echo kept >kept.csv
chmod -R u+w store
printf X | dd of="store/$generation/data.mdb" bs=1 seek=9000 conv=notrunc status=none
expect_exit 4 'data.mdb' -- nightjar store export --store store --to csv --out kept.csv
check "the file is as it was" test "$(cat kept.csv)" = kept
check "nothing lies beside it" test -z "$(ls kept.csv.tmp* 2>/dev/null)"
done_testing
