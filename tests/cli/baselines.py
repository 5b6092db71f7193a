"""baselines.py - popularity, co-visitation and item-kNN again, plainly and from their definitions; for the scripts beside it.

    python3 -m baselines METHOD TARGET MASK TOP ITEMS USERS LISTS NAME=NUMBER...   compares what `nightjar baseline` wrote
"""
import json
import math
import struct
import sys

HELD_OUT = {"test": 1, "validation": 2, "none": 0}


def single(number):
    """A float32, as the neighbours' weights are kept."""
    return struct.unpack("f", struct.pack("f", number))[0]


def read(path, items, target):
    """Training histories of all, and (user, input) of those for whom there is a list; unknown items go behind the cut."""
    training, inputs = [], []
    for line in open(path, encoding="utf-8"):
        user, *history = line.split()
        cut = len(history) - HELD_OUT[target]
        if target == "none" or cut >= 0:
            inputs.append((user, [items[i] for i in history[:max(cut, 0)] if i in items]))
        front = history if target == "none" else history[:-2]
        training.append([items[i] for i in front if i in items])
    return training, inputs


def co_visitation(training, distance, back, **_):
    weights = {}
    for history in training:
        for i, a in enumerate(history):
            for j, b in enumerate(history):
                if a != b and (j > i or back > 0):
                    weight = (1.0 if j > i else back) * abs(i - j) ** -distance
                    weights[a, b] = weights.get((a, b), 0.0) + weight
    return weights


def item_knn(training, shrink, **_):
    both, users = {}, {}
    for history in training:
        for a in set(history):
            users[a] = users.get(a, 0) + 1
            for b in set(history) - {a}:
                both[a, b] = both.get((a, b), 0) + 1
    return {(a, b): n / (math.sqrt(users[a] * users[b]) + shrink) for (a, b), n in both.items()}


def neighbours_of(weights, most):
    table = {}
    for (a, b), weight in weights.items():
        table.setdefault(a, []).append((-single(weight), b))
    return {a: sorted(of)[:most] for a, of in table.items()}


def score(table, history, fading):
    scores = {}
    for k, item in enumerate(reversed(history)):
        for minus, b in table.get(item, []):
            scores[b] = scores.get(b, 0.0) - minus * fading**k
    return scores


def best(scores, popular, counts, masked, top):
    ranked = sorted((-s, item) for item, s in scores.items() if item not in masked)[:top]
    places = [(item, -minus) for minus, item in ranked]
    named = masked | {item for item, _ in places}
    for item in popular:
        if len(places) < top and item not in named:
            places.append((item, counts[item]))
    return places


def main(method, target, mask, top, items_path, users_path, lists_path, *settings):
    names = open(items_path, encoding="utf-8").read().split()
    items = {name: row for row, name in enumerate(names)}
    numbers = {name: float(text) for name, text in (s.split("=") for s in settings)}
    training, inputs = read(users_path, items, target)
    counts = [0] * len(names)
    for history in training:
        for item in history:
            counts[item] += 1
    popular = sorted(range(len(names)), key=lambda item: (-counts[item], item))
    fill = counts if method == "popularity" else [0] * len(names)
    table = {}
    if method != "popularity":
        make = {"co-visitation": co_visitation, "item-knn": item_knn}[method]
        table = neighbours_of(make(training, **numbers), int(numbers["neighbours"]))
    lines = [json.loads(line) for line in open(lists_path, encoding="utf-8")]
    assert [line["user"] for line in lines] == [user for user, _ in inputs], "other users, or another order"
    for line, (user, history) in zip(lines, inputs):
        scores = score(table, history, numbers.get("fading", 1.0))
        masked = set(history) if mask == "masked" else set()
        wanted = best(scores, popular, fill, masked, int(top))
        assert line["held_out"] == target, line
        assert line["items"] == [names[item] for item, _ in wanted], (user, line["items"], wanted)
        for found, (_, number) in zip(line["scores"], wanted):
            assert abs(found - number) <= 1e-6 * abs(number), (user, found, number)


if __name__ == "__main__":
    main(*sys.argv[1:])
