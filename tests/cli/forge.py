"""Files that nightjar reads, made byte by byte, so that one thing can be wrong in each of them. Standard library only.

    python3 -c 'from forge import *; npy("sids.npy", "<i2", (2, 3), ints("h", range(6)))'
"""
import copy
import hashlib
import json
import os
import pathlib
import struct

NAN = float("nan")
INF = float("inf")
MODEL = pathlib.Path(__file__).resolve().parents[2] / "ops" / "demo-data" / "model"


def ints(code, values):
    return b"".join(struct.pack("<" + code, value) for value in values)


def floats(values, code="f"):
    return ints(code, values)


def npy(path, descr, shape, data, order="False", header=None, version=1, magic=b"\x93NUMPY", length=None):
    """A .npy file. `shape` may be text, `header` replaces the dictionary, `length` the stated length of the header."""
    text = header if header is not None else "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, order, shape)
    text = text.encode("latin-1")
    prefix = magic + bytes([version, 0])
    field = "<H" if version == 1 else "<I"
    text += b" " * (-(len(prefix) + struct.calcsize(field) + len(text) + 1) % 64) + b"\n"
    stated = struct.pack(field, len(text) if length is None else length)
    pathlib.Path(path).write_bytes(prefix + stated + text + data)


class Safetensors:
    """The demo's model file: header (a dict) and data (bytes), to be changed and written."""

    def __init__(self, path=MODEL / "model.safetensors"):
        raw = pathlib.Path(path).read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        self.header = json.loads(raw[8:8 + length])
        self.data = raw[8 + length:]
        self.names = sorted(name for name in self.header if name != "__metadata__")

    def set_half(self, name, index, value):
        at = self.header[name]["data_offsets"][0] + 2 * index
        self.data = self.data[:at] + struct.pack("<e", value) + self.data[at + 2:]

    def tensor(self, name):
        begin, end = self.header[name]["data_offsets"]
        return self.data[begin:end]

    def write(self, path, header=None, data=None, length=None):
        text = header if header is not None else json.dumps(self.header).encode()
        body = self.data if data is None else data
        pathlib.Path(path).write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)

    def write_part(self, path, names):
        header, data = {}, b""
        for name in names:
            header[name] = dict(self.header[name], data_offsets=[len(data), len(data) + len(self.tensor(name))])
            data += self.tensor(name)
        self.write(path, json.dumps(header).encode(), data)


def config(**changes):
    """The demo's config.json as a dict; a change to None removes the key."""
    values = json.loads((MODEL / "config.json").read_text())
    values.update(changes)
    return {key: value for key, value in values.items() if value is not None}


def model(folder, tensors=None, settings=None):
    """A checkpoint folder; config.json may be given as bytes."""
    os.makedirs(folder, exist_ok=True)
    settings = config() if settings is None else settings
    text = settings if isinstance(settings, bytes) else json.dumps(settings).encode()
    (pathlib.Path(folder) / "config.json").write_bytes(text)
    (tensors or Safetensors()).write(pathlib.Path(folder) / "model.safetensors")


class Bundle:
    """A bundle's sections by name. write() makes every digest anew, so that what is wrong inside gets past them."""

    def __init__(self, path):
        raw = pathlib.Path(path).read_bytes()
        self.sections = {}
        for i in range(struct.unpack("<I", raw[12:16])[0]):
            entry = raw[64 + 80 * i:144 + 80 * i]
            offset, size = struct.unpack("<QQ", entry[32:48])
            self.sections[entry[:32].rstrip(b"\0").decode()] = raw[offset:offset + size]

    def json(self, name, **changes):
        """A JSON section with other values."""
        return json.dumps(dict(json.loads(self.sections[name]), **changes)).encode()

    def write(self, path, table=None, version=1, count=None, **changes):
        """Section `name` becomes `changes[name]`; None leaves it out. `table` is called with the section table's bytes."""
        sections = dict(self.sections)
        sections.update(changes)
        items = sorted((name, value) for name, value in sections.items() if value is not None)
        end = 64 + 80 * len(items)
        at = -(-end // 4096) * 4096
        entries, body = b"", b""
        for name, value in items:
            at = -(-at // 64) * 64
            entries += name.encode().ljust(32, b"\0") + struct.pack("<QQ", at, len(value)) + digest(value)
            body += b"\0" * (at - end) + value
            at = end = at + len(value)
        entries = table(entries) if table else entries
        head = b"NJBUNDLE" + struct.pack("<II", version, len(items) if count is None else count) + digest(entries)
        pathlib.Path(path).write_bytes(head + b"\0" * 16 + entries + body)


def digest(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def replace(data, at, new):
    return data[:at] + new + data[at + len(new):]


def replace_in(path, at, new):
    path = pathlib.Path(path)
    path.write_bytes(replace(path.read_bytes(), at, new))


def changed(values, change):
    """A deep copy of a JSON value with `change` applied to it."""
    values = copy.deepcopy(values)
    change(values)
    return values
