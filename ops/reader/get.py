#!/usr/bin/env python3
"""Prints the lists of some users as `nightjar store get` does, with nothing of nightjar: lmdb and msgpack only.

    get.py STORE [--channel NAME] [--split SALT CHANNEL=PARTS,...] USER...

--split gives each user to a channel as libnightjar-reader does: parts are ten-thousandths and add up to 10000. A generation past its
valid_until is named as STALE on standard error. Exit status: 0; 5 where a user has no list; 77 without lmdb or msgpack.
The formats are in schemas/store.md, row.def and why.def.
"""
import argparse
import hashlib
import json
import pathlib
import struct
import sys
import time

try:
    import lmdb
    import msgpack
except ImportError as missing:
    print(f"get.py: {missing}", file=sys.stderr)
    sys.exit(77)

FLAGS = "cold widened truncated unknown short copied carried cold_items near popular pinned".split()
SOURCES = "beam neighbour pin cold borrowed near popular reserve".split()
ADJUSTS = "fusion prior boost rerank calibration fresh search".split()
NOT_FOUND = 5
WHOLE = 10000


class Generation:
    """What a channel names, opened. It never changes; open another one when the channel's file is another (its inode and mtime)."""

    opened = {}  # name -> env: lmdb opens a folder once in a process

    def __init__(self, store, channel="current"):
        path = store / ("CURRENT" if channel == "current" else f"CHANNELS/{channel}")
        self.name = path.read_text(encoding="ascii").rstrip("\n")
        manifest = json.loads((store / self.name / "MANIFEST.json").read_text(encoding="utf-8"))
        if manifest["lmdb_major"] != 0:
            sys.exit(f"get.py: {self.name} was written by LMDB {manifest['lmdb_version']}")
        if 0 < manifest.get("valid_until_ms", 0) <= time.time() * 1000:
            print(f"get.py: {self.name} is STALE", file=sys.stderr)
        if self.name not in self.opened:
            self.opened[self.name] = lmdb.open(str(store / self.name), readonly=True, lock=False)
        self.env = self.opened[self.name]

    def row(self, user):
        is_number = user.isascii() and user.isdigit() and str(int(user)) == user and int(user) < 2**64
        key = b"\1" + int(user).to_bytes(8, "big") if is_number else b"\2" + user.encode()
        with self.env.begin() as txn:
            value = txn.get(key)
        return None if value is None else msgpack.unpackb(value)


def part(salt, user):
    digest = hashlib.blake2b(salt.encode() + b"\0" + user.encode(), digest_size=32).digest()
    return int.from_bytes(digest[:8], "big") % WHOLE


def channel_of(user, salt, shares):
    left = part(salt, user)
    for channel, parts in shares:
        if left < parts:
            return channel
        left -= parts
    sys.exit(f"get.py: the shares do not add up to {WHOLE}")


def read_why(data, count):
    at = 0
    for _ in range(count):
        source, bits, raw = struct.unpack_from("<BBf", data, at)
        at += 6
        why = '{"source": "%s", "raw": %.9g' % (SOURCES[source], raw)
        added = []
        for stage in range(8):
            if bits >> stage & 1:
                added.append('"%s": %.9g' % (ADJUSTS[stage], *struct.unpack_from("<f", data, at)))
                at += 4
        yield why + (', "adjust": {%s}' % ", ".join(added) if added else "") + "}"


def line(user, row):
    def text(value):
        return json.dumps(str(value), ensure_ascii=False)

    _version, flags, items, scores, _history = row[:5]
    parts = ['"user": ' + text(user), '"items": [%s]' % ", ".join(map(text, items)),
             '"scores": [%s]' % ", ".join("%.9g" % score for score in scores)]
    if flags:
        words = [FLAGS[bit] if bit < len(FLAGS) else f"bit{bit}" for bit in range(32) if flags >> bit & 1]
        parts.append('"flags": [%s]' % ", ".join(map(text, words)))
    if len(row) > 5 and row[5]:
        parts.append('"age": %d' % row[5])
    if len(row) > 7 and row[7] is not None:
        parts.append('"why": [%s]' % ", ".join(read_why(row[7], len(items))))
    if len(row) > 8 and row[8] is not None:
        parts.append('"text": ' + text(row[8]))
    if len(row) > 9:
        parts.append('"reserve": [%s]' % ", ".join(map(text, row[9])))
    return "{" + ", ".join(parts) + "}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=pathlib.Path)
    parser.add_argument("--channel", default="current")
    parser.add_argument("--split", nargs=2, metavar=("SALT", "SHARES"))
    parser.add_argument("users", nargs="+")
    options = parser.parse_args()
    shares = [(options.channel, WHOLE)]
    salt = ""
    if options.split:
        salt = options.split[0]
        shares = [(name, int(parts)) for name, parts in (share.split("=") for share in options.split[1].split(","))]
    generations = {channel: Generation(options.store, channel) for channel, _ in shares}
    status = 0
    for user in options.users:
        generation = generations[channel_of(user, salt, shares)]
        row = generation.row(user)
        if row is None:
            print(f"get.py: {generation.name}: has no user {user!r}", file=sys.stderr)
            status = NOT_FOUND
        else:
            print(line(user, row))
    sys.exit(status)


if __name__ == "__main__":
    main()
