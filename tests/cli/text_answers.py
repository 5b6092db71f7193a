"""Compares what `nightjar decode` or `store export` says of a text model with what PyTorch said (tests/data/README.md).

    text_answers.py EXPECTED SAID

Both are JSON lines, in any order of users. Exit 1: the first difference. Scores are float32 sums of some tens of terms behind float32 models;
PyTorch's are float64 models': a few units of 1e-6 apart, and never as near to a neighbour's as 2e-4 (text_reference.py sees to it).
"""
import json
import sys

TOLERANCE = 1e-4


def read(path):
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return {row["user"]: row for row in rows}


def main():
    expected, said = read(sys.argv[1]), read(sys.argv[2])
    assert sorted(expected) == sorted(said), f"users {sorted(said)}, expected {sorted(expected)}"
    worst = 0.0
    for user, wanted in expected.items():
        row = said[user]
        assert row["items"] == wanted["items"], f"{user}: items {row['items']}, expected {wanted['items']}"
        assert row.get("text") == wanted.get("text"), f"{user}: text {row.get('text')!r}, expected {wanted.get('text')!r}"
        apart = [abs(a - b) for a, b in zip(row["scores"], wanted["scores"])]
        assert max(apart, default=0) <= TOLERANCE, f"{user}: scores {row['scores']}, expected {wanted['scores']}"
        worst = max([worst] + apart)
    print(f"{len(expected)} users, scores at most {worst:.1e} apart")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(str(error))
