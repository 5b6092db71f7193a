"""What must hold after every night of the week, counted here from exports and from what the shop knows.

    week_check.py night FOLDER DAY NIGHT.json    the current generation of ./store is DAY's night, which printed NIGHT.json
    week_check.py night ... EVENTS.csv           the same of a night that read these events, and carried over whom they lack
    week_check.py note GENERATION WHAT           a generation that nobody reads yet: it must not change either
    week_check.py anew                           after an erasure: as many generations, each under another name
    week_check.py stays                          nothing of the nights before has changed, and nothing lies about
    week_check.py removed                        after a gc: those that are left have not changed
    week_check.py audit                          a user of each kind of the current generation: who made the row, and the row again
    week_check.py copy STORE                     the current generation of ./STORE is ./store's, byte for byte
    week_check.py choose                         three users and an item to be forgotten: ./forget.users, ./forget.items
    week_check.py forgotten PLACE...             no byte of these folders names them, and no generation of ./store has them
    week_check.py grade FOLDER DAY GRADE.json    the grade of the night of DAY, counted again from the events of the day after

What each generation was when it was made is noted in ./notes.json. `nightjar` is looked for in PATH.
"""
import csv
import hashlib
import json
import pathlib
import subprocess
import sys

import week

STORE = pathlib.Path("store")
NOTES = pathlib.Path("notes.json")
KINDS = ("carried", "copied")
KNOWN = {"CURRENT", "HISTORY", "CHANNELS", "ID", "SCRUBBED", "lock", "night", "reports"}
BESIDE = {"data.mdb", "MANIFEST.json", "QUARANTINED.jsonl", "GROUPS.json", "CONTROLS.jsonl", "ORIGIN"}


def nightjar(*arguments):
    done = subprocess.run(["nightjar", *map(str, arguments)], capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"exit {done.returncode}: nightjar {' '.join(map(str, arguments))}\n{done.stderr.decode()}")
    return done.stdout.decode()


def export(generation, store=STORE):
    lines = nightjar("store", "export", "--store", store, "--gen", generation).splitlines()
    rows = {row["user"]: row for row in map(json.loads, lines)}
    assert len(rows) == len(lines), f"{generation} has a user twice"
    return rows


def current(store=STORE):
    return (store / "CURRENT").read_text(encoding="ascii").strip()


def read_events(path):
    """user -> [(time, item)], oldest first."""
    events = {}
    with open(path, encoding="utf-8") as file:
        for row in csv.DictReader(file):
            events.setdefault(row["user"], []).append((float(row["timestamp"]), row["item"]))
    return {user: sorted(of, key=lambda event: event[0]) for user, of in events.items()}


def kind_of(row):
    flags = [kind for kind in KINDS if kind in row.get("flags", [])]
    assert len(flags) <= 1, row
    return flags[0] if flags else "decoded"


def quarantined_of(generation):
    path = STORE / generation / "QUARANTINED.jsonl"
    return [json.loads(line)["user"] for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def count_kinds(rows, quarantined):
    kinds = dict(decoded=0, copied=0, carried=0, quarantined=len(quarantined))
    for row in rows.values():
        kinds[kind_of(row)] += 1
    return kinds


def check_users(told, rows, quarantined):
    """Every user of the plan is exactly one of decoded, copied, carried and quarantined."""
    assert len(set(quarantined)) == len(quarantined) and not set(quarantined) & set(rows), quarantined
    missing, strangers = set(told["users"]) - set(rows) - set(quarantined), set(rows) - set(told["users"])
    assert not missing and not strangers, f"without a list: {sorted(missing)}; nobody's: {sorted(strangers)}"


def check_facts(told, generation, rows, kinds, said):
    facts = json.loads((STORE / generation / "MANIFEST.json").read_text(encoding="utf-8"))
    wanted = dict(generation=generation, user_count=len(rows) + kinds["quarantined"], row_count=len(rows), copied_count=kinds["copied"],
                  carried_count=kinds["carried"], newest_event_ms=told["newest"] * 1000, item_count=len(told["items"]),
                  valid_until_ms=facts["created_ms"] + 30 * 3600 * 1000)
    wrong = {name: (facts[name], value) for name, value in wanted.items() if facts[name] != value}
    assert not wrong, f"the manifest's facts and what was counted: {wrong}"
    wanted = dict(rows=len(rows), copied=kinds["copied"], quarantined=kinds["quarantined"])
    assert generation in (said["generation"], said["held"]), (generation, said["generation"], said["held"])
    wrong = {name: (said[name], value) for name, value in wanted.items() if said[name] != value}
    assert not wrong, f"what the night said and what was counted: {wrong}"


def check_lists(folder, day, told, rows, before):
    """Lists have items of tonight, none of the user's own, and none that his group may not get. A carried one is what is left so of the
    list before, filled up from its reserve."""
    sold = set(told["items"])
    past = {user: {item for at, item in events if at <= told["newest"]} for user, events in read_events(folder / told["events"]).items()}
    denied = set(json.loads((folder / day / "groups.jsonl").read_text())["deny"])
    refilled = 0
    north = {line.split(",")[0] for line in (folder / day / "user-groups.csv").read_text().splitlines()[1:]}
    for user, row in rows.items():
        unfit = past.get(user, set()) | (denied if user in north and user in past else set())
        items = row["items"]
        assert items and len(set(items)) == len(items) == len(row["scores"]) <= 10, row
        assert set(items) <= sold and not set(items) & unfit, row
        if kind_of(row) == "carried":
            left = [item for item in before[user]["items"] + before[user].get("reserve", []) if item in sold and item not in unfit]
            assert items == left[:10] and row["age"] == before[user].get("age", 0) + 1, (row, before[user])
            refilled += items != before[user]["items"]
            assert ("short" in row["flags"]) == (len(left) < 10), (row, left)
    return refilled


def share(first, second):
    return len(set(first) & set(second)) / max(len(first), len(second)) if first or second else 1


def check_diff(older, newer):
    """`store diff` of two generations says what a naive comparison of their exports does."""
    said = json.loads(nightjar("store", "diff", "--store", STORE, "--from", older, "--to", newer, "--items", 1000, "--json"))
    a, b = export(older), export(newer)
    both = a.keys() & b.keys()
    same = [user for user in both if a[user]["items"] == b[user]["items"]]
    assert said["users"] == dict(added=len(b.keys() - a.keys()), removed=len(a.keys() - b.keys())), said["users"]
    assert said["lists"]["changed"] == len(both) - len(same), said["lists"]
    assert said["lists"]["identical"] + said["lists"]["rescored"] == len(same), said["lists"]
    overlap = sum(share(a[user]["items"][:10], b[user]["items"][:10]) for user in both) / len(both)
    assert abs(said["overlap"] - overlap) < 1e-9, (said["overlap"], overlap)
    count = [{}, {}]
    for number, rows in enumerate((a, b)):
        for item in (item for row in rows.values() for item in row["items"]):
            count[number][item] = count[number].get(item, 0) + 1
    moved = {item: (count[0].get(item, 0), count[1].get(item, 0)) for item in count[0].keys() | count[1].keys()}
    assert said["items"]["count"] == len(moved)
    assert said["items"]["lost"] == sum(n == 0 for _, n in moved.values()) and said["items"]["gained"] == sum(n == 0 for n, _ in moved.values())
    listed = {entry["item"]: (entry["from"], entry["to"]) for entry in said["items"]["more"] + said["items"]["less"]}
    assert listed == {item: counts for item, counts in moved.items() if counts[0] != counts[1]}


def digest_of(generation, store=STORE):
    """Of everything in a generation's folder, names included."""
    out = hashlib.sha256()
    for path in sorted((store / generation).iterdir()):
        out.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return out.hexdigest()


def read_notes():
    return json.loads(NOTES.read_text()) if NOTES.exists() else {}


def check_old_names():
    """Every generation that a night has made is the bytes that it was made of, and can be read under its name."""
    notes = read_notes()
    for generation, note in notes.items():
        assert digest_of(generation) == note["digest"], f"{generation} of {note['day']} has changed"
        row = json.loads(nightjar("store", "get", "--store", STORE, "--gen", generation, note["user"]))
        assert row["items"] == note["items"], (row, note)
    listed = json.loads(nightjar("store", "list", "--store", STORE, "--json"))["generations"]
    listed = {entry["name"]: entry["status"] for entry in listed}
    assert listed == {generation: "OK" for generation in notes}, (listed, list(notes))


def check_nothing_stray():
    for store in (STORE, pathlib.Path("copy")):
        if store.exists():
            stray = [path.name for path in store.iterdir() if path.name not in KNOWN and not path.name.startswith("gen-")]
            inside = [str(path) for folder in store.glob("gen-*") for path in folder.iterdir() if path.name not in BESIDE]
            assert not stray and not inside, f"{store} has what nobody needs: {stray + inside}"
    left = [str(path) for place in (STORE, pathlib.Path("copy"), pathlib.Path("tmp")) for path in place.rglob("*")
            if ".draft-" in path.name or path.name.endswith((".tmp", ".new", ".part")) or place.name == "tmp"]
    assert not left, f"left behind: {left}"


def check_stays():
    nightjar("store", "verify", "--store", STORE)
    check_old_names()
    check_nothing_stray()


def tell_partial(told, path, before):
    """What the day is to a night that read less of it: who is missing keeps the row of the generation before."""
    events = read_events(path)
    newest = max(at for of in events.values() for at, _ in of)
    return dict(told, newest=int(newest), events=pathlib.Path(path).resolve(), users=sorted(events.keys() | export(before).keys()))


def check_night(folder, day, said, partial=None):
    folder = pathlib.Path(folder)
    told = dict(json.loads((folder / "week.json").read_text())[day], events=f"{day}/events.csv")
    if partial:
        told = tell_partial(told, partial, list(read_notes())[-1])
    said = json.loads(pathlib.Path(said).read_text())
    generation, notes = current(), read_notes()
    rows, quarantined = export(generation), quarantined_of(generation)
    kinds = count_kinds(rows, quarantined)
    check_users(told, rows, quarantined)
    check_facts(told, generation, rows, kinds, said)
    kinds["refilled"] = check_lists(folder, day, told, rows, export(list(notes)[-1]) if notes else {})
    if notes:
        check_diff(list(notes)[-1], generation)
    note(generation, day)
    check_stays()
    print(f"{day}: {kinds}")


def note(generation, day):
    """What it is now, for all the nights that come."""
    notes, rows = read_notes(), export(generation)
    user = sorted(rows)[len(rows) // 2]
    notes[generation] = dict(day=day, digest=digest_of(generation), user=user, items=rows[user]["items"])
    NOTES.write_text(json.dumps(notes))


def note_anew():
    """After an erasure: the generations there are, under names of their own. The old ones must be gone."""
    old = read_notes()
    names = sorted(path.name for path in STORE.glob("gen-*"))
    assert len(names) == len(old) and not set(names) & set(old), (names, list(old))
    NOTES.unlink()
    for name in names:
        note(name, "anew")
    check_stays()


def forget_removed():
    """After a `store gc`: what is gone is noted no more; what is there must be what it was."""
    NOTES.write_text(json.dumps({name: of for name, of in read_notes().items() if (STORE / name).exists()}))
    check_stays()


def check_audit():
    """Each kind of row is followed to the night that decoded it; what was decoded or copied tonight comes out the same again."""
    generation, rows = current(), export(current())
    for kind in sorted({kind_of(row) for row in rows.values()}):
        user = next(user for user in sorted(rows) if kind_of(rows[user]) == kind)
        told = json.loads(nightjar("store", "audit", user, "--store", STORE, "--json"))
        age = rows[user].get("age", 0)
        assert (told["generation"], told["age"], told["ends"]) == (generation, age, None), told
        assert len(told["chain"]) == age + 1 and told["night"]["generation"] == told["chain"][-1]["generation"], told
        assert told["record"]["state"] == "COMMITTED" and told["record"]["worker"], told
        if kind != "carried":
            nightjar("replay", user, "--store", STORE)


def check_copy(copy):
    copy, generation = pathlib.Path(copy), current()
    assert current(copy) == generation, f"{copy} has {current(copy)}, should be {generation}"
    for name in ("data.mdb", "MANIFEST.json", "QUARANTINED.jsonl"):
        ours, theirs = STORE / generation / name, copy / generation / name
        assert ours.exists() == theirs.exists(), f"{name} is in one of {STORE} and {copy} only"
        assert not ours.exists() or ours.read_bytes() == theirs.read_bytes(), f"{name} of {generation} differs in {copy}"


def choose_forgotten():
    """A user with a number, two with a name, and the item of most lists; none of them a part of another's name."""
    rows = export(current())
    counts = {}
    for item in (item for row in rows.values() for item in row["items"]):
        counts[item] = counts.get(item, 0) + 1
    alone = [name for name in sorted(rows) if sum(name in other for other in rows) == 1]
    users = [name for name in alone if name.isdigit()][:1] + [name for name in alone if not name.isdigit()][1:3]
    item = max((item for item in counts if sum(item in other for other in counts) == 1), key=lambda item: (counts[item], item))
    assert len(users) == 3 and counts[item] > 1
    pathlib.Path("forget.users").write_text("".join(f"{user}\n" for user in users))
    pathlib.Path("forget.items").write_text(f"{item}\n")


def needles_of(user):
    """The bytes that tell of a user: his name, or, where it is a number that may stand anywhere, his key and his name in JSON."""
    return [b"\x01" + int(user).to_bytes(8, "big"), b'"%d"' % int(user)] if user.isdigit() else [user.encode()]


def check_forgotten(*places):
    users = pathlib.Path("forget.users").read_text().split()
    items = pathlib.Path("forget.items").read_text().split()
    needles = [needle for user in users for needle in needles_of(user)] + [item.encode() for item in items]
    files = [path for place in places for path in pathlib.Path(place).rglob("*") if path.is_file()]
    found = [(str(path), needle) for path in files for needle in needles if needle in path.read_bytes()]
    assert files and not found, found
    for folder in STORE.glob("gen-*"):
        rows = export(folder.name)
        assert rows and not rows.keys() & set(users) and not any(set(row["items"]) & set(items) for row in rows.values()), folder


def check_grade(folder, day, grade):
    """hit@10 of the first item that a user took on the day after, over all users with a row and an event then."""
    folder = pathlib.Path(folder)
    told = json.loads((folder / "week.json").read_text())
    tomorrow = week.DAYS[week.DAYS.index(day) + 1]
    grade = json.loads(pathlib.Path(grade).read_text())
    rows, hits, users, strangers = export(grade["generation"]), 0, 0, 0
    for user, events in read_events(folder / tomorrow / "events.csv").items():
        since = [item for at, item in events if at >= told[day]["midnight"]]
        if since and user in rows:
            users, hits = users + 1, hits + (since[0] in rows[user]["items"][:10])
        elif since:
            strangers += 1
    assert (grade["users"]["graded"], grade["users"]["without_row"]) == (users, strangers), (grade["users"], users, strangers)
    assert users > 10 and abs(grade["figures"]["hit@10"]["value"] - hits / users) < 1e-9, (grade["figures"]["hit@10"], hits, users)
    kept = json.loads((STORE / "reports" / f"{grade['generation']}.grade.json").read_text())
    assert abs(kept["figures"]["hit@10"]["value"] - hits / users) < 1e-5, kept["figures"]["hit@10"]
    print(f"{day}: hit@10 {hits}/{users}")


if __name__ == "__main__":
    dict(night=check_night, note=note, anew=note_anew, removed=forget_removed, stays=check_stays, audit=check_audit, copy=check_copy,
         grade=check_grade, choose=choose_forgotten, forgotten=check_forgotten)[sys.argv[1]](*sys.argv[2:])
