"""watch_store.py STORE USERS - reads CURRENT's generation again and again until standard input ends; for test_cycles.c and
test_channel_cycles.c.

Exit 1 when one generation's rows have different numbers of items or digests of their histories, or are not as many as the manifest
says or more than USERS, or when a generation is gone that CURRENT still names; 77 without the modules.
"""
import json
import pathlib
import select
import sys

try:
    import lmdb
    import msgpack
except ImportError:
    sys.exit(77)

store, users = pathlib.Path(sys.argv[1]), int(sys.argv[2])
looks = changes = missed = 0
last = None
while not select.select([sys.stdin], [], [], 0.001)[0]:
    name = (store / "CURRENT").read_text().strip()
    try:
        manifest = json.loads((store / name / "MANIFEST.json").read_text())
        env = lmdb.open(str(store / name), readonly=True, lock=False)
    except (lmdb.Error, FileNotFoundError) as problem:  # `store gc` or `store scrub` came between
        if (store / "CURRENT").read_text().strip() == name:
            sys.exit(f"{name}: {problem}")
        missed += 1
        continue
    with env, env.begin() as txn:
        rows = [msgpack.unpackb(value) for key, value in txn.cursor() if key != b"__meta__"]
    nights = {(len(row[2]), row[4]) for row in rows}
    if len(rows) != manifest["row_count"] or len(rows) > users or len(nights) != 1:
        sys.exit(f"{name}: {len(rows)} rows with {nights}")
    looks += 1
    changes += last not in (None, name)
    last = name
print(f"{looks} looks, {changes} changes, {missed} looked for again, 0 mixed")
