"""A week of a synthetic shop: what seven nights read, from a seed. Users come, go and change; so do items.

    week.py make FOLDER USERS SEED
    week.py scramble FOLDER            the demo's model with the words of its vocabulary in another order

FOLDER/DAY (mon ... sun) is what has arrived by that day's midnight: events.csv (user,item,timestamp in seconds since 1970), emb.npy and
ids.txt, groups.jsonl and user-groups.csv. FOLDER/wrong.csv are Friday's events under another shop's item ids, FOLDER/short its items without the last 30. FOLDER/week.json says who
is there on which day. books.npy are the codebooks of all embeddings.
"""
import csv
import itertools
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from forge import MODEL, Safetensors, floats, model, npy, replace
from whole_night import CODES, LEVELS, SIDS, embedding, word

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONDAY = 1715558400  # 2024-05-13, 00:00 UTC
DAY_S = 86400
HELD_BACK = 3  # items of a user's life that he takes in the week, at most


def demo_lives(count):
    """Users with what they take in their lives, oldest first. Every third is called by a number, as a shop of numbers would."""
    lines = (MODEL.parent / "histories.txt").read_text().splitlines()[3:]
    lives = {}
    for number in range(count):
        name, *items = lines[number % len(lines)].split()
        again = number // len(lines)
        lives[str(70000 + number) if number % 3 == 0 else f"{name}-{again}" if again else name] = items
    return lives


def make_events(lives, rng):
    """user -> [(time, item)]: most before Monday, the last ones on days of the week."""
    events = {}
    for user, items in lives.items():
        late = min(rng.randint(0, HELD_BACK), len(items) - 1)
        times = [MONDAY - rng.randrange(1, 60 * DAY_S) for _ in items[late:]] + [MONDAY + rng.randrange(6 * DAY_S) for _ in range(late)]
        events[user] = list(zip(sorted(times), items))
    return events


def make_people(users, rng):
    """day -> who is there: a hundredth comes and goes each night."""
    step = max(1, len(users) // 100)
    names = list(users)
    rng.shuffle(names)
    here, waiting, days = names[6 * step:], names[:6 * step], {"mon": None}
    days["mon"] = set(here)
    for day in DAYS[1:]:
        gone = rng.sample(sorted(days["mon"] & set(here)), step)
        here = [name for name in here if name not in gone] + [waiting.pop() for _ in range(step)]
        days[day] = set(here)
    return days


def make_items(rng):
    """day -> [(id, sid)]: items go on Wednesday and Friday, others come, and on Saturday some are back.

    All of them are of a corner of the catalogue, four series of the rarest shelf, so that rows of users whose search has not been there can
    be copied over a refresh.
    """
    items = list(zip((MODEL.parent / "items.txt").read_text().split(), SIDS))
    corner = sorted({sid[:2] for sid in SIDS})[-4:]
    free = [sid for sid in itertools.product(range(CODES), repeat=LEVELS) if sid not in set(SIDS) and sid[:2] in corner]
    rng.shuffle(free)
    gone = rng.sample([item for item in items if item[1][:2] in corner], 10)
    come = [(f"new-{number:02}", free[number]) for number in range(9)]
    start = [item for item in items if item not in gone[8:]]  # two are not yet there on Monday
    wed = [item for item in start if item not in gone[:5]] + come[:6]
    fri = [item for item in wed if item not in gone[5:8]] + gone[8:]
    sat = fri + gone[:3] + come[6:]
    return dict(mon=start, tue=start, wed=wed, thu=wed, fri=fri, sat=sat, sun=sat)


def write_events(path, events, here, until, rename=None):
    rows = sorted((at, user, item) for user in here for at, item in events[user] if at < until)
    with open(path, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("user", "item", "timestamp"))
        out.writerows((user, rename(item) if rename else item, at) for at, user, item in rows)


def write_items(folder, items):
    folder.mkdir(parents=True, exist_ok=True)
    npy(folder / "emb.npy", "<f4", (len(items), LEVELS * CODES), floats(itertools.chain(*(embedding(sid) for _, sid in items))))
    (folder / "ids.txt").write_text("".join(f"{name}\n" for name, _ in items))


def write_day(folder, day, events, here, items, denied):
    until = MONDAY + DAYS.index(day) * DAY_S
    folder.mkdir(parents=True)
    write_events(folder / "events.csv", events, here, until)
    write_items(folder, items)
    (folder / "groups.jsonl").write_text(json.dumps({"group": "north", "deny": denied}) + "\n")
    north = [user for user in sorted(here) if hash_of(user) % 4 == 0]
    (folder / "user-groups.csv").write_text("user,group\n" + "".join(f"{user},north\n" for user in north))


def hash_of(text):
    return sum(byte * (at + 1) for at, byte in enumerate(text.encode()))


def make(folder, users, seed):
    rng = random.Random(seed)
    folder = pathlib.Path(folder)
    events = make_events(demo_lives(users), rng)
    people, items = make_people(events, rng), make_items(rng)
    first = [name for name, _ in items["sun"] if name in {item for item, _ in items["mon"]}]
    denied = rng.sample(first, 12)
    for day in DAYS:
        write_day(folder / day, day, events, people[day], items[day], denied if day in ("sat", "sun") else denied[:6])
    write_events(folder / "wrong.csv", events, people["fri"], MONDAY + 4 * DAY_S, rename=lambda item: f"other-{item}")
    write_items(folder / "short", items["fri"][:-30])
    words = [word(level, code) for level in range(LEVELS) for code in range(CODES)]
    npy(folder / "books.npy", "<f4", (LEVELS, CODES, LEVELS * CODES), floats(itertools.chain(*words)))
    told = {day: dict(users=sorted(people[day]), midnight=MONDAY + number * DAY_S, items=[name for name, _ in items[day]],
                      newest=max(at for user in people[day] for at, _ in events[user] if at < MONDAY + number * DAY_S))
            for number, day in enumerate(DAYS)}
    (folder / "week.json").write_text(json.dumps(told))


def scramble(folder):
    tensors = Safetensors()
    name = "shared.weight"
    words, width = tensors.header[name]["shape"]
    raw = tensors.tensor(name)
    rows = [raw[2 * width * word:2 * width * (word + 1)] for word in range(words)]
    tensors.data = replace(tensors.data, tensors.header[name]["data_offsets"][0], b"".join(reversed(rows)))
    model(folder, tensors)


if __name__ == "__main__":
    if sys.argv[1] == "scramble":
        scramble(sys.argv[2])
    else:
        make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
