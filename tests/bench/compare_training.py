#!/usr/bin/env python3
"""nightjar beside PyTorch at training a T5 from scratch: same shape, same lengths, same batch, same cores, in one run.

    compare_training.py --nightjar BIN [--python PYTHON] [--threads N] [--batch 256] [--seconds 5] [--rounds 2] [--cases full,beauty]
                        [--no-compile] [--autocast] [--json FILE] [--dry]

Cases   full     80 encoder tokens a sample, which is TIGER's window of 20 items of 4 codes
        beauty   the lengths of all prefixes of Amazon Beauty's histories (mean 26.7 tokens), as 64 quantiles
Sides   nightjar bench train on N threads, the best of a few shard sizes: a whole step (gradient, clipping, AdamW, packing weights again)
        Transformers' T5ForConditionalGeneration in float32 with fused AdamW and clip_grad_norm_, the best of
          - the batch padded to its longest sample; or sorted by length and cut into 2, 4 or 8 parts, each padded to its own longest, their
            gradients accumulated;
          - one process on N threads; N/4 processes on 4; N processes on one, each pinned, with its share of the batch. Processes do not exchange
            gradients: that is an upper bound of what DistributedDataParallel could do, in PyTorch's favour;
          - eagerly and, for the best of these, by torch.compile (needs a C++ compiler; what it said is printed where it fails).
        --autocast adds bfloat16 autocast for the best of these: other numbers than float32's, for information only.

Sides take turns, --rounds times; the best round of each counts. Starting, compiling and warming up are not counted. --dry imports what is
needed, builds the model, takes one step of each side and says so.

Needs torch (tried with 2.11) and transformers (5.17) in PYTHON (default: the interpreter that runs this). Not part of the product.
"""
import argparse, json, os, subprocess, sys, time

SHAPE = {"layers": 4, "decoder-layers": 4, "d-model": 128, "heads": 6, "d-kv": 64, "d-ff": 1024, "vocabulary": 1026, "labels": 4}
DROPOUT_PERCENT = 10
BEAUTY = [4] * 11 + [8] * 11 + [12] * 7 + [16] * 6 + [20] * 4 + [24] * 3 + [28] * 2 + [32] * 2 + [36] * 2 + [
    40, 44, 44, 48, 52, 56, 64, 68, 76] + [80] * 7
CASES = {"full": [80], "beauty": BEAUTY}
SHARDS = (8, 16, 32)
PARTS = (1, 2, 4, 8)
WARM_UP_STEPS = 2


# ---- PyTorch, in a process of its own: "ready", then a line on stdin starts the clock, then one line of JSON

def make_parts(torch, lengths, parts):
    """Padded to the longest of each part: (ids, mask, labels), sorted by length so that a part's lengths are alike."""
    generator = torch.Generator().manual_seed(1)
    lengths = sorted(lengths) if parts > 1 else lengths
    cut = [lengths[i * len(lengths) // parts:(i + 1) * len(lengths) // parts] for i in range(parts)]
    made = []
    for part in filter(None, cut):
        mask = (torch.arange(max(part))[None, :] < torch.tensor(part)[:, None]).long()
        ids = torch.randint(1, SHAPE["vocabulary"], mask.shape, generator=generator) * mask
        made.append((ids, mask, torch.randint(1, SHAPE["vocabulary"], (len(part), SHAPE["labels"]), generator=generator)))
    return made


def run_child(job):
    os.sched_setaffinity(0, job["cpus"])
    os.environ["OMP_NUM_THREADS"] = str(job["threads"])
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    torch.set_num_threads(job["threads"])
    torch.manual_seed(1)
    config = T5Config(
        vocab_size=SHAPE["vocabulary"], d_model=SHAPE["d-model"], d_kv=SHAPE["d-kv"], d_ff=SHAPE["d-ff"], num_layers=SHAPE["layers"],
        num_decoder_layers=SHAPE["decoder-layers"], num_heads=SHAPE["heads"], dropout_rate=DROPOUT_PERCENT / 100, feed_forward_proj="relu",
        pad_token_id=0, decoder_start_token_id=0, eos_token_id=1)
    model = T5ForConditionalGeneration(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    parts = make_parts(torch, job["lengths"], job["parts"])
    samples = len(job["lengths"])

    def losses(ids, mask, labels):
        with torch.autocast("cpu", torch.bfloat16, enabled=job["autocast"]):
            return model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss

    compute = torch.compile(losses) if job["compile"] else losses

    def step():
        optimizer.zero_grad(set_to_none=True)
        for ids, mask, labels in parts:
            (compute(ids, mask, labels) * (len(ids) / samples)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    for _ in range(WARM_UP_STEPS):
        step()
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.perf_counter()
    steps = 0
    while steps == 0 or time.perf_counter() - begin < job["seconds"]:
        step()
        steps += 1
    print(json.dumps({
        "samples": steps * samples, "seconds": time.perf_counter() - begin, "parameters": sum(p.numel() for p in model.parameters()),
        "torch": torch.__version__, "loss": float(compute(*parts[0]))}), flush=True)


def run_torch(python, lengths, cpus, processes, job):
    """Samples/s of all processes together and what one of them said, or (0, why not)."""
    started = []
    for i in range(processes):
        own = dict(job, lengths=lengths[i::processes], cpus=cpus[i * len(cpus) // processes:(i + 1) * len(cpus) // processes])
        own["threads"] = len(own["cpus"])
        started.append(subprocess.Popen(
            [python, os.path.abspath(__file__), "--child", json.dumps(own)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if i == 0 else subprocess.DEVNULL, text=True))
    try:
        ready = all([child.stdout.readline().strip() == "ready" for child in started])
        if not ready:
            started[0].kill()
            said = started[0].communicate()[1].strip().splitlines()
            return 0.0, {"why": said[-1] if said else "a process ended"}
        for child in started:
            child.stdin.write("go\n")
            child.stdin.flush()
        results = [json.loads(child.stdout.readline()) for child in started]
        return sum(r["samples"] / r["seconds"] for r in results), results[0]
    finally:
        for child in started:
            child.kill()
            child.wait()


# ---- nightjar

def run_nightjar(nightjar, lengths, threads, batch, shard, seconds):
    words = [nightjar, "bench", "train", "--json", "--threads", str(threads), "--batch", str(batch), "--shard", str(shard), "--tokens",
             ",".join(map(str, lengths)), "--dropout", str(DROPOUT_PERCENT)]
    words += [word for name, value in SHAPE.items() for word in (f"--{name}", str(value))]
    row = None
    begin = time.perf_counter()
    while row is None or time.perf_counter() - begin < seconds:
        done = subprocess.run(words + ["--rounds", "5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)}: {done.stderr.strip()}")
        again = json.loads(done.stdout)["results"][0]
        row = again if row is None or again["samples_per_s"] > row["samples_per_s"] else row
    return row["samples_per_s"], row


# ---- sides

def repeat_to(lengths, count):
    return [lengths[i * len(lengths) // count] if count < len(lengths) else lengths[i % len(lengths)] for i in range(count)]


def best_of(candidates, run, told):
    """Runs each once; the candidate with the most samples/s, its result, what it said."""
    tried = []
    for candidate in candidates:
        per_s, said = run(candidate)
        print(f"    {told(candidate)}: {per_s:.0f} samples/s{'' if per_s else ' (' + said['why'] + ')'}", flush=True)
        tried.append((per_s, candidate, said))
    return max(tried, key=lambda one: one[0])


def tell_torch(candidate):
    processes, parts, compiled, autocast = candidate
    return f"PyTorch, processes {processes}, parts {parts}, {'compiled' if compiled else 'eager'}{', bfloat16' if autocast else ''}"


def compare_case(arguments, name, cpus):
    lengths = repeat_to(CASES[name], arguments.batch)
    threads = len(cpus)
    print(f"{name}: batches of {arguments.batch}, mean {sum(lengths) / len(lengths):.1f} tokens, {threads} threads", flush=True)

    def run_ours(shard):
        return run_nightjar(arguments.nightjar, CASES[name], threads, arguments.batch, shard, arguments.seconds)

    def run_theirs(candidate):
        processes, parts, compiled, autocast = candidate
        job = {"parts": parts, "compile": compiled, "autocast": autocast, "seconds": arguments.seconds}
        return run_torch(arguments.python, lengths, cpus, processes, job)

    parts = PARTS if len(set(lengths)) > 1 else PARTS[:3]
    processes = sorted({count for count in (threads, threads // 4) if count > 1})
    candidates = [(1, p, False, False) for p in parts] + [(n, p, False, False) for n in processes for p in parts[:3:2]]
    ours = best_of(SHARDS, run_ours, lambda shard: f"nightjar, shards of {shard}")
    theirs = best_of(candidates, run_theirs, tell_torch)
    if theirs[0] == 0:
        sys.exit(f"PyTorch did not run: {theirs[2]['why']}")
    if not arguments.no_compile:
        compiled = best_of([theirs[1][:2] + (True, False)], run_theirs, tell_torch)
        theirs = max(theirs, compiled, key=lambda one: one[0])
    rounds = [(ours[0], theirs[0])]
    for _ in range(arguments.rounds - 1):
        rounds.append((run_ours(ours[1])[0], run_theirs(theirs[1])[0]))
    best = [max(one) for one in zip(*rounds)]
    row = {"case": name, "batch": arguments.batch, "threads": threads, "nightjar": best[0], "shard": ours[1], "share": ours[2]["share"],
           "gflops": ours[2]["gflops"], "peak_gflops": ours[2]["peak_gflops"], "pytorch": best[1], "pytorch_is": tell_torch(theirs[1]),
           "torch": theirs[2]["torch"], "parameters": theirs[2]["parameters"], "ratio": best[0] / best[1], "rounds": rounds}
    if arguments.autocast:
        row["pytorch_bfloat16"] = best_of([theirs[1][:3] + (True,)], run_theirs, tell_torch)[0]
    print(f"{name}: nightjar {best[0]:.0f} samples/s ({100 * row['share']:.0f} % of the FMA peak), {row['pytorch_is']} (torch {row['torch']}) "
          f"{best[1]:.0f}: {row['ratio']:.2f} times", flush=True)
    return row


def try_all(arguments, cpus):
    job = {"parts": 2, "compile": False, "autocast": False, "seconds": 0}
    ours = run_nightjar(arguments.nightjar, [8, 4], 1, 4, 2, 0)
    theirs = run_torch(arguments.python, [8, 4, 8, 4], cpus[:1], 1, job)
    if theirs[0] == 0:
        sys.exit(f"PyTorch does not run: {theirs[1]['why']}")
    print(f"nightjar ({ours[1]['kernels']}) and torch {theirs[1]['torch']} ({theirs[1]['parameters']} parameters, loss {theirs[1]['loss']:.2f}) both take a step")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nightjar")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cases", default="full,beauty")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--autocast", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_child(json.loads(arguments.child))
        return
    if not arguments.nightjar:
        parser.error("--nightjar BIN is needed")
    cpus = sorted(os.sched_getaffinity(0))[:arguments.threads]
    if arguments.dry:
        try_all(arguments, cpus)
        return
    rows = [compare_case(arguments, name, cpus) for name in arguments.cases.split(",")]
    if arguments.json:
        with open(arguments.json, "w") as out:
            json.dump(rows, out, indent=1)


if __name__ == "__main__":
    main()
