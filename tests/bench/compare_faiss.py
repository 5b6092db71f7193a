#!/usr/bin/env python3
"""nightjar's quantizer beside FAISS: same rows, same codebooks, same core, in one run.

    compare_faiss.py --ours BUILD/bin/compare_faiss_ours [--debian DIR/compare_faiss_debian] [--dims 768,384] [--levels 4] [--beams 1]
                     [--items 4000] [--rounds 15] [--core N] [--embeddings E.npy] [--with-error] [--json FILE]

Sides, all on one thread of one core:

    nightjar            nj_encoder_encode
    debian, debian-lut  Debian's libfaiss 1.7.3 over OpenBLAS (tests/bench/fetch_faiss builds it): ResidualQuantizer.compute_codes with
                        use_beam_LUT 0 and 1
    wheel, wheel-lut    the faiss-cpu that this Python can import

Sides take turns, round by round, so that what else runs on the machine meets all of them; a side's figure is its best round. Printed: items/s,
the mean squared error that its codes leave, the share of its codes that are nightjar's, and how many times as fast nightjar is.
K is 256. Without --embeddings rows are drawn around 2000 centres, and codebooks are trained by faiss on them.

Rows of another job: a dictionary of sides (name -> object with go() that returns seconds, and report() that returns its columns) given to
take_turns and print_rows, as assign_sides and main do for assignment. Needs numpy and faiss-cpu. Not part of the product.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile

import numpy as np

CENTRES = 2000
TRAIN_ROWS = 20000
TRAIN_ITERATIONS = 6


# ---- sides

class Child:
    """A program that does the work once for every line on its stdin and answers with the seconds."""

    def __init__(self, argv, codes_path, code_type):
        self.codes_path, self.code_type = codes_path, code_type
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.process.args[0]}: ended early")
        return float(answer)

    def codes(self, shape):
        return np.fromfile(self.codes_path, self.code_type).reshape(shape).astype(np.int64)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run_wheel(x_path, codebooks_path, codes_path, beam, lut):
    """The child of the wheel's sides."""
    import time
    import faiss
    faiss.omp_set_num_threads(1)
    x, codebooks = np.load(x_path), np.load(codebooks_path)
    quantizer = faiss.ResidualQuantizer(x.shape[1], codebooks.shape[0], 8)
    faiss.copy_array_to_vector(codebooks.ravel(), quantizer.codebooks)
    quantizer.is_trained = True
    quantizer.max_beam_size, quantizer.use_beam_LUT = int(beam), int(lut)
    quantizer.compute_codebook_tables()
    first = True
    for _ in sys.stdin:
        start = time.perf_counter()
        codes = quantizer.compute_codes(x)
        took = time.perf_counter() - start
        if first:
            codes.tofile(codes_path)
            first = False
        print(f"{took:.9f}", flush=True)


def assign_sides(arguments, folder, x, codebooks, beam):
    paths = {name: os.path.join(folder, name) for name in ("x.npy", "c.npy", "x.f32", "c.f32")}
    np.save(paths["x.npy"], x)
    np.save(paths["c.npy"], codebooks)
    x.tofile(paths["x.f32"])
    codebooks.tofile(paths["c.f32"])
    out = lambda name: os.path.join(folder, name + ".codes")
    sides = {"nightjar": Child([arguments.ours, paths["x.npy"], paths["c.npy"], out("nightjar"), str(beam)] +
                               (["with-error"] if arguments.with_error else []), out("nightjar"), np.uint16)}
    for lut, ending in ((0, ""), (1, "-lut")):
        if arguments.debian:
            name = "debian" + ending
            shape = [str(n) for n in (*x.shape, codebooks.shape[0])]
            sides[name] = Child([arguments.debian, paths["x.f32"], paths["c.f32"], out(name), str(beam), *shape, str(lut)], out(name), np.uint8)
        name = "wheel" + ending
        sides[name] = Child([sys.executable, __file__, "--as-wheel", paths["x.npy"], paths["c.npy"], out(name), str(beam), str(lut)],
                            out(name), np.uint8)
    return sides


# ---- data

def make_rows(count, D, seed):
    random = np.random.default_rng(seed)
    centres = random.standard_normal((CENTRES, D)).astype(np.float32)
    rows = centres[random.integers(CENTRES, size=count)]
    return rows + 0.7 * random.standard_normal((count, D)).astype(np.float32)


def train_codebooks(x, levels):
    import faiss
    left, codebooks = x[:TRAIN_ROWS].copy(), []
    for level in range(levels):
        kmeans = faiss.Kmeans(x.shape[1], 256, niter=TRAIN_ITERATIONS, seed=level + 1)
        kmeans.train(left)
        codebooks.append(kmeans.centroids.copy())
        left -= kmeans.centroids[kmeans.index.search(left, 1)[1][:, 0]]
    return np.stack(codebooks)


def mean_error(x, codebooks, codes):
    decoded = sum(codebooks[level][codes[:, level]].astype(np.float64) for level in range(len(codebooks)))
    return float((((x - decoded) ** 2).sum(1)).mean())


# ---- running

def take_turns(sides, rounds):
    """Seconds of every round of every side; the first is a warm-up and not counted."""
    seconds = {name: [] for name in sides}
    for round_number in range(rounds + 1):
        for name, side in sides.items():
            took = side.go()
            if round_number > 0:
                seconds[name].append(took)
    return seconds


def print_rows(rows, columns):
    print("  ".join(f"{title:>{width}}" for title, width, _ in columns))
    for row in rows:
        print("  ".join(f"{form(row[title]):>{width}}" for title, width, form in columns))


ASSIGN_COLUMNS = (("side", 11, str), ("D", 5, str), ("beam", 4, str), ("items/s", 9, "{:.0f}".format), ("median", 9, "{:.0f}".format),
                  ("error", 11, "{:.7g}".format), ("equal %", 8, "{:.3f}".format), ("nightjar is", 11, "{:.2f} x".format))


def compare_assignment(arguments, x, codebooks, beam):
    with tempfile.TemporaryDirectory() as folder:
        sides = assign_sides(arguments, folder, x, codebooks, beam)
        seconds = take_turns(sides, arguments.rounds)
        shape = (len(x), len(codebooks))
        codes = {name: side.codes(shape) for name, side in sides.items()}
        for side in sides.values():
            side.close()
    best = min(seconds["nightjar"])
    return [{"side": name, "D": x.shape[1], "beam": beam, "items/s": len(x) / min(seconds[name]),
             "median": len(x) / statistics.median(seconds[name]), "error": mean_error(x, codebooks, codes[name]),
             "equal %": 100 * float((codes[name] == codes["nightjar"]).mean()), "nightjar is": min(seconds[name]) / best}
            for name in sides]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(word) for word in text.split(",")]
    parser.add_argument("--ours", required=True)
    parser.add_argument("--debian")
    parser.add_argument("--dims", type=numbers, default=[768, 384])
    parser.add_argument("--levels", type=int, default=4)
    parser.add_argument("--beams", type=numbers, default=[1])
    parser.add_argument("--items", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--core", type=int)
    parser.add_argument("--embeddings")
    parser.add_argument("--with-error", action="store_true")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core if arguments.core is not None else min(os.sched_getaffinity(0))})
    rows = []
    for D in arguments.dims if not arguments.embeddings else [0]:
        x = np.load(arguments.embeddings).astype(np.float32) if arguments.embeddings else make_rows(max(arguments.items, TRAIN_ROWS), D, 1)
        codebooks = train_codebooks(x, arguments.levels)
        for beam in arguments.beams:
            rows += compare_assignment(arguments, np.ascontiguousarray(x[:arguments.items]), codebooks, beam)
    print_rows(rows, ASSIGN_COLUMNS)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"results": rows}, file, indent=1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as-wheel"]:
        run_wheel(*sys.argv[2:])
    else:
        main()
