#!/usr/bin/env python3
"""What nightjar catalogue fit and train rqvae leave of items that they have not seen, beside those that they have.

    rqvae_held_out.py --nightjar BUILD/bin/nightjar --embeddings E.npy [--held 2101] [--levels 3] [--codes 256] [--epochs 60,200] [--seed 7]
                      [--options '--weight-decay 0.1']

Rows are drawn for the held-out part; both learn from the rest, and `catalogue assign` gives codes to both parts. Errors are mean squared
distances of an embedding from what numpy makes of its codes in float64 (codebooks, or decoder and standardisation), over the variance of
the rows that were learned from. Needs numpy. Not part of the product.
"""
import argparse, json, os, shlex, struct, subprocess, tempfile

import numpy as np


def read_tensors(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, about in header.items():
        first, end = about["data_offsets"]
        tensors[name] = np.frombuffer(raw[8 + size + first:8 + size + end], "<f4").reshape(about["shape"]).astype(np.float64)
    return tensors


def decode(codes, tensors, decoder):
    made = sum(tensors[f"codebook.{level}"][codes[:, level]] for level in range(codes.shape[1]))
    if decoder is None:
        return made
    layers = sum(name.endswith(".weight") for name in decoder)
    for i in range(layers):
        made = made @ decoder[f"decoder.{i}.weight"].T + decoder[f"decoder.{i}.bias"]
        made = np.maximum(made, 0) if i + 1 < layers else made
    scale = tensors["transform.scale"]
    return np.where(scale > 0, made / np.where(scale > 0, scale, 1), 0) + tensors["transform.mean"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nightjar", required=True)
    parser.add_argument("--embeddings", required=True)
    parser.add_argument("--held", type=int, default=2101)
    parser.add_argument("--levels", default="3")
    parser.add_argument("--codes", default="256")
    parser.add_argument("--epochs", default="60,200")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--options", default="", help="more options of train rqvae")
    a = parser.parse_args()
    nightjar = os.path.abspath(a.nightjar)
    x = np.load(a.embeddings)
    order = np.random.default_rng(a.seed).permutation(len(x))
    parts = {"seen": x[np.sort(order[a.held:])], "held out": x[np.sort(order[:a.held])]}
    variance = ((parts["seen"] - parts["seen"].mean(0, dtype=np.float64)) ** 2).sum(1).mean()

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, rows in parts.items():
            np.save(f"{name}.npy", rows)

        def run(*arguments):
            subprocess.run([nightjar, *arguments], check=True, stdout=subprocess.DEVNULL)

        def tell(label, codebooks, tensors, decoder):
            errors = []
            for name, rows in parts.items():
                run("catalogue", "assign", "--embeddings", f"{name}.npy", "--codebooks", codebooks, "--collisions", "leaves", "--out",
                    "assigned", "--overwrite")
                made = decode(np.load("assigned/sids.npy").astype(np.int64), tensors, decoder)
                errors.append(((rows.astype(np.float64) - made) ** 2).sum(1).mean() / variance)
            print(f"{label:24} seen {errors[0]:.4f}  held out {errors[1]:.4f}", flush=True)

        sizes = ["--embeddings", "seen.npy", "--levels", a.levels, "--codes", a.codes]
        run("catalogue", "fit", *sizes, "--collisions", "leaves", "--out", "fitted", "--quiet")
        tell("catalogue fit", "fitted", read_tensors("fitted/codebooks.safetensors"), None)
        for epochs in a.epochs.split(","):
            run("train", "rqvae", *sizes, "--epochs", epochs, "--out", f"trained{epochs}", "--quiet", *shlex.split(a.options))
            path = f"trained{epochs}/codebooks.safetensors"
            tell(f"train rqvae, {epochs} epochs", path, read_tensors(path), read_tensors(f"trained{epochs}/decoder.safetensors"))


main()
