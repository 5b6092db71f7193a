#!/usr/bin/env python3
"""How many codes a refit keeps, by where k-means begins and by what the new codes are matched to the old ones.

    compare_alignment.py item_emb.npy [--codes 256] [--levels 3] [--noise 0.02,0.1,0.3]

Residual k-means twice, the second time on noisy embeddings: from k-means++ seeds (another seed, the same seed) or from the old
centroids; matched by items that agree or by distances of centroids. Needs NumPy and SciPy. Figures: ops/handbook/catalogue.md.
"""
import argparse

import numpy as np
from scipy.optimize import linear_sum_assignment


def nearest(x, centroids):
    return ((centroids**2).sum(1)[None] - 2 * x @ centroids.T).argmin(1)


def seed_centroids(x, count, rng):
    chosen = [x[rng.integers(len(x))]]
    distance = ((x - chosen[0]) ** 2).sum(1)
    for _ in range(count - 1):
        chosen.append(x[rng.choice(len(x), p=distance / distance.sum())])
        distance = np.minimum(distance, ((x - chosen[-1]) ** 2).sum(1))
    return np.array(chosen)


def lloyd(x, centroids, iterations=20):
    for _ in range(iterations):
        codes = nearest(x, centroids)
        counts = np.bincount(codes, minlength=len(centroids))
        sums = np.zeros_like(centroids)
        np.add.at(sums, codes, x)
        centroids = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centroids)
    return centroids


def fit(x, levels, count, seed, start=None):
    rng = np.random.default_rng(seed)
    books, codes = [], []
    for level in range(levels):
        books.append(lloyd(x, start[level] if start else seed_centroids(x, count, rng)))
        codes.append(nearest(x, books[-1]))
        x = x - books[-1][codes[-1]]
    return books, codes, (x**2).sum(1).mean()


def kept(old_codes, codes, costs):
    rows, columns = linear_sum_assignment(costs)
    names = np.empty(len(rows), int)
    names[rows] = columns
    return (names[codes] == old_codes).mean()


def by_items(old_codes, codes, count):
    agreements = np.zeros((count, count))
    np.add.at(agreements, (codes, old_codes), 1)
    return -agreements


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("embeddings")
    parser.add_argument("--codes", type=int, default=256)
    parser.add_argument("--levels", type=int, default=3)
    parser.add_argument("--noise", default="0.02,0.1,0.3")
    options = parser.parse_args()
    x = np.load(options.embeddings).astype(np.float64)
    old_books, old_codes, error = fit(x, options.levels, options.codes, 1)
    print(f"the old fit leaves {error:.4f}")
    for noise in map(float, options.noise.split(",")):
        noisy = x + np.random.default_rng(5).normal(size=x.shape) * x.std() * noise
        for name, seed, start in (("other seed", 2, None), ("same seed", 1, None), ("old centroids", 1, old_books)):
            books, codes, error = fit(noisy, options.levels, options.codes, seed, start)
            print(f"noise {noise}, {name:13}: leaves {error:.4f}; kept by items", end="")
            for l in range(options.levels):
                print(f" {kept(old_codes[l], codes[l], by_items(old_codes[l], codes[l], options.codes)):.3f}", end="")
            print(", by centroids", end="")
            for l in range(options.levels):
                costs = ((books[l][:, None] - old_books[l][None]) ** 2).sum(2)
                print(f" {kept(old_codes[l], codes[l], costs):.3f}", end="")
            print()


if __name__ == "__main__":
    main()
