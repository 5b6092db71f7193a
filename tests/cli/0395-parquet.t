# Parquet through DuckDB: lists and events, from a file, a folder or standard input, give the rows of text; what cannot be read is refused.
library=${DUCKDB_LIBRARY-}
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle
awk 'NF > 1' users.txt >h.txt
printf 'PAR1\x15\x00 and no more' >broken.parquet
export NIGHTJAR_PARQUET_LIBRARY=$work/none.so
expect_exit 78 'broken.parquet: Parquet is read through DuckDB' -- decode broken.parquet
stderr_has 'none.so: cannot open shared object file'
stderr_has 'set NIGHTJAR_PARQUET_LIBRARY'
cp "$(ldconfig -p | awk '/libz\.so\.1 .*x86-64/ { print $NF; exit }')" zlib.so 2>/dev/null && export NIGHTJAR_PARQUET_LIBRARY=$work/zlib.so &&
    expect_exit 78 'has no function duckdb_open, must be DuckDB 1.0 or newer' -- decode broken.parquet
python=
for candidate in "${DUCKDB_PYTHON-}" python3; do
    if [[ -n $candidate ]] && "$candidate" -c 'import duckdb' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [[ -z $python ]]; then
    skip "DuckDB is not installed: pip install duckdb, and DUCKDB_PYTHON names the Python that has it"
    done_testing
    exit 0
fi
export NIGHTJAR_PARQUET_LIBRARY=${library:-$("$python" -c 'import _duckdb; print(_duckdb.__file__)')}

"$python" - <<'PYTHON'
import json
import duckdb
db = duckdb.connect()
users = [line.split() for line in open("h.txt")]
events = [(u, item, 1714521600 + n + 0.25) for u, *items in users for n, item in enumerate(items)]
def save(query, name):
    db.execute(f"COPY ({query}) TO '{name}' (FORMAT parquet)")
db.execute("CREATE TABLE lists(customer VARCHAR, items VARCHAR[], times DOUBLE[])")
db.executemany("INSERT INTO lists VALUES (?, ?, ?)", [(u, i, list(range(len(i)))) for u, *i in users])
db.execute("CREATE TABLE events(user_id VARCHAR, item_id VARCHAR, timestamp TIMESTAMP, price DOUBLE)")
db.executemany("INSERT INTO events VALUES (?, ?, to_timestamp(?)::TIMESTAMP, 1.5)", events)
save('SELECT customer AS "user", items FROM lists', "lists.parquet")
save("SELECT price, customer, items AS basket FROM lists, (SELECT 1 AS price)", "named.parquet")
save("SELECT customer AS \"user\", items, CASE WHEN length(items) % 2 = 0 THEN list_reverse(items) || ['x'] END AS candidates, "
     "CASE WHEN length(items) % 3 = 0 THEN 'said' END AS text FROM lists", "asked.parquet")
save("SELECT * FROM events", "events.parquet")
save("SELECT user_id, item_id, epoch(timestamp)::BIGINT * 4 AS timestamp FROM events", "numbers.parquet")
for part in range(3):
    save(f"SELECT * FROM events LIMIT {70 if part < 2 else 100000} OFFSET {70 * part}", f"part-0000{part}.parquet")
save("SELECT user_id::VARCHAR AS \"user\", 1.5::DOUBLE AS item FROM events", "floats.parquet")
save("SELECT NULL::VARCHAR AS \"user\", 'a' AS item", "null.parquet")
save("SELECT * FROM (VALUES ('u1', ['a', NULL]), ('u2', ['b'])) AS t(\"user\", items)", "null-item.parquet")
save("SELECT * FROM (VALUES ('u1', ['a']), ('u1', ['b'])) AS t(\"user\", items)", "twice.parquet")
save("SELECT DISTINCT item_id FROM events WHERE item_id LIKE '%-0%' AND item_id NOT LIKE 'zep%'", "eligible.parquet")
save("SELECT customer AS \"user\", 'g' AS \"group\" FROM lists", "user-groups.parquet")
save("SELECT item_id, 'word ' || item_id AS title, ['a', 'b'] AS tags, 1.5 AS price FROM (SELECT DISTINCT item_id FROM events ORDER BY 1)", "texts.parquet")
def write(name, lines):
    open(name, "w").write("".join(line + "\n" for line in lines))
known = sorted({i for _, i, _ in events if not i.startswith("zep")})
write("eligible.txt", [i for i in known if "-0" in i])
write("groups.jsonl", [json.dumps({"group": "g", "items": known[:9]})])
write("asked.jsonl", [json.dumps({"user": u, "items": i, **({"candidates": i[::-1] + ["x"]} if len(i) % 2 == 0 else {}),
                                  **({"text": "said"} if len(i) % 3 == 0 else {})}) for u, *i in users])
write("user-groups.csv", ["user,group"] + [f"{u},g" for u, *_ in users])
write("events.csv", ["user,item,timestamp"] + [f"{u},{i},{t}" for u, i, t in events])
db.execute("CREATE TABLE known AS SELECT * FROM (VALUES " + ",".join(f"('{i}')" for i in known[:9]) + ") AS t(i)")
save("SELECT 'g' AS \"group\", list(i) AS items FROM known", "groups.parquet")
PYTHON
mkdir parts
mv part-0000*.parquet parts
touch parts/_SUCCESS

decode h.txt --top 5 >expected 2>err
same() { # WHAT OPTION...
    expect_exit 0 '' -- nightjar decode --bundle b.njb --top 5 "${@:2}"
    check "... and $1 gives the same lists" cmp -s out expected
}
same "a list a row" --users lists.parquet
same "... under other names" --users named.parquet --columns user=customer,items=basket
same "an event a row, with timestamps" --users events.parquet
same "... with numbers" --users numbers.parquet
same "a folder of parts" --users parts
cp events.parquet events.txt
same "a file whose name says otherwise" --users events.txt
same "standard input" --users - <events.parquet
same "a pipe" --users - < <(cat lists.parquet)
decode events.csv --as-of 2024-05-01T00:00:03 --top 5 >expected 2>err
same "timestamps that --as-of cuts" --users events.parquet --as-of 2024-05-01T00:00:03
decode h.txt --eligible eligible.txt --top 5 >expected 2>err
same "a Parquet file of eligible items" --users events.parquet --eligible eligible.parquet
decode h.txt --groups groups.jsonl --user-groups user-groups.csv --top 5 >expected 2>err
same "groups and who is in them" --users lists.parquet --groups groups.parquet --user-groups user-groups.parquet
decode asked.jsonl --keep-history --top 5 >expected 2>err
same "candidates and texts" --users asked.parquet --keep-history
stderr_has 'users have a text, for which the bundle'"'"'s prompt has no place'
expect_exit 0 '' -- nightjar embed --items texts.parquet --dimensions 4 --out e.npy
nightjar run --bundle b.njb --store s --users parts --workers 1 >out 2>err
nightjar store export --store s --to jsonl >rows.parquet.jsonl 2>err
nightjar run --bundle b.njb --store t --users h.txt --workers 1 >out 2>err
nightjar store export --store t --to jsonl >rows.jsonl 2>err
check "a night of Parquet parts has the rows of sequence text" cmp -s rows.parquet.jsonl rows.jsonl

refuse() { # TEXT FILE OPTION...
    expect_exit 65 "$2: $1" -- decode "${@:2}"
}
refuse 'cannot be read as Parquet' broken.parquet
head -c $(($(stat -c %s events.parquet) - 20)) events.parquet >cut.parquet
refuse 'cannot be read as Parquet' cut.parquet
python3 -c 'b = bytearray(open("events.parquet", "rb").read()); b[40:90] = bytes(255 - x for x in b[40:90]); open("bad.parquet", "wb").write(b)'
refuse 'cannot be read as Parquet' bad.parquet
refuse 'has no column "user" and "items" or "user" and "item"; its columns are "price", "customer", "basket"' named.parquet
refuse 'column "item" must be text or whole numbers: cast it where the file is made' floats.parquet
refuse 'row 1: user "" is empty' null.parquet
refuse 'row 1: ' null-item.parquet
refuse 'row 2: user "u1" stands on row 1 too' twice.parquet
refuse '--columns by place is for csv without a header' events.parquet --columns 'user=#1,item=#2'
cp h.txt parts/part-00009
expect_exit 65 'parts/part-00009: is text, and not Parquet as the part in front of it' -- decode parts --format parquet
done_testing
