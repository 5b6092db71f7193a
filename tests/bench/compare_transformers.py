#!/usr/bin/env python3
"""nightjar beside HuggingFace Transformers: same checkpoint, users, beam and machine, in one run.

    compare_transformers.py --nightjar BIN_DIR --model HF_DIR --sids SIDS.npy --histories FILE [--codes-per-level 256] [--token-base 2]
                            [--beams 20,50] [--users 256] [--processes 1,16] [--history 20]

Each side runs as N single-threaded processes over its own share of the users (HuggingFace is fastest so on a node's cores). Transformers
searches with a vectorised trie mask, batches of 16 and no length penalty; nightjar with `decode --keep-history`. Loading is not timed on
either side: nightjar's time is its total less that of one user, Transformers' begins after a warm-up batch. Prints users/s, users per
core-second, the ratio, peak memory of a process, and on how many of the compared users the two lists are the same items in the same order.

Needs numpy, torch and transformers (tried with 2.11 and 5.17). Not part of the product.
"""
import argparse, json, multiprocessing, os, resource, subprocess, tempfile, time

import numpy as np


def read_histories(path, count):
    lines = [line.split() for line in open(path)][:count]
    return [(words[0], [int(item) for item in words[1:]]) for words in lines]


class Trie:
    """tables[level][node, code] is the child node, or -1."""

    def __init__(self, sids, codes_per_level):
        self.tables = []
        prefix = np.zeros(len(sids), np.int64)
        for level in range(sids.shape[1]):
            keys, child = np.unique(prefix * codes_per_level + sids[:, level], return_inverse=True)
            table = np.full((int(prefix.max()) + 1, codes_per_level), -1, np.int64)
            table[keys // codes_per_level, keys % codes_per_level] = np.arange(len(keys))
            self.tables.append(table)
            prefix = child.reshape(-1)
        self.leaf_item = np.zeros(len(keys), np.int64)
        self.leaf_item[prefix] = np.arange(len(sids))


def make_mask(trie, token_base, codes_per_level, vocabulary):
    import torch
    from transformers import LogitsProcessor

    class Mask(LogitsProcessor):
        tables = [torch.from_numpy(table) for table in trie.tables]

        def __call__(self, input_ids, scores):
            node = torch.zeros(len(input_ids), dtype=torch.long)
            level = input_ids.shape[1] - 1
            for l in range(level):
                code = input_ids[:, l + 1] - token_base - l * codes_per_level
                node = self.tables[l][node.clamp(min=0), code.clamp(0, codes_per_level - 1)]
            allowed = self.tables[level][node.clamp(min=0)] >= 0
            masked = torch.full_like(scores, float("-inf"))
            at = token_base + level * codes_per_level
            part = scores[:, at:at + codes_per_level]
            masked[:, at:at + codes_per_level] = part.masked_fill(~allowed, float("-inf"))
            return masked

    return Mask()


def search_share(arguments, sids, users, beam, barrier, results):
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model = transformers.T5ForConditionalGeneration.from_pretrained(arguments.model).eval()
    levels = sids.shape[1]
    codes = arguments.codes_per_level
    trie = Trie(sids, codes)
    mask = make_mask(trie, arguments.token_base, codes, model.config.vocab_size)
    offsets = arguments.token_base + codes * np.arange(levels)

    def search(batch):
        rows = [(sids[np.array(items[-arguments.history:]) - arguments.first_item] + offsets).reshape(-1) for _, items in batch]
        width = max(map(len, rows))
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        attention = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, :len(row)] = torch.from_numpy(row)
            attention[i, :len(row)] = 1
        out = model.generate(ids, attention_mask=attention, num_beams=beam, num_return_sequences=beam, max_new_tokens=levels, min_new_tokens=levels,
                             do_sample=False, length_penalty=0.0, early_stopping=False, eos_token_id=None,
                             logits_processor=transformers.LogitsProcessorList([mask]))
        tokens = out[:, 1:].numpy() - offsets
        node = np.zeros(len(tokens), np.int64)
        for l in range(levels):
            node = trie.tables[l][node, tokens[:, l]]
        return trie.leaf_item[node].reshape(len(batch), beam)

    batches = [users[i:i + 16] for i in range(0, len(users), 16)]
    search(batches[0][:2])
    barrier.wait()
    begin = time.monotonic()
    lists = {user: items.tolist() for batch in batches for (user, _), items in zip(batch, search(batch))}
    end = time.monotonic()
    results.put((begin, end, lists, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def time_transformers(arguments, sids, users, beam, processes):
    barrier = multiprocessing.Barrier(processes)
    results = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=search_share, args=(arguments, sids, users[i::processes], beam, barrier, results)) for i in range(processes)]
    for worker in workers:
        worker.start()
    parts = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    lists = {user: items for part in parts for user, items in part[2].items()}
    return max(p[1] for p in parts) - min(p[0] for p in parts), lists, max(p[3] for p in parts)


def run_nightjar(arguments, bundle, shares, beam, folder):
    """Runs one `decode` a share at once; returns seconds and the lists."""
    running = []
    begin = time.monotonic()
    for i, share in enumerate(shares):
        path = os.path.join(folder, f"users{i}")
        with open(path, "w") as file:
            file.writelines(user + " " + " ".join(map(str, items)) + "\n" for user, items in share)
        out = open(os.path.join(folder, f"out{i}"), "w+")
        command = [os.path.join(arguments.nightjar, "nightjar"), "decode", "--bundle", bundle, "--users", path, "--history", str(arguments.history),
                   "--beam", str(beam), "--top", str(beam), "--keep-history"]
        running.append((subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL), out))
    peak = 0
    for process, _ in running:
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, "nightjar decode failed"
        peak = max(peak, usage.ru_maxrss // 1024)
    seconds = time.monotonic() - begin
    lists = {}
    for _, out in running:
        out.seek(0)
        lists.update((row["user"], row["items"]) for row in map(json.loads, out))
    return seconds, lists, peak


def time_nightjar(arguments, bundle, users, beam, processes):
    # Enough users for seconds of work: the few that Transformers can do in the time are over in a blink.
    many = [(f"{user}x{k}", items) for k in range(arguments.repeat) for user, items in users]
    with tempfile.TemporaryDirectory() as folder:
        shares = [many[i::processes] for i in range(processes)]
        start, _, _ = run_nightjar(arguments, bundle, [share[:1] for share in shares], beam, folder)
        seconds, lists, peak = run_nightjar(arguments, bundle, shares, beam, folder)
    return (seconds - start) / arguments.repeat, {user[:-2]: items for user, items in lists.items() if user.endswith("x0")}, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nightjar", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--sids", required=True)
    parser.add_argument("--histories", required=True)
    parser.add_argument("--codes-per-level", type=int, default=256)
    parser.add_argument("--token-base", type=int, default=2)
    parser.add_argument("--first-item", type=int, default=1, help="id of row 0 of the SIDs; ids count up from it")
    parser.add_argument("--beams", default="20,50")
    parser.add_argument("--users", type=int, default=256)
    parser.add_argument("--processes", default="1,16")
    parser.add_argument("--history", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=8, help="nightjar decodes the users so many times")
    arguments = parser.parse_args()
    multiprocessing.set_start_method("spawn")
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    sids = np.load(arguments.sids).astype(np.int64)
    everybody = read_histories(arguments.histories, arguments.users)
    tool = os.path.join(arguments.nightjar, "nightjar")
    with tempfile.TemporaryDirectory() as folder:
        names = os.path.join(folder, "items")
        with open(names, "w") as file:
            file.writelines(f"{i + arguments.first_item}\n" for i in range(len(sids)))
        catalogue, bundle = os.path.join(folder, "catalogue"), os.path.join(folder, "night.njb")
        for command in ([tool, "catalogue", "import", "--sids", arguments.sids, "--codes-per-level", str(arguments.codes_per_level), "--token-base",
                         str(arguments.token_base), "--ids", names, "--out", catalogue],
                        [tool, "bundle", "pack", "--model", arguments.model, "--catalogue", catalogue, "--out", bundle]):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"{'beam':>4} {'procs':>5} {'Transformers users/s':>21} {'MB':>5} {'nightjar users/s':>17} {'MB':>5} {'per core-s':>10} {'ratio':>6}  same lists")
        for beam in map(int, arguments.beams.split(",")):
            for processes in map(int, arguments.processes.split(",")):
                users = everybody[:max(16 * processes, len(everybody) // (4 if processes == 1 else 1))]
                theirs, expected, their_mb = time_transformers(arguments, sids, users, beam, processes)
                ours, lists, our_mb = time_nightjar(arguments, bundle, users, beam, processes)
                same = sum([int(i) - arguments.first_item for i in lists[user]] == expected[user] for user, _ in users)
                print(f"{beam:4} {processes:5} {len(users) / theirs:21.1f} {their_mb:5} {len(users) / ours:17.1f} {our_mb:5}"
                      f" {len(users) / ours / processes:10.1f} {theirs / ours:6.1f}  {same} of {len(users)}", flush=True)


if __name__ == "__main__":
    main()
