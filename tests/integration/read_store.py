#!/usr/bin/env python3
"""Reads a published generation with nothing of nightjar: lmdb and msgpack only (schemas/store.md).

    read_store.py STORE                            every row as `nightjar store export --to jsonl` prints it
    read_store.py STORE --example STORE_MD USER    runs the example of schemas/store.md for one user, prints its items

Exit status 77: the module lmdb or msgpack is missing.
"""
import json
import pathlib
import re
import struct
import sys

try:
    import lmdb
    import msgpack
except ImportError as missing:
    print(f"read_store.py: {missing}", file=sys.stderr)
    sys.exit(77)


def score_text(score):
    return "%.9g" % score


def export(store):
    generation = (store / "CURRENT").read_text(encoding="ascii").rstrip("\n")
    manifest = json.loads((store / generation / "MANIFEST.json").read_text(encoding="utf-8"))
    rows = 0
    with lmdb.open(str(store / generation), readonly=True, lock=False) as env, env.begin() as txn:
        for key, value in txn.cursor():
            if key == b"__meta__":
                meta = msgpack.unpackb(value)
                continue
            user = str(struct.unpack(">Q", key[1:])[0]) if key[0] == 1 else key[1:].decode()
            _version, _flags, items, scores, _history = msgpack.unpackb(value)[:5]
            listed = ", ".join(json.dumps(str(item), ensure_ascii=False) for item in items)
            print('{"user": %s, "items": [%s], "scores": [%s]}'
                  % (json.dumps(user, ensure_ascii=False), listed, ", ".join(map(score_text, scores))))
            rows += 1
    if rows != manifest["row_count"] or meta[3] != generation:
        sys.exit(f"read_store.py: {rows} rows, the manifest says {manifest['row_count']}; __meta__ {meta}")


def run_example(store, document, user):
    code = re.search(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL).group(1)
    code = code.replace('"/srv/store"', json.dumps(str(store))).replace('"42"', json.dumps(user))
    exec(compile(code, str(document), "exec"), {})  # our own document, from the source tree


if __name__ == "__main__":
    if len(sys.argv) == 2:
        export(pathlib.Path(sys.argv[1]))
    elif len(sys.argv) == 5 and sys.argv[2] == "--example":
        run_example(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(__doc__)
