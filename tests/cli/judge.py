"""judge.py - recall, NDCG, MRR and overlap again, from what `nightjar decode` prints and the definitions; for the scripts beside it."""
import json
import math

CUTOFFS = (1, 5, 10, 20)


def lists(path):
    """user -> items, of JSON lines."""
    return {row["user"]: row["items"] for row in map(json.loads, open(path, encoding="utf-8"))}


def split(path, items, place):
    """Judged users in order: (user, input, target); place 1 is the last item, 2 the one before."""
    users = []
    for line in open(path, encoding="utf-8"):
        user, *history = line.split()
        if len(history) >= place and history[-place] in items:
            users.append((user, history[:-place], history[-place]))
    return users


def metrics(users, rows, depth):
    """Means over the users, with a list of its own gains for each; a user without a row has none."""
    sums = {}
    for user, _, target in users:
        gains = [float(item == target) for item in rows.get(user, [])[:depth]]
        for k in (k for k in CUTOFFS if k <= depth):
            hits = [place + 1 for place, gain in enumerate(gains[:k]) if gain]
            values = {
                "recall": float(len(hits) > 0),
                "ndcg": sum(gain / math.log2(place + 2) for place, gain in enumerate(gains[:k])),
                "mrr": 1 / hits[0] if hits else 0.0,
            }
            for name, value in values.items():
                sums[f"{name}@{k}"] = sums.get(f"{name}@{k}", 0.0) + value
    return {name: value / len(users) for name, value in sums.items()}


def overlap(users, a, b, k):
    total = 0.0
    for user, _, _ in users:
        one, other = set(a.get(user, [])[:k]), set(b.get(user, [])[:k])
        total += len(one & other) / max(len(one), len(other)) if one or other else 1.0
    return total / len(users)


def same(result, wanted):
    """Every metric of a model that eval printed is the wanted one, and there is no other."""
    found = {name: value for name, value in result.items() if "@" in name}
    assert found.keys() == wanted.keys(), (sorted(found), sorted(wanted))
    for name, value in wanted.items():
        assert math.isclose(found[name], value, rel_tol=0, abs_tol=1e-12), (name, found[name], value)
