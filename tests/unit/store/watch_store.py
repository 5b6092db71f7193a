"""watch_store.py STORE USERS - reads CURRENT's generation again and again until standard input ends; for test_cycles.c.

Exit 1 when one generation's rows have different numbers of items, or are not as many as USERS; 77 without the modules.
"""
import pathlib
import select
import sys

try:
    import lmdb
    import msgpack
except ImportError:
    sys.exit(77)

store, users = pathlib.Path(sys.argv[1]), int(sys.argv[2])
looks = changes = 0
last = None
while not select.select([sys.stdin], [], [], 0.001)[0]:
    name = (store / "CURRENT").read_text().strip()
    with lmdb.open(str(store / name), readonly=True, lock=False) as env, env.begin() as txn:
        rows = [msgpack.unpackb(value) for key, value in txn.cursor() if key != b"__meta__"]
    counts = {len(row[2]) for row in rows}
    if len(rows) != users or len(counts) != 1:
        sys.exit(f"{name}: {len(rows)} rows with {counts} items")
    looks += 1
    changes += last not in (None, name)
    last = name
print(f"{looks} looks, {changes} changes, 0 mixed")
