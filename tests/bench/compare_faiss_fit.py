#!/usr/bin/env python3
"""nightjar catalogue fit beside the training of FAISS's ResidualQuantizer: same rows, same updates, one thread of one core, in turns.

    compare_faiss_fit.py --nightjar BUILD/bin/nightjar [--embeddings E.npy[,..]] [--own]
                         [--dims 768,384] [--items 12000] [--levels 3] [--iterations 25] [--rounds 3] [--core N] [--json FILE]

Sides:

    nightjar   the command as a whole, less the time of a fit with one level, two codes and one update: what is left is training
    balanced   the same with --balanced
    wheel      faiss-cpu: train_type 0, max_beam_size 1 (greedy, as nightjar trains)
    wheel-own  with --own: the same trained with FAISS's own beam of 5 (its error is that of a greedy search all the same)

Errors are mean squared residuals behind the last level of a greedy search, by numpy in float64, for every side. K is 256.
Needs numpy and faiss-cpu. Not part of the product.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
from compare_faiss import make_rows, print_rows

COLUMNS = (("side", 10, str), ("rows", 24, str), ("D", 5, str), ("best s", 8, "{:.3f}".format), ("median s", 8, "{:.3f}".format),
           ("error", 10, "{:.6g}".format), ("against wheel", 13, "{:+.2f} %".format), ("nightjar is", 11, "{:.2f} x".format))


def greedy_error(x, codebooks):
    left = x.astype(np.float64)
    for book in codebooks:
        book = book.astype(np.float64)
        distances = (book * book).sum(1)[None] - 2 * left @ book.T
        left -= book[distances.argmin(1)]
    return float((left * left).sum(1).mean())


def read_codebooks(folder):
    with open(os.path.join(folder, "codebooks.safetensors"), "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    names = sorted(name for name in header if name.startswith("codebook."))
    return [np.frombuffer(data[slice(*header[name]["data_offsets"])], np.float32).reshape(header[name]["shape"]) for name in names]


class Nightjar:
    def __init__(self, arguments, path, options):
        self.argv = [arguments.nightjar, "catalogue", "fit", "--embeddings", path, "--threads", "1", "--tolerance", "0", "--collisions",
                     "leaves", "--quiet"]
        self.wanted = ["--levels", str(arguments.levels), "--codes", "256", "--iterations", str(arguments.iterations)] + options

    def run(self, options):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "cat")
            start = time.perf_counter()
            subprocess.run(self.argv + options + ["--out", out], check=True, stdout=subprocess.DEVNULL)
            return time.perf_counter() - start, read_codebooks(out)

    def go(self):
        rest, _ = self.run(["--levels", "1", "--codes", "2", "--iterations", "1"])
        took, self.codebooks = self.run(self.wanted)
        return took - rest


class Wheel:
    def __init__(self, arguments, x, beam):
        self.arguments, self.x, self.beam = arguments, x, beam

    def go(self):
        import faiss
        faiss.omp_set_num_threads(1)
        quantizer = faiss.ResidualQuantizer(self.x.shape[1], self.arguments.levels, 8)
        quantizer.train_type, quantizer.max_beam_size, quantizer.cp.niter = 0, self.beam, self.arguments.iterations
        start = time.perf_counter()
        quantizer.train(self.x)
        took = time.perf_counter() - start
        self.codebooks = faiss.vector_to_array(quantizer.codebooks).reshape(self.arguments.levels, 256, -1)
        return took


def compare(arguments, name, x, folder):
    path = os.path.join(folder, "x.npy")
    np.save(path, x)
    sides = {"nightjar": Nightjar(arguments, path, []), "balanced": Nightjar(arguments, path, ["--balanced"]),
             "wheel": Wheel(arguments, x, 1)}
    if arguments.own:
        sides["wheel-own"] = Wheel(arguments, x, 5)
    seconds = {side: [] for side in sides}
    for _ in range(arguments.rounds):
        for side, object_ in sides.items():
            seconds[side].append(object_.go())
    errors = {side: greedy_error(x, object_.codebooks) for side, object_ in sides.items()}
    return [{"side": side, "rows": name, "D": x.shape[1], "best s": min(seconds[side]), "median s": statistics.median(seconds[side]),
             "error": errors[side], "against wheel": 100 * (errors[side] / errors["wheel"] - 1),
             "nightjar is": min(seconds[side]) / min(seconds["nightjar"])} for side in sides]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(word) for word in text.split(",") if word]
    parser.add_argument("--nightjar", required=True)
    parser.add_argument("--embeddings", default="")
    parser.add_argument("--dims", type=numbers, default=[768, 384])
    parser.add_argument("--items", type=int, default=12000)
    parser.add_argument("--levels", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--own", action="store_true", help="FAISS's own beam of 5 too (slow)")
    parser.add_argument("--core", type=int)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core if arguments.core is not None else min(os.sched_getaffinity(0))})
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for path in [name for name in arguments.embeddings.split(",") if name]:
            rows += compare(arguments, os.path.basename(path), np.load(path).astype(np.float32), folder)
        for D in arguments.dims:
            rows += compare(arguments, "made up", make_rows(arguments.items, D, 1), folder)
    print_rows(rows, COLUMNS)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"results": rows}, file, indent=1)


if __name__ == "__main__":
    main()
