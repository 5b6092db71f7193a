"""Random small Llama, Qwen2 and Qwen3 checkpoints: nightjar's lists against Transformers' own constrained beam search in float64.

Usage: decoder_only_transformers.py FOLDER SEED...   Each seed is one model, catalogue, template and some users.
"""
import json
import random
import subprocess
import sys

import numpy
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

KINDS = [(LlamaForCausalLM, LlamaConfig), (Qwen2ForCausalLM, Qwen2Config), (Qwen3ForCausalLM, Qwen3Config)]
PART_MAX = 1024  # tokens of a template's part


def make_rope(dice, positions):
    theta = dice.choice([1e4, 12345.5, 5e5, 1e6])
    kind = dice.choice(["default", "linear", "llama3", "yarn"])
    rope = dict(rope_type=kind, rope_theta=theta)
    if kind != "default":
        rope["factor"] = dice.choice([1.0, 2.0, 4.0, 8.5])
    if kind in ("llama3", "yarn"):
        rope["original_max_position_embeddings"] = max(16, positions // dice.choice([1, 4, 16]))
    if kind == "llama3":
        rope.update(low_freq_factor=dice.choice([1.0, 0.5]), high_freq_factor=dice.choice([4.0, 7.0]))
    if kind == "yarn":
        for key, values in dict(beta_fast=[32.0, 8.0], beta_slow=[1.0, 2.0], attention_factor=[1.25, 0.5], truncate=[True, False]).items():
            if dice.random() < 0.5:
                rope[key] = dice.choice(values)
    return rope


def make_case(dice, number):
    prompt = dice.choice([1, 8, 40, 40, 300, 300, 1200, 4096])
    L = dice.randint(5, 8) if prompt == 4096 else dice.randint(1, 8)
    K = dice.choice([2, 5, 32, 256, 1000, 65536 // L])
    base = dice.choice([0, 2, 777])
    E = dice.choice([2, 4, 6, 10, 14, 16, 22, 32, 64])
    H = dice.choice([1, 2, 3, 4, 8, 12] if prompt < 1000 else [1, 2, 3])
    G = dice.choice([g for g in range(1, H + 1) if H % g == 0])
    positions = max(16, prompt + 8)
    V = max(base + L * K + dice.choice([0, 1, 37]), 800)
    V = dice.choice([V, V, V, 152000])
    D = H * (dice.choice([E, 1, 5, 33]) if V < 20000 else dice.choice([2, 4]))
    layers = dice.choice([1, 1, 2, 3, 12]) if prompt < 1000 else dice.choice([1, 2])
    kind, config_of = KINDS[number % 3]
    keys = dict(vocab_size=V, hidden_size=D, intermediate_size=dice.choice([7, 40, 129]), num_hidden_layers=layers, num_attention_heads=H,
                num_key_value_heads=G, max_position_embeddings=positions, rope_parameters=make_rope(dice, positions), head_dim=E,
                tie_word_embeddings=dice.random() < 0.5, rms_norm_eps=dice.choice([1e-5, 1e-6]), bos_token_id=None, eos_token_id=None,
                pad_token_id=0, initializer_range=dice.choice([0.05, 0.25]) if layers < 5 else 0.1)
    if config_of is not Qwen2Config:
        keys["attention_bias"] = dice.random() < 0.5
    if config_of is LlamaConfig:
        keys["mlp_bias"] = dice.random() < 0.5
    stored = dice.choice([torch.float32, torch.bfloat16, torch.float16])
    return dict(L=L, K=K, base=base, V=V, prompt=prompt, layers=layers, kind=kind, config=config_of(**keys), stored=stored)


def save_model(case, folder, dice, seed):
    torch.manual_seed(seed)
    model = case["kind"](case["config"])
    for parameter in model.parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, 0.6, 0.3)
    model.to(case["stored"]).save_pretrained(folder, max_shard_size=dice.choice(["5GB", "40KB"]))


def make_sids(case, dice):
    most = min(case["K"] ** case["L"], 1500)
    sids = set()
    for _ in range(4000):
        sids.add(tuple(dice.randrange(case["K"]) for _ in range(case["L"])))
        if len(sids) >= most:
            break
    return sorted(sids)


# What stands around the items, and histories of at most `most` items, so that no prompt exceeds the case's.
def make_prompts(case, dice, count):
    L, left = case["L"], max(case["prompt"], case["L"]) - case["L"]
    part = lambda most: [dice.randrange(case["V"]) for _ in range(dice.randint(0, max(0, min(most, PART_MAX))))]
    template = dict(before=part(left // 2), between=part(3), after=[])
    template["after"] = part((left - len(template["before"])) // 4)
    room = case["prompt"] - len(template["before"]) - len(template["after"]) - L
    most = max(1, min(1 + room // (L + len(template["between"])), 512))
    return template, most, [[dice.randrange(count) for _ in range(length)] for length in (1, most, dice.randint(1, most))]


def search(model, case, prompt, children, W):
    start = len(prompt)
    allowed = lambda _, tokens: children[tuple(tokens[start:].tolist())]
    out = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, start, dtype=torch.long), num_beams=W, num_return_sequences=W,
                         max_new_tokens=case["L"], do_sample=False, length_penalty=0.0, prefix_allowed_tokens_fn=allowed,
                         return_dict_in_generate=True, output_scores=True)
    return out.sequences[:, start:].tolist(), out.sequences_scores.tolist()


def nightjar(*arguments):
    done = subprocess.run(["nightjar", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"nightjar {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}"
    return done.stdout


# The lists agree but where two scores are so near that float32 cannot tell them apart at the end; seeds where that happens at an
# earlier cut of the beam fail (146: by 8e-8).
def compare(entry, expected, tokens_of, worst):
    sequences, scores = expected
    assert len(entry["items"]) == len(scores), f"{len(entry['items'])} items for {len(scores)}"
    of_item = {tuple(s): score for s, score in zip(sequences, scores)}
    for place, (item, score) in enumerate(zip(entry["items"], entry["scores"])):
        tolerance = 1e-4 + 2e-5 * abs(score)
        near = abs(score - scores[place])
        own = abs(score - of_item.get(tuple(tokens_of(item)), scores[place]))
        assert max(near, own) <= tolerance, f"user {entry['user']} place {place}: {score}, expected {scores[place]}, item's own {own}"
        worst = max(worst, max(near, own) / tolerance)
    return worst


def run_case(folder, seed):
    dice = random.Random(seed)
    case = make_case(dice, seed)
    at = f"{folder}/{seed}"
    save_model(case, f"{at}/model", dice, seed)
    sids = make_sids(case, dice)
    numpy.save(f"{at}/sids.npy", numpy.array(sids, dtype=numpy.int32))
    template, most, histories = make_prompts(case, dice, len(sids))
    json.dump(template, open(f"{at}/template.json", "w"))
    with open(f"{at}/users.txt", "w") as users:
        for user, history in enumerate(histories):
            print(f"u{user}", *history, file=users)
    config = case["config"]
    print(f"{seed}: {config.model_type} L={case['L']} K={case['K']} V={case['V']} D={config.hidden_size} H={config.num_attention_heads} "
          f"G={config.num_key_value_heads} E={config.head_dim} layers={case['layers']} prompt={case['prompt']} "
          f"tied={config.tie_word_embeddings} {str(case['stored'])[6:]} {config.rope_parameters}", flush=True)
    nightjar("catalogue", "import", "--sids", f"{at}/sids.npy", "--codes-per-level", str(case["K"]), "--token-base", str(case["base"]),
             "--out", f"{at}/cat")
    nightjar("bundle", "pack", "--model", f"{at}/model", "--catalogue", f"{at}/cat", "--template", f"{at}/template.json",
             "--history-max", str(most), "--no-pairing-check", "--out", f"{at}/b.njb")
    W = min(len(sids), dice.choice([2, 10, 20, 50] if case["prompt"] < 1000 else [2, 5]))  # Transformers repeats the prompt W times
    lists = nightjar("decode", "--bundle", f"{at}/b.njb", "--users", f"{at}/users.txt", "--beam", str(W), "--top", str(W), "--keep-history")
    model = AutoModelForCausalLM.from_pretrained(f"{at}/model", dtype=torch.float64, attn_implementation="eager").eval()
    tokens_of = lambda item: [case["base"] + level * case["K"] + code for level, code in enumerate(sids[int(item)])]
    children = {}
    for row in range(len(sids)):
        tokens = tokens_of(row)
        for level, token in enumerate(tokens):
            children.setdefault(tuple(tokens[:level]), set()).add(token)
    children = {key: sorted(tokens) for key, tokens in children.items()}
    worst, longest = 0.0, 0
    for line in lists.splitlines():
        entry = json.loads(line)
        prompt = list(template["before"])
        for place, item in enumerate(histories[int(entry["user"][1:])]):
            prompt += (template["between"] if place > 0 else []) + tokens_of(item)
        prompt += template["after"]
        longest = max(longest, len(prompt))
        worst = compare(entry, search(model, case, prompt, children, W), tokens_of, worst)
    print(f"{seed}: {len(histories)} lists of {W}, longest prompt {longest}, worst difference {worst:.2g} of the tolerance", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    failed = []
    for seed in sys.argv[2:]:
        try:
            run_case(sys.argv[1], int(seed))
        except AssertionError as error:
            failed.append(seed)
            print(f"{seed}: FAILED {error}", flush=True)
    sys.exit(f"failed: {' '.join(failed)}" if failed else 0)
