"""The nights that the pages tell of: the one of tests/data, the same with other workers, and held back by a gate.

    nights.py DOCUMENT FOLDER
"""
import copy
import json
import pathlib
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


def held():
    """A night that a gate held back."""
    out = copy.deepcopy(night)
    bound = dict(group=None, part=None, whole=None, value=1.0, bound=2.0)
    out["gates"] = [
        dict(bound, gate="event-age", passed=True, text="the newest event is 3.6 h old; --gate-event-age allows 24.0 h"),
        dict(bound, gate="emptied", group="north-" * 10, passed=True, text="group " + "north-" * 10 + ": users none of whose items it knows: "
             "12 of 100000 users whose histories have items, 0.01 %; --gate-emptied allows 25 %"),
        dict(bound, gate="overlap", passed=False, text="first 10 places as in the current generation: 3.99 %, mean of 99990 users of both; "
             "--gate-overlap asks for 50 %")]
    return out


def write_grades():
    """The grades of 60 nights, good and bad ones, as `nightjar grade --keep` leaves them in a store."""
    pathlib.Path(folder, "grades").mkdir()
    for number in range(60):
        middle, name = random.random(), f"gen-00000000{number:02}0000000000000000"
        figure = dict(value=middle, low=middle * 0.8, high=min(1, middle * 1.2))
        write(f"grades/{name}.grade", {"generation": name, "created_ms": 1714953600000 + number * 86400000, "users": {"graded": 12345},
                                       "figures": {"hit@10": figure, "ndcg@10": dict(figure, value=middle * 0.9)}})


write("few", night)
write("held", held())
write_grades()
write("64", with_workers(64))
write("1000", with_workers(1000))
write("store", {key: night[key] for key in ("version", "generation", "written_ms", "nightjar", "facts", "lists", "quarantined")} | {"source": "store"})

# The later of the graded nights kept control lists; one has no figures.
for at, path in enumerate(sorted(pathlib.Path(folder, "grades").iterdir())):
    grade = json.loads(path.read_text())
    if at >= 20:
        grade["controls"] = [{"name": name, "stored": True, "figures": {"hit@10": {"difference": {"value": more, "low": more - 0.2, "high": more + 0.2}}}}
                             for name, more in (("popular", random.uniform(-0.1, 0.2)), ("co-visitation", random.uniform(0.2, 0.5)))]
    if at == 40:
        grade["figures"] = {}
    path.write_text(json.dumps(grade))
