#!/usr/bin/env python3
"""nightjar embed beside scikit-learn's TfidfVectorizer and TruncatedSVD: the same words, the same spaces, and how long each takes.

    compare_tfidf_svd.py --nightjar BUILD/bin/nightjar --items ITEMS.tsv --columns title,categories [--dimensions 128] [--rounds 3]

The table is tab separated below a header line. Printed: words and entries of both matrices (they must be equal), how much of the weight the
axes keep beside ARPACK's exact ones, the angle between the first 3/4 of the axes and the exact ones, the share of each item's ten
nearest neighbours that are the same in both, and the best time of some rounds. Exits 1 where words differ or nightjar's axes are
clearly behind scikit-learn's, 77 without
scikit-learn. Not part of the product.
"""
import argparse, json, os, subprocess, sys, tempfile, time, unicodedata

try:
    import numpy as np
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
except ImportError as why:
    print(f"SKIPPED: {why}")
    sys.exit(77)

# How far nightjar's axes may be behind scikit-learn's, which come from as many power iterations; both are beside ARPACK's exact ones.
LOST_MORE_MAX = 0.001
SAME_LESS_MAX = 0.01


def fold(text):
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def read_texts(path, columns):
    rows = [line.rstrip("\r\n").split("\t") for line in open(path, encoding="utf-8")]
    places = [[name.split(":")[0] for name in rows[0]].index(column) for column in columns]
    return ["\n".join(row[place] for place in places) for row in rows[1:]]


def run_sklearn(texts, dimensions, algorithm):
    began = time.perf_counter()
    vectorizer = TfidfVectorizer(preprocessor=fold, token_pattern=r"(?u)[^\W_]{2,}", min_df=2, sublinear_tf=True)
    matrix = vectorizer.fit_transform(texts)
    svd = TruncatedSVD(dimensions, algorithm=algorithm, n_iter=5, random_state=0)
    rows = svd.fit_transform(matrix)
    return matrix, rows, time.perf_counter() - began


def run_nightjar(options, folder):
    out = os.path.join(folder, "E.npy")
    command = [options.nightjar, "embed", "--items", options.items, "--text-columns", options.columns, "--dimensions",
               str(options.dimensions), "--no-normalize", "--quiet", "--threads", "1", "--json", "--out", out]
    began = time.perf_counter()
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return said, np.load(out).astype(float), time.perf_counter() - began


def find_neighbours(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.maximum(lengths, 1e-12)
    nearest = []
    for first in range(0, len(unit), 1000):
        scores = unit[first:first + 1000] @ unit.T
        scores[np.arange(len(scores)), np.arange(first, first + len(scores))] = -2
        nearest.extend(map(set, np.argpartition(-scores, 10, axis=1)[:, :10]))
    return nearest


def largest_angle(rows, exact):
    count = exact.shape[1] * 3 // 4
    q, _ = np.linalg.qr(rows)
    e, _ = np.linalg.qr(exact[:, :count])
    return np.degrees(np.arccos(np.clip(np.linalg.svd(e.T @ q, compute_uv=False), -1, 1))).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nightjar", required=True)
    parser.add_argument("--items", required=True)
    parser.add_argument("--columns", required=True)
    parser.add_argument("--dimensions", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    texts = read_texts(options.items, options.columns.split(","))
    exact = run_sklearn(texts, options.dimensions, "arpack")
    nearest = find_neighbours(exact[1])
    weight = (exact[1] ** 2).sum()
    sides = {"nightjar": [], "scikit-learn": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            sides["nightjar"].append(run_nightjar(options, folder))
        sides["scikit-learn"].append(run_sklearn(texts, options.dimensions, "randomized"))
    said = sides["nightjar"][0][0]
    words = exact[0].shape[1]
    good = said["words"] == words and said["items"] == len(texts)
    print(f"{len(texts)} items; words: nightjar {said['words']}, scikit-learn {words}")
    figures = []
    for name, rounds in sides.items():
        rows = rounds[0][1]
        lost = 1 - (rows ** 2).sum() / weight
        same = np.mean([len(a & b) / 10 for a, b in zip(find_neighbours(rows), nearest)])
        figures.append((lost, same))
        print(f"{name:13s} weight lost beside exact axes {100 * lost:.3f} %, same neighbours {100 * same:.2f} %, "
              f"largest angle {largest_angle(rows, exact[1]):.2f} degrees, {min(r[2] for r in rounds):.2f} s")
    (lost, same), (their_lost, their_same) = figures
    good = good and lost < their_lost + LOST_MORE_MAX and same > their_same - SAME_LESS_MAX
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
