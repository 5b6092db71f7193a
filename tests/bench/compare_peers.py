#!/usr/bin/env python3
"""nightjar beside CTranslate2 and HuggingFace Transformers: same checkpoint, users, beam and machine, in one run.

    compare_peers.py --nightjar BIN_DIR --model HF_DIR --sids SIDS.npy --histories FILE [--codes-per-level 256] [--token-base 2]
                     [--beams 20,50] [--processes 1,16] [--history 20] [--seconds 8] [--rounds 1] [--sides exact,ct2,...] [--quick] [--json FILE]

Sides, each as N single-threaded processes over their own shares of the users (on a node's cores all of them are fastest so):

    exact, openblas, int8   nightjar decode --keep-history: the default, --kernels openblas, --precision int8 (where this build has it)
    plain                   openblas --without every saving that `decode --help` names: the engine that does all the work with OpenBLAS
    ct2, ct2-int8           CTranslate2, float32 and int8, the fastest of a few batch sizes. It has no trie constraint: it searches the
                            same steps over the whole vocabulary, so part of its lists may be no items (column valid)
    hf, hf-free             Transformers, batches of 16, under a vectorised trie mask; and without it, to hold CTranslate2's lists against

Every side works for about --seconds of CPU time a process on users in one random order, nobody twice. Loading is not counted: Python sides start their clocks after a
warm-up, nightjar's time is its total less that of a run over one user. Printed: users/s (wall clock of all processes together), users per
core-second (CPU time; steadier where other work runs), how many times as fast exact is by that, peak resident memory of the largest process and
proportional set of all together (MB), and how a side's lists agree with those of exact (hf-free: of ct2): lists with the same identifiers in the
same order, and the mean share of the first ten that both have.

Needs numpy; ctranslate2 (tried with 4.8), torch and transformers (2.11, 5.17) for their sides, which are left out where they cannot be
imported. Not part of the product.
"""
import argparse, glob, importlib.util, json, multiprocessing, os, random, re, resource, struct, subprocess, sys, tempfile, threading, time

import numpy as np

BATCHES_TRIED = (8, 16, 32)
STARTS = 3
CHUNK = 96  # users between two looks at the clock, where a side sorts them into batches itself


def read_histories(path, limit):
    for line in open(path):
        words = line.split()
        yield words[0], [int(item) for item in words[1:]][-limit:]


def read_safetensors(folder):
    tensors = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.safetensors"))):
        raw = open(path, "rb").read()
        size = struct.unpack("<Q", raw[:8])[0]
        for name, entry in json.loads(raw[8:8 + size]).items():
            if name == "__metadata__":
                continue
            if entry["dtype"] != "F32":
                sys.exit(f"{path}: tensor {name} is {entry['dtype']}, this script reads F32")
            first, last = entry["data_offsets"]
            tensors[name] = np.frombuffer(raw[8 + size + first:8 + size + last], np.float32).reshape(entry["shape"])
    return tensors


# ---- CTranslate2

def set_attention(spec, tensors, name, norm, own):
    q, k, v, o = (tensors[f"{name}.{part}.weight"] for part in "qkvo")
    spec.queries_scale = 1.0  # T5 does not divide by the root of the head's width
    parts = [np.concatenate([q, k, v])] if own else [q, np.concatenate([k, v])]
    for linear, weight in zip(spec.linear, parts + [o]):
        linear.weight = weight
    spec.layer_norm.gamma = tensors[norm]


def set_stack(spec, tensors, config, name):
    spec.scale_embeddings = False
    (spec.embeddings[0] if isinstance(spec.embeddings, list) else spec.embeddings).weight = tensors["shared.weight"]
    spec.layer_norm.gamma = tensors[f"{name}.final_layer_norm.weight"]
    for l, layer in enumerate(spec.layer):
        at = f"{name}.block.{l}.layer"
        set_attention(layer.self_attention, tensors, f"{at}.0.SelfAttention", f"{at}.0.layer_norm.weight", True)
        layer.self_attention.relative_attention_bias = tensors[f"{name}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
        layer.self_attention.relative_attention_max_distance = np.dtype("int32").type(config["relative_attention_max_distance"])
        last = 1
        if name == "decoder":
            set_attention(layer.attention, tensors, f"{at}.1.EncDecAttention", f"{at}.1.layer_norm.weight", False)
            last = 2
        dense = f"{at}.{last}.DenseReluDense"
        if config.get("is_gated_act"):
            layer.ffn.linear_0.weight = tensors[f"{dense}.wi_0.weight"]
            layer.ffn.linear_0_noact.weight = tensors[f"{dense}.wi_1.weight"]
        else:
            layer.ffn.linear_0.weight = tensors[f"{dense}.wi.weight"]
        layer.ffn.linear_1.weight = tensors[f"{dense}.wo.weight"]
        layer.ffn.layer_norm.gamma = tensors[f"{at}.{last}.layer_norm.weight"]


def convert_for_ctranslate2(model, out):
    """Writes a T5 checkpoint as CTranslate2 reads it, without torch; token i is called ti."""
    from ctranslate2.specs import common_spec, transformer_spec

    tensors, config = read_safetensors(model), json.load(open(os.path.join(model, "config.json")))
    gated = bool(config.get("is_gated_act"))
    shape = dict(pre_norm=True, relative_attention_bias=True, rms_norm=True, ffn_glu=gated, head_dim=config["d_kv"],
                 activation=common_spec.Activation.GELUTanh if gated else common_spec.Activation.RELU)
    layers = config["num_layers"], config.get("num_decoder_layers") or config["num_layers"]
    spec = transformer_spec.TransformerSpec(transformer_spec.TransformerEncoderSpec(layers[0], config["num_heads"], **shape),
                                            transformer_spec.TransformerDecoderSpec(layers[1], config["num_heads"], **shape))
    set_stack(spec.encoder, tensors, config, "encoder")
    set_stack(spec.decoder, tensors, config, "decoder")
    spec.decoder.projection.weight = tensors.get("lm_head.weight", tensors["shared.weight"])
    if config.get("scale_decoder_outputs", config.get("tie_word_embeddings", True)):
        spec.decoder.scale_outputs = np.dtype("float32").type(config["d_model"] ** -0.5)
    words = [f"t{i}" for i in range(config["vocab_size"])]
    spec.register_source_vocabulary(words)
    spec.register_target_vocabulary(words)
    spec.config.decoder_start_token = spec.config.bos_token = f"t{config['decoder_start_token_id']}"
    spec.config.eos_token = f"t{config['eos_token_id']}"
    spec.config.unk_token = f"t{config['pad_token_id']}"
    spec.config.layer_norm_epsilon = config["layer_norm_epsilon"]
    spec.validate()
    spec.optimize()
    os.makedirs(out)
    spec.save(out)


def open_ctranslate2(job, precision, batch):
    import ctranslate2

    translator = ctranslate2.Translator(job.converted, device="cpu", compute_type=precision, inter_threads=1, intra_threads=1)
    levels = job.sids.shape[1]

    def search(users):
        rows = [[f"t{token}" for token in job.encode(items)] for _, items in users]
        found = translator.translate_batch(rows, max_batch_size=batch, beam_size=job.beam, num_hypotheses=job.beam, length_penalty=0,
                                           max_decoding_length=levels, min_decoding_length=levels)
        return [[tuple(int(word[1:]) for word in words) for words in row.hypotheses] for row in found]

    return search


def choose_batch(job, precision, users):
    """The batch size at which CTranslate2 spends least CPU time on these users."""
    costs = {}
    for batch in BATCHES_TRIED:
        search = open_ctranslate2(job, precision, batch)
        search(users[:batch])
        begin = time.process_time()
        search(users)
        costs[batch] = time.process_time() - begin
    return min(costs, key=costs.get)


# ---- Transformers

def make_mask(sids, job):
    """tables[level][node, code] is the child node, or -1."""
    import torch
    from transformers import LogitsProcessor

    made, prefix, K = [], np.zeros(len(sids), np.int64), job.codes
    for level in range(sids.shape[1]):
        keys, child = np.unique(prefix * K + sids[:, level], return_inverse=True)
        table = np.full((int(prefix.max()) + 1, K), -1, np.int64)
        table[keys // K, keys % K] = np.arange(len(keys))
        made.append(torch.from_numpy(table))
        prefix = child.reshape(-1)

    class Mask(LogitsProcessor):
        tables = made

        def __call__(self, input_ids, scores):
            node = torch.zeros(len(input_ids), dtype=torch.long)
            level = input_ids.shape[1] - 1
            for l in range(level):
                code = input_ids[:, l + 1] - job.base - l * K
                node = self.tables[l][node.clamp(min=0), code.clamp(0, K - 1)]
            allowed = self.tables[level][node.clamp(min=0)] >= 0
            masked = torch.full_like(scores, float("-inf"))
            at = job.base + level * K
            masked[:, at:at + K] = scores[:, at:at + K].masked_fill(~allowed, float("-inf"))
            return masked

    return Mask()


def open_transformers(job, constrained):
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model = transformers.T5ForConditionalGeneration.from_pretrained(job.model).eval()
    levels = job.sids.shape[1]
    masks = transformers.LogitsProcessorList([make_mask(job.sids, job)] if constrained else [])

    def search(users):
        rows = [job.encode(items) for _, items in users]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        attention = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, :len(row)] = torch.tensor(row)
            attention[i, :len(row)] = 1
        out = model.generate(ids, attention_mask=attention, num_beams=job.beam, num_return_sequences=job.beam, max_new_tokens=levels,
                             min_new_tokens=levels, do_sample=False, length_penalty=0.0, early_stopping=False, eos_token_id=None,
                             logits_processor=masks)
        tokens = [tuple(row) for row in out[:, 1:].tolist()]
        return [tokens[i:i + job.beam] for i in range(0, len(tokens), job.beam)]

    return search


# ---- running a side

class Job:
    """What a process needs to know; travels to it by pickle."""

    def __init__(self, arguments, sids, beam, converted):
        self.model, self.sids, self.beam, self.converted = arguments.model, sids, beam, converted
        self.base, self.codes, self.first = arguments.token_base, arguments.codes_per_level, arguments.first_item
        self.seconds = arguments.seconds

    def encode(self, items):
        offsets = self.base + self.codes * np.arange(self.sids.shape[1])
        return (self.sids[np.array(items) - self.first] + offsets).reshape(-1).tolist()


def read_kilobytes(path, key):
    try:
        return sum(int(line.split()[1]) for line in open(path) if line.startswith(key))
    except OSError:
        return 0


class Sampler(threading.Thread):
    """Looks at processes while they run: the largest sum of their proportional sets and the largest resident set of one, MB; 0 where
    the kernel does not tell. (What wait4 says of a small process is the size of the Python that started it.)"""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.together, self.largest, self.done = pids, 0, 0, threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.1):
            self.together = max(self.together, sum(read_kilobytes(f"/proc/{pid}/smaps_rollup", "Pss:") for pid in self.pids) // 1024)
            self.largest = max(self.largest, max(read_kilobytes(f"/proc/{pid}/status", "VmHWM:") for pid in self.pids) // 1024)

    def stop(self):
        self.done.set()
        self.join()
        return self.together, self.largest


def work(opener, options, job, share, step, barrier, results):
    search = opener(job, *options)
    search(share[:2])
    barrier.wait()
    lists, cpu, begin = {}, time.process_time(), time.monotonic()
    for i in range(0, len(share), step):
        lists.update((user, found) for (user, _), found in zip(share[i:i + step], search(share[i:i + step])))
        if time.process_time() - cpu >= job.seconds:
            break
    end, cpu = time.monotonic(), time.process_time() - cpu
    results.put((begin, end, cpu, lists, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def run_python(opener, options, step, job, shares):
    barrier, results = multiprocessing.Barrier(len(shares)), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(opener, options, job, share, step, barrier, results)) for share in shares]
    for worker in workers:
        worker.start()
    sampler = Sampler([worker.pid for worker in workers])
    parts = [results.get() for _ in workers]
    together, largest = sampler.stop()
    for worker in workers:
        worker.join()
    lists = {user: found for part in parts for user, found in part[3].items()}
    return dict(lists=lists, wall=max(p[1] for p in parts) - min(p[0] for p in parts), cpu=sum(p[2] for p in parts),
                mb=largest or max(p[4] for p in parts), pss_mb=together)


def run_decodes(arguments, bundle, job, options, shares, folder):
    """Runs one `decode` a share at once; returns seconds, CPU seconds, memory and the lists."""
    running, begin = [], time.monotonic()
    for i, share in enumerate(shares):
        path = os.path.join(folder, f"users{i}")
        with open(path, "w") as file:
            file.writelines(user + " " + " ".join(map(str, items)) + "\n" for user, items in share)
        out = open(os.path.join(folder, f"out{i}"), "w+")
        command = [os.path.join(arguments.nightjar, "nightjar"), "decode", "--bundle", bundle, "--users", path, "--history", str(arguments.history),
                   "--beam", str(job.beam), "--top", str(job.beam), "--keep-history", *options]
        running.append((subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL), out))
    sampler = Sampler([process.pid for process, _ in running])
    cpu, peak = 0.0, 0
    for process, _ in running:
        _, process.returncode, usage = os.wait4(process.pid, 0)
        if process.returncode != 0:
            sys.exit(f"nightjar decode {' '.join(options)} failed with status {process.returncode}")
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss // 1024)
    seconds = time.monotonic() - begin
    together, largest = sampler.stop()
    lists = {}
    for _, out in running:
        out.seek(0)
        for row in map(json.loads, out):
            lists[row["user"]] = [tuple(job.encode([int(item)])) for item in row["items"]]
        out.close()
    return seconds, cpu, largest or peak, together, lists


def run_nightjar(arguments, bundle, options, job, shares):
    with tempfile.TemporaryDirectory() as folder:
        run = lambda parts: run_decodes(arguments, bundle, job, options, parts, folder)
        trial = run([shares[0][:200]])[1] - run([shares[0][:1]])[1]
        count = int(arguments.seconds * len(shares[0][:200]) / max(trial, 0.01))
        starts = [run([share[:1] for share in shares])[:2] for _ in range(STARTS)]
        start, start_cpu = map(min, zip(*starts))  # the shortest: taking off too little flatters nobody but the others
        seconds, cpu, peak, together, lists = run([share[:count] for share in shares])
    return dict(lists=lists, wall=seconds - start, cpu=cpu - start_cpu, mb=peak, pss_mb=together)


def run_side(side, arguments, bundle, job, shares, batches):
    openblas = ["--kernels", "openblas"]
    options = {"exact": [], "openblas": openblas, "plain": openblas + ["--without", arguments.savings], "int8": ["--precision", "int8"]}
    if side in options:
        return run_nightjar(arguments, bundle, options[side], job, shares)
    if side in ("ct2", "ct2-int8"):
        precision = "float32" if side == "ct2" else "int8"
        if (side, job.beam) not in batches:
            with multiprocessing.Pool(1) as pool:
                batches[side, job.beam] = pool.apply(choose_batch, (job, precision, shares[0][:CHUNK]))
        return run_python(open_ctranslate2, (precision, batches[side, job.beam]), CHUNK, job, shares)
    return run_python(open_transformers, (side == "hf",), 16, job, shares)


# ---- the report

def compare_lists(lists, expected):
    """Users compared, lists that are the same, mean share of the first ten in both."""
    users = [user for user in lists if user in expected]
    same = sum(lists[user] == expected[user] for user in users)
    overlap = sum(len(set(lists[user][:10]) & set(expected[user][:10])) / 10 for user in users)
    return len(users), same, overlap / max(len(users), 1)


HEAD = f"{'beam':>4} {'procs':>5} {'side':9} {'users':>6} {'users/s':>8} {'a core-s':>8} {'exact is':>8} {'MB':>5} {'sum MB':>7} {'valid':>6}  same lists, first ten"


def print_row(row):
    agreement = f"{row['same']} of {row['compared']}, {100 * row['overlap10']:.1f} %" if row["compared"] else ""
    print(f"{row['beam']:4} {row['processes']:5} {row['side']:9} {row['users']:6} {row['users_per_s']:8.1f} {row['users_per_core_s']:8.1f}"
          f" {row['exact_is']:7.1f}x {row['mb']:5} {row['pss_mb'] or '-':>7} {100 * row['valid']:5.1f}%  {agreement}", flush=True)


def find_sides(arguments, tool):
    wanted = arguments.sides.split(",")
    missing = set()
    told = subprocess.run([tool, "decode", "--help"], capture_output=True, text=True).stdout
    savings = re.search(r"--without .*: (.*) \[", told)
    arguments.savings = savings.group(1).replace(" ", "") if savings else ""
    if not savings:
        missing.add("plain")
    if "--precision" not in told:
        missing.add("int8")
    for module, sides in (("ctranslate2", {"ct2", "ct2-int8"}), ("torch", {"hf", "hf-free"}), ("transformers", {"hf", "hf-free"})):
        if importlib.util.find_spec(module) is None:
            missing |= sides
    for side in wanted:
        if side in missing:
            print(f"left out, not to be had here: {side}")
    return [side for side in wanted if side not in missing]


def pack_bundle(arguments, tool, count, folder):
    names, catalogue, bundle = (os.path.join(folder, name) for name in ("items", "catalogue", "night.njb"))
    with open(names, "w") as file:
        file.writelines(f"{i + arguments.first_item}\n" for i in range(count))
    for command in ([tool, "catalogue", "import", "--sids", arguments.sids, "--codes-per-level", str(arguments.codes_per_level), "--token-base",
                     str(arguments.token_base), "--ids", names, "--out", catalogue],
                    [tool, "bundle", "pack", "--model", arguments.model, "--catalogue", catalogue, "--out", bundle]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return bundle


def measure_side(side, arguments, bundle, job, shares, batches, seen, items):
    got = run_side(side, arguments, bundle, job, shares, batches)
    lists = got.pop("lists")
    seen[side].update(lists)
    compared, same, overlap = (0, 0, 0) if side == "exact" else compare_lists(lists, seen.get("ct2" if side == "hf-free" else "exact", {}))
    every = [sequence for found in lists.values() for sequence in found]
    return dict(got, beam=job.beam, processes=len(shares), side=side, users=len(lists), users_per_s=len(lists) / got["wall"],
                users_per_core_s=len(lists) / got["cpu"], compared=compared, same=same, overlap10=overlap,
                valid=sum(sequence in items for sequence in every) / len(every))


def measure(arguments, sides, sids, users, bundle, converted):
    items = set(map(tuple, (sids + arguments.token_base + arguments.codes_per_level * np.arange(sids.shape[1])).tolist()))
    rows, batches = [], {}
    print(HEAD)
    for beam in map(int, arguments.beams.split(",")):
        job, seen = Job(arguments, sids, beam, converted), {side: {} for side in sides}
        for processes in map(int, arguments.processes.split(",")):
            shares, best = [users[i::processes] for i in range(processes)], {}
            here = [side for side in sides if side != "hf-free" or processes == 1]  # of that one the lists are what counts
            for _ in range(arguments.rounds):
                for side in here:
                    row = measure_side(side, arguments, bundle, job, shares, batches, seen, items)
                    if side not in best or row["users_per_core_s"] > best[side]["users_per_core_s"]:
                        best[side] = row
            for side, row in best.items():
                row["exact_is"] = best.get("exact", row)["users_per_core_s"] / row["users_per_core_s"]
                print_row(row)
                rows.append(row)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("nightjar", "model", "sids", "histories"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--codes-per-level", type=int, default=256)
    parser.add_argument("--token-base", type=int, default=2)
    parser.add_argument("--first-item", type=int, default=1, help="id of row 0 of the SIDs; ids count up from it")
    parser.add_argument("--beams", default="20,50")
    parser.add_argument("--processes", default=f"1,{os.cpu_count()}")
    parser.add_argument("--history", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=1, help="runs of every side, in turn; the best by CPU time is shown")
    parser.add_argument("--quick", action="store_true", help="2 seconds a side: four minutes in all on 16 cores")
    parser.add_argument("--sides", default="exact,openblas,plain,int8,ct2,ct2-int8,hf,hf-free")
    parser.add_argument("--json", help="write the rows here, too")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seconds = 2
    multiprocessing.set_start_method("spawn")
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    tool = os.path.join(arguments.nightjar, "nightjar")
    sids = np.load(arguments.sids).astype(np.int64)
    users = list(read_histories(arguments.histories, arguments.history))
    random.Random(1).shuffle(users)
    sides = find_sides(arguments, tool)
    print(f"{len(users)} users, mean history {sum(len(items) for _, items in users) / len(users):.1f} items of {sids.shape[1]} tokens")
    if any(side.startswith("ct2") for side in sides):
        print("CTranslate2 has no trie constraint: its search is over the whole vocabulary")
    with tempfile.TemporaryDirectory() as folder:
        converted = os.path.join(folder, "ctranslate2")
        if any(side.startswith("ct2") for side in sides):
            convert_for_ctranslate2(arguments.model, converted)
        rows = measure(arguments, sides, sids, users, pack_bundle(arguments, tool, len(sids), folder), converted)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"results": rows}, file, indent=1)


if __name__ == "__main__":
    main()
