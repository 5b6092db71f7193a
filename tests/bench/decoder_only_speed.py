#!/usr/bin/env python3
"""A small decoder-only model in nightjar, Transformers and llama.cpp: same weights, users, trie, beam and core, in one run.

    decoder_only_speed.py --nightjar BIN_DIR [--tokens 300,2500] [--beam 20] [--rounds 3] [--users 4] [--nightjar-users 17] [--json FILE]

The model is the shape of `nightjar bench engine --model qwen3` with seeded random weights; 12,101 items of three codes of 256. Every side runs on one
thread in float32 and computes a user's prompt once for all its beams:

    nightjar      decode; the CPU time of --nightjar-users users less that of one, so that loading is not counted
    int8          the same with --precision int8, where this CPU has it
    transformers  prompt with use_cache and the last token's logits alone, the cache repeated for the beams and reordered by parents
    llama.cpp     one sequence for the prompt, shared with the beams (seq_cp); llama-cpp-python, weights and cache float32

All search the same steps under the same trie; the mask and the best rows are vectorised. Sides take turns; printed are users per core-second (CPU
time), medians over rounds, how many times as fast nightjar is, and the mean share of a list that a side has in common with nightjar's.

Needs numpy, torch and transformers (tried with 2.15, 5.23); llama.cpp needs llama_cpp and gguf (0.3.16, 0.17) and is left out where they cannot be
imported. Not part of the product.
"""
import argparse, ctypes, json, os, resource, statistics, subprocess, sys, tempfile, time

os.environ["HF_HUB_OFFLINE"] = "1"
try:
    import numpy as np
    import torch
    from transformers import DynamicCache, Qwen3Config, Qwen3ForCausalLM
except ImportError as error:
    print(f"SKIPPED  bench/decoder_only_speed: {error}")
    sys.exit(77)
try:
    import gguf, llama_cpp
except ImportError as error:
    llama_cpp = None
    print(f"LEFT OUT llama.cpp: {error}", file=sys.stderr)

L, K, ITEMS, BASE = 3, 256, 12101, 2
LAYERS = 6
POSITIONS = 4096


def make_model(folder):
    torch.manual_seed(1)
    model = Qwen3ForCausalLM(Qwen3Config(
        vocab_size=BASE + L * K, hidden_size=512, intermediate_size=1536, num_hidden_layers=LAYERS, num_attention_heads=8, num_key_value_heads=2,
        head_dim=64, max_position_embeddings=POSITIONS, tie_word_embeddings=True, initializer_range=0.1, bos_token_id=0, eos_token_id=1))
    model.save_pretrained(folder)
    return model.eval()


# ---- the search, the same for both peers

class Trie:
    def __init__(self, sids):
        self.leaf = np.zeros((K, K, K), bool)
        self.leaf[tuple(sids.T)] = True
        self.levels = [self.leaf.any((1, 2)), self.leaf.any(2), self.leaf]

    def children(self, codes):  # [rows, level] -> [rows, K]
        return self.levels[codes.shape[1]][tuple(codes.T)] if codes.shape[1] else self.levels[0][None]


def search(trie, beam, logits):
    """logits(level, parents, tokens) -> [rows, V]; the codes of the best `beam` rows, best first."""
    codes, scores, parents, tokens = np.zeros((1, 0), np.int64), np.zeros(1), None, None
    for level in range(L):
        rows = logits(level, parents, tokens).astype(np.float64)
        top = rows.max(1, keepdims=True)
        rows = rows - top - np.log(np.exp(rows - top).sum(1, keepdims=True))
        first = BASE + level * K
        all_scores = np.where(trie.children(codes), scores[:, None] + rows[:, first:first + K], -np.inf).ravel()
        best = np.argsort(-all_scores, kind="stable")[:beam]
        best = best[np.isfinite(all_scores[best])]
        parents, code = best // K, best % K
        scores, tokens = all_scores[best], first + code
        codes = np.concatenate([codes[parents], code[:, None]], 1)
    return codes


class Transformers:
    def __init__(self, model):
        self.model = model

    def user(self, prompt, trie, beam):
        cache = DynamicCache(config=self.model.config)

        def logits(level, parents, tokens):
            if level == 0:
                ids = torch.tensor(prompt)[None]
            else:
                if level == 1:
                    cache.batch_repeat_interleave(len(tokens))
                else:
                    cache.reorder_cache(torch.from_numpy(parents))
                ids = torch.from_numpy(tokens)[:, None]
            with torch.inference_mode():
                return self.model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1].numpy()

        return search(trie, beam, logits)


def write_gguf(model, path):
    c = model.config
    out = gguf.GGUFWriter(path, "qwen3")
    out.add_block_count(LAYERS)
    out.add_context_length(POSITIONS)
    out.add_embedding_length(c.hidden_size)
    out.add_feed_forward_length(c.intermediate_size)
    out.add_head_count(c.num_attention_heads)
    out.add_head_count_kv(c.num_key_value_heads)
    out.add_key_length(c.head_dim)
    out.add_value_length(c.head_dim)
    out.add_rope_freq_base(c.rope_parameters["rope_theta"])
    out.add_layer_norm_rms_eps(c.rms_norm_eps)
    out.add_vocab_size(c.vocab_size)
    out.add_tokenizer_model("no_vocab")
    names = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
             "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
             "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    tensors = model.state_dict()
    out.add_tensor("token_embd.weight", tensors["model.embed_tokens.weight"].numpy())
    out.add_tensor("output_norm.weight", tensors["model.norm.weight"].numpy())
    for layer in range(LAYERS):
        for name, short in names.items():
            out.add_tensor(f"blk.{layer}.{short}.weight", tensors[f"model.layers.{layer}.{name}.weight"].numpy())
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


class LlamaCpp:
    def __init__(self, path, beam, vocabulary):
        self.log = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.log, None)
        self.beam, self.vocabulary = beam, vocabulary
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = POSITIONS
        params.n_ubatch, params.n_seq_max = 512, 2 * beam + 1
        params.n_threads = params.n_threads_batch = 1
        params.type_k = params.type_v = 0  # float32
        params.kv_unified = True
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.batch = llama_cpp.llama_batch_init(POSITIONS, 0, 1)

    def decode(self, tokens, positions, sequences, wanted):
        self.batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            self.batch.token[i], self.batch.pos[i] = int(token), positions[i]
            self.batch.n_seq_id[i], self.batch.seq_id[i][0] = 1, sequences[i]
            self.batch.logits[i] = i in wanted
        if llama_cpp.llama_decode(self.context, self.batch) != 0:
            sys.exit("llama_decode failed")
        return np.stack([np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.context, i), (self.vocabulary,)) for i in wanted])

    def user(self, prompt, trie, beam):
        llama_cpp.llama_memory_clear(self.memory, False)

        def logits(level, parents, tokens):
            if level == 0:
                return self.decode(prompt, range(len(prompt)), [0] * len(prompt), [len(prompt) - 1])
            rows = len(tokens)
            own = [1 + (level - 1) * beam + i for i in range(rows)]
            for i in range(rows):
                source = 0 if level == 1 else 1 + (level - 2) * beam + int(parents[i])
                llama_cpp.llama_memory_seq_cp(self.memory, source, own[i], -1, -1)
            return self.decode(tokens, [len(prompt) + level - 1] * rows, own, range(rows))

        return search(trie, beam, logits)


# ---- nightjar

class Nightjar:
    def __init__(self, programs, folder, beam, options=()):
        self.programs, self.folder, self.beam, self.options = programs, folder, beam, options

    def decode(self, users, histories):
        path = os.path.join(self.folder, "users.txt")
        with open(path, "w") as out:
            out.writelines(f"{u} {' '.join(map(str, histories[u]))}\n" for u in users)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([os.path.join(self.programs, "nightjar"), "decode", "--bundle", os.path.join(self.folder, "b.njb"), "--users", path,
                               "--beam", str(self.beam), "--top", str(self.beam), "--keep-history", *self.options], capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(done.stderr)
        lists = [[int(i) for i in json.loads(line)["items"]] for line in done.stdout.splitlines()]
        return lists, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pack(programs, folder, sids, history):
    def nightjar(*words):
        subprocess.run([os.path.join(programs, "nightjar"), *words], check=True, capture_output=True, cwd=folder)
    np.save(os.path.join(folder, "sids.npy"), sids)
    with open(os.path.join(folder, "items.txt"), "w") as out:
        out.writelines(f"{i}\n" for i in range(ITEMS))
    nightjar("catalogue", "import", "--sids", "sids.npy", "--ids", "items.txt", "--codes-per-level", str(K), "--token-base", str(BASE), "--out", "cat")
    nightjar("bundle", "pack", "--model", "model", "--catalogue", "cat", "--history-max", str(history), "--out", "b.njb")


# ---- one length of prompts

def measure_peer(side, users, prompts, trie, beam):
    start = time.process_time()
    lists = [side.user(prompts[u], trie, beam) for u in users]
    return lists, len(users) / (time.process_time() - start)


def compare(options, folder, model, sids, tokens):
    history = max(1, tokens // L)
    rng = np.random.default_rng(tokens)
    count = 1 + options.rounds * max(options.users, options.nightjar_users)
    histories = rng.integers(0, ITEMS, (count, history))
    prompts = [(BASE + np.arange(L) * K + sids[h]).ravel().tolist() for h in histories]
    trie = Trie(sids)
    ours = {"nightjar": Nightjar(options.nightjar, folder, options.beam), "int8": Nightjar(options.nightjar, folder, options.beam, ("--precision", "int8"))}
    peers = {"transformers": Transformers(model)}
    if llama_cpp is not None:
        peers["llama.cpp"] = LlamaCpp(os.path.join(folder, "model.gguf"), options.beam, model.config.vocab_size)
    pack(options.nightjar, folder, sids, history)
    for side in peers.values():
        side.user(prompts[0], trie, options.beam)  # warms it up
    speeds, common = {name: [] for name in [*ours, *peers]}, {name: [] for name in peers}
    for r in range(options.rounds):
        users = list(range(1 + r * options.nightjar_users, 1 + (r + 1) * options.nightjar_users))
        for name, side in ours.items():
            lists, seconds = side.decode(users, histories)
            speeds[name].append((len(users) - 1) / (seconds - side.decode(users[:1], histories)[1]))
            reference = lists if name == "nightjar" else reference
        for name, side in peers.items():
            found, speed = measure_peer(side, users[:options.users], prompts, trie, options.beam)
            speeds[name].append(speed)
            for codes, items in zip(found, reference):
                mine = {tuple(sids[i]) for i in items}
                common[name].append(len(mine & set(map(tuple, codes))) / len(codes))
    middle = {name: statistics.median(values) for name, values in speeds.items()}
    rows = [{"tokens": history * L, "beam": options.beam, "side": name, "users_per_core_s": middle[name],
             "nightjar_times": middle["nightjar"] / middle[name], "common": statistics.mean(common[name]) if name in common else None} for name in middle]
    for row in rows:
        shared = "" if row["common"] is None else f"  lists {100 * row['common']:.1f} % as nightjar's"
        print(f"{row['tokens']:5} tokens  {row['side']:12} {row['users_per_core_s']:8.3f} users/core-s  nightjar is {row['nightjar_times']:.2f}x{shared}",
              flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nightjar", required=True, type=os.path.abspath)
    parser.add_argument("--tokens", default="300,2500")
    parser.add_argument("--beam", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=4)
    parser.add_argument("--nightjar-users", type=int, default=17)
    parser.add_argument("--json")
    options = parser.parse_args()
    if not 1 <= options.users <= options.nightjar_users or options.nightjar_users < 2:
        parser.error("--users must be 1 to --nightjar-users, which must be 2 at least")
    torch.set_num_threads(1)
    sids = np.random.default_rng(1).integers(0, K, (ITEMS, L)).astype(np.int64)
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(os.path.join(folder, "model"))
        if llama_cpp is not None:
            write_gguf(model, os.path.join(folder, "model.gguf"))
        rows = [row for tokens in options.tokens.split(",") for row in compare(options, folder, model, sids, int(tokens))]
    if options.json:
        with open(options.json, "w") as out:
            json.dump(rows, out, indent=1)


if __name__ == "__main__":
    main()
