"""Embeddings for the demo's items: codebooks of orthogonal vectors, shorter level by level, so that an item's codes are its SID.

    whole_night.py books books.npy                     codebooks [3, 16, 48]
    whole_night.py items emb.npy ids.txt 0 0           the demo's 552 items, all of them
    whole_night.py items emb.npy ids.txt 28 28         without the first 28, and 28 new ones behind
    whole_night.py items emb.npy ids.txt 28 28 corner  without those of the 28 last SIDs, and 28 new ones where these were dense
"""
import itertools
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from forge import MODEL, floats, npy, struct

LEVELS, CODES = 3, 16
RAW = struct.unpack("<1656h", (MODEL.parent / "sids.npy").read_bytes()[-3312:])
SIDS = [RAW[i:i + LEVELS] for i in range(0, len(RAW), LEVELS)]


def word(level, code):
    values = [0.0] * (LEVELS * CODES)
    values[level * CODES + code] = 4.0 ** (LEVELS - 1 - level)
    return values


def embedding(sid):
    return [sum(values) for values in zip(*(word(level, code) for level, code in enumerate(sid)))]


def main(what, path, *rest):
    width = LEVELS * CODES
    if what == "books":
        words = [word(level, code) for level in range(LEVELS) for code in range(CODES)]
        npy(path, "<f4", (LEVELS, CODES, width), floats(itertools.chain(*words)))
        return
    ids_path, gone, new = rest[0], int(rest[1]), int(rest[2])
    items = list(zip((MODEL.parent / "items.txt").read_text().split(), SIDS))
    used = set(SIDS)
    free = [sid for sid in itertools.product(range(CODES), repeat=LEVELS) if sid not in used]
    if rest[3:] == ("corner",):
        leaving = set(sorted(SIDS)[-gone:])
        items = [item for item in items if item[1] not in leaving]
        added = [sid for sid in free if sid[:2] in {sid[:2] for sid in leaving}][-new:]
    else:
        items = items[gone:]
        added = free[::40][:new]
    ids = [item for item, _ in items] + ["new-%02d" % i for i in range(new)]
    sids = [sid for _, sid in items] + added
    npy(path, "<f4", (len(sids), width), floats(itertools.chain(*map(embedding, sids))))
    pathlib.Path(ids_path).write_text("".join(item + "\n" for item in ids))


if __name__ == "__main__":
    main(*sys.argv[1:])
