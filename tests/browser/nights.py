"""The nights that the pages tell of: the one of tests/data, and the same with other workers.

    nights.py DOCUMENT FOLDER
"""
import copy
import json
import random
import sys

random.seed(20261122)
night = json.load(open(sys.argv[1]))
folder = sys.argv[2]


def strip(cells, end):
    return "".join(random.choice("56789999") if cell < end else "." for cell in range(cells))


def with_workers(count):
    out = copy.deepcopy(night)
    shown = out["workers"]["listed"]
    cells = len(shown[0]["busy"])
    listed = []
    for number in range(count):
        worker = dict(random.choice(shown), name=f"node-{number // 16:03d}.rack-{number // 128}.example/{20000 + number}", joins=1)
        end = cells if random.random() < 0.95 else random.randrange(cells)
        marks = "".join("L" if cell == end else random.choice("S" + 200 * " ") for cell in range(cells))
        worker.update(busy=strip(cells, end), marks=marks, losses=int(end < cells), users=random.randrange(9000))
        listed.append(worker)
    out["workers"] = {"total": count, "listed": listed[:1000]}
    out["spans"]["total"] = 1000000
    return out


def write(name, document):
    with open(f"{folder}/{name}.json", "w", encoding="utf-8") as file:
        json.dump(document, file)


write("few", night)
write("64", with_workers(64))
write("1000", with_workers(1000))
write("store", {key: night[key] for key in ("version", "generation", "written_ms", "nightjar", "facts", "lists", "quarantined")} | {"source": "store"})

# Grades of three weeks: one night without figures, two that nobody graded, some without controls, one bad one.
DAY_MS = 86400000


def estimate(value, around):
    return {"value": value, "low": value - around, "high": value + around}


for day in range(21):
    if day in (5, 6):
        continue
    good = 0.2 if day == 12 else random.uniform(0.45, 0.6)
    figures = {} if day == 3 else {"hit@10": estimate(good, 0.08), "ndcg@10": estimate(good / 2, 0.04)}
    controls = [{"name": name, "stored": True, "figures": {"hit@10": {"difference": estimate(more + random.uniform(-0.1, 0.1), 0.15)}}}
                for name, more in (("popular", 0.1), ("co-visitation", 0.3)) if day > 8]
    name = f"gen-01K000{day:02}000000000000000000"
    write(f"grades/{name}.grade", {"generation": name, "created_ms": night["written_ms"] + (day - 21) * DAY_MS, "users": {"graded": 900 + day},
                                   "figures": figures, "controls": controls})
