"""Random small text models of every kind: nightjar's answers against PyTorch's (text_reference.py).

Usage: text_models_transformers.py FOLDER SEED...   Each seed is one model, tokenizer, table of items, prompt and some users.
"""
import json
import os
import random
import shutil
import subprocess
import sys
import warnings

import numpy
import torch
import yaml
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM, T5Config,
                          T5ForConditionalGeneration)

import text_reference as reference

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
LANGUAGE_MODELS = [(LlamaForCausalLM, LlamaConfig), (Qwen2ForCausalLM, Qwen2Config), (Qwen3ForCausalLM, Qwen3Config)]
# file, token that ends an answer
T5_TOKENIZERS = [("p5/model", "</s>"), ("tokenizers/t5-new.json", "</s>"), ("tokenizers/t5-old.json", "</s>")]
TOKENIZERS = [("llara/model/tokenizer.json", "</s>"), ("tokenizers/llama2-new.json", "</s>"), ("tokenizers/llama2-old.json", "</s>"),
              ("tokenizers/llama3.json", "<|end|>"), ("tokenizers/qwen2.json", "<|end|>"), ("tokenizers/qwen3.5.json", "<|im_start|>"),
              ("tokenizers/gpt2.json", "<|end|>")]
# Without "naïve", which the byte-level files have as an added token that takes the space behind it: ops/handbook/text-models.md.
WORDS = ("Red Lantern Iron Rails Verger volume part The Final Shore naïf crème 東京 50 7 705 Gel a of and Café Oil-free 3in1 ж x "
         "Exfoliating Wire Room").split()
ENDS = [" ", ": ", " : \n ", ", ", ". ", " -> ", " ?", " of user_", " [", "] ", "\n"]


def make_items(dice, path):
    count = dice.choice([2, 5, 40, 150])
    rows, seen = [], set()
    while len(rows) < count:
        name = dice.choice([str(dice.randrange(1, 9000)), f"item-{dice.randrange(9999)}", f"{dice.choice(WORDS).lower()}{dice.randrange(99)}"])
        title = " ".join(dice.choices(WORDS, k=dice.choice([1, 1, 2, 3, 5])))
        if name not in seen:
            seen.add(name)
            rows.append((name, title))
    with open(path, "w", encoding="utf-8") as file:
        file.write("item_id\ttitle\n" + "".join(f"{name}\t{title}\n" for name, title in rows))
    return [name for name, _ in rows]


def make_prompt(dice, vectors, kind):
    words = lambda: " ".join(dice.choices(WORDS, k=dice.randint(1, 6)))
    places = ["{history}"] if kind == "sid" or kind != "text" and dice.random() < 0.8 else dice.choice([["{candidates}"], ["{history}"], []])
    places += [place for place in ("{user}", "{text}", "{candidates}")[: 2 if kind == "sid" else 3] if place not in places and dice.random() < 0.4]
    dice.shuffle(places)
    prompt = words() + dice.choice(ENDS)
    for place in places:
        prompt += place + dice.choice(ENDS) + dice.choice([words(), ""]) + dice.choice(ENDS)
    column = dice.choice(["{title}", "{id}", "{id} ({title})"])
    if kind == "sid":
        column = dice.choice(["{sid}", "{sid} {title}", "{title} [{sid}]"])
    shown = column if not vectors else dice.choice([column + " {vector}", "{vector} " + column, "{vector}", column + "{vector}"])
    answer = dict(kind=kind)
    if kind != "sid":
        answer.update(length_penalty=dice.choice([0.0, 0.5, 1.0, 1.0, 2.0, -0.5]), early_stopping=dice.choice([False, True, "never"]))
    if kind in ("item", "list"):
        answer.update(item=dice.choice(["{title}", "{id}"]), lead=dice.choice([" ", "", "is "]))
    if kind == "text":
        answer["tokens"] = dice.choice([1, 7, 30, 60])
    if kind == "list":
        answer.update(separator=dice.choice([", ", " | ", "; "]), count=dice.choice([1, 2, 4]), tokens=90)
    keys = dict(prompt=(prompt.rstrip() if dice.random() < 0.7 else prompt), item=shown, separator=dice.choice([", ", " -> ", "; "]),
                answer=answer)
    if dice.random() < 0.3:
        keys["candidate"] = column
    if dice.random() < 0.3:
        keys["special"] = dice.choice([True, False])
    return keys


def make_users(dice, names, keys):
    users = []
    for number in range(5):
        user = {"user": dice.choice([f"u{number}", f"reader {number} é", str(number * 7919)]), "items": []}
        if "{history}" in keys["prompt"] or dice.random() < 0.3:
            user["items"] = dice.choices(names, k=dice.randint(1, 8)) + (["unknown"] if dice.random() < 0.2 else [])
        if "{candidates}" in keys["prompt"] or keys["answer"]["kind"] in ("item", "list") and dice.random() < 0.2:
            user["candidates"] = dice.sample(names, min(len(names), dice.randint(1, 30)))
        if "{text}" in keys["prompt"]:
            user["text"] = " ".join(dice.choices(WORDS + ["  ", "\n", "!", "🙂", "(b)"], k=dice.randint(1, 12)))
        if dice.random() < 0.2 and keys["answer"]["kind"] != "sid":
            user["exclude"] = dice.choices(names, k=2)
        users.append(user)
    return users


# Codes of items as tokens behind the tokenizer's own, and the catalogue that has them.
def make_sids(dice, at, names, base):
    L = dice.choice([1, 2, 4])
    K = max(4, int(len(names) ** (1 / L)) + 2)
    codes = dice.sample(range(K**L), len(names))
    sids = [[code // K**level % K for level in range(L)] for code in codes]
    numpy.save(f"{at}/sids.npy", numpy.array(sids, dtype=numpy.int32))
    with open(f"{at}/ids.txt", "w") as file:
        file.writelines(name + "\n" for name in names)
    nightjar("catalogue", "import", "--sids", f"{at}/sids.npy", "--ids", f"{at}/ids.txt", "--codes-per-level", str(K), "--token-base", str(base),
             "--out", f"{at}/cat")
    return [[base + level * K + code for level, code in enumerate(sid)] for sid in sids], base + L * K


# Ids that were made elsewhere: one token an item, as atomic ids have it, or some.
def make_ids(dice, at, names, size):
    atomic = dice.random() < 0.5
    tokens = lambda row, most: [size + row] if atomic else [dice.randrange(size, size + 40) for _ in range(dice.randint(1, most))]
    made = [{"prompt": tokens(row, 4), "answer": tokens(row, 3)} for row in range(len(names))]
    with open(f"{at}/ids.jsonl", "w") as file:
        file.writelines(json.dumps(dict(item=name, **ids)) + "\n" for name, ids in zip(names, made))
    return made, size + max(len(names), 40)


def make_t5(dice, at, size, end):
    H, E = dice.choice([1, 2, 3]), dice.choice([4, 8, 14])
    config = T5Config(vocab_size=size + dice.choice([0, 3]), d_model=dice.choice([16, 40]), d_kv=E, num_heads=H, d_ff=dice.choice([24, 70]),
                      num_layers=dice.choice([1, 2]), num_decoder_layers=dice.choice([1, 3]), dropout_rate=0.0, decoder_start_token_id=0,
                      eos_token_id=end, pad_token_id=0, feed_forward_proj=dice.choice(["relu", "gated-gelu"]), initializer_factor=dice.choice([1.0, 1.5]),
                      relative_attention_num_buckets=16, relative_attention_max_distance=32, n_positions=8192, tie_word_embeddings=dice.random() < 0.5)
    model = T5ForConditionalGeneration(config)
    model.save_pretrained(f"{at}/model")
    words = None
    if dice.random() < 0.7:
        words = torch.randn(600, config.d_model)
        tensors = load_file(f"{at}/model/model.safetensors")
        save_file(dict(tensors, **{"encoder.whole_word_embeddings.weight": words}), f"{at}/model/model.safetensors", metadata={"format": "pt"})
    model = T5ForConditionalGeneration.from_pretrained(f"{at}/model", dtype=torch.float64, attn_implementation="eager")
    return reference.P5(model, words), []


def make_projector(dice, at, D, names):
    C, middle = dice.choice([3, 12, 64]), dice.choice([D, 20])
    shapes = {"0.weight": (middle, C), "0.bias": (middle,), "2.weight": (D, middle), "2.bias": (D,)}
    values = {name: torch.randn(*shape) * 0.4 for name, shape in shapes.items()}
    head = dice.choice(["", "projector.", "mlp_proj."])
    save_file({head + name: value for name, value in values.items()}, f"{at}/projector.safetensors")
    vectors = numpy.random.default_rng(dice.randrange(1000)).normal(size=(len(names), C)).astype(numpy.float32)
    vectors[dice.randrange(len(names))] = 0
    order = list(range(len(names)))
    dice.shuffle(order)
    numpy.save(f"{at}/vectors.npy", vectors[order])
    with open(f"{at}/vectors.txt", "w") as file:
        file.writelines(names[row] + "\n" for row in order)
    return list(values.values()), vectors


def make_language_model(dice, at, size, end, names, vectors):
    kind, config_of = dice.choice(LANGUAGE_MODELS)
    H, E = dice.choice([2, 4]), dice.choice([6, 8, 16])
    keys = dict(vocab_size=size + dice.choice([0, 5]), hidden_size=dice.choice([24, 40]), intermediate_size=dice.choice([20, 56]),
                num_hidden_layers=dice.choice([1, 2]), num_attention_heads=H, num_key_value_heads=dice.choice([1, H]), head_dim=E,
                max_position_embeddings=4096, tie_word_embeddings=dice.random() < 0.5, bos_token_id=None, eos_token_id=end, pad_token_id=0,
                initializer_range=0.2)
    model = kind(config_of(**keys))
    model.to(dice.choice([torch.float32, torch.bfloat16])).save_pretrained(f"{at}/model")
    options = []
    if dice.random() < 0.5:
        model = kind.from_pretrained(f"{at}/model", dtype=torch.float32)
        targets = dice.sample(["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], dice.randint(1, 7))
        adapter = get_peft_model(model, LoraConfig(r=dice.choice([1, 4, 9]), lora_alpha=dice.choice([1, 16, 7.5]), target_modules=targets,
                                                   use_rslora=dice.random() < 0.3,
                                                   modules_to_save=dice.choice([None, None, None if keys["tie_word_embeddings"] else ["lm_head"]])))
        for name, parameter in adapter.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                torch.nn.init.normal_(parameter, 0, 0.15)
        adapter.save_pretrained(f"{at}/lora")
        options += ["--lora", f"{at}/lora"]
    projector = values = None
    if vectors:
        projector, values = make_projector(dice, at, keys["hidden_size"], names)
        options += ["--projector", f"{at}/projector.safetensors", "--collaborative", f"{at}/vectors.npy", "--collaborative-ids",
                    f"{at}/vectors.txt"]
    model = kind.from_pretrained(f"{at}/model", dtype=torch.float64, attn_implementation="eager")
    if options and options[0] == "--lora":
        model = PeftModel.from_pretrained(model, f"{at}/lora")
    return reference.Llara(model, projector, values), options


def nightjar(*arguments):
    done = subprocess.run(["nightjar", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"nightjar {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}"
    return done.stdout


def compare(said, expected, top):
    assert said["user"] == expected["user"], (said["user"], expected["user"])
    assert said.get("text") == expected.get("text"), f"text {said.get('text')!r}, expected {expected.get('text')!r}"
    wanted = list(zip(expected["items"], expected["scores"]))[:top]
    scores = dict(zip(expected["items"], expected["scores"]))
    assert len(said["items"]) == len(wanted), f"{said['items']} for {wanted}"
    for (item, score), (other, near) in zip(zip(said["items"], said["scores"]), wanted):
        tolerance = 2e-4 + 2e-5 * abs(near)
        assert abs(score - near) <= tolerance and (item == other or abs(scores.get(item, 1e9) - near) <= tolerance), \
            f"user {said['user']}: {item} {score}, expected {other} {near}"


def run_case(folder, seed):
    dice = random.Random(seed)
    torch.manual_seed(seed)
    at = f"{folder}/{seed}"
    os.makedirs(f"{at}/model")
    names = make_items(dice, f"{at}/items.tsv")
    is_t5 = dice.random() < 0.5
    vectors = not is_t5 and dice.random() < 0.6
    name, end_text = dice.choice(T5_TOKENIZERS if is_t5 else TOKENIZERS)
    path = f"{DATA}/{name}"
    tokens = reference.T5Tokens(path) if os.path.isdir(path) else reference.JsonTokens(path)
    kind = dice.choice(["item", "item", "list", "text", "sid"])
    sids, made, size = None, None, tokens.size
    keys = make_prompt(dice, vectors, kind)
    shown = (keys["item"] if "{history}" in keys["prompt"] else "") + (
        keys.get("candidate", keys["item"]) if "{candidates}" in keys["prompt"] else "")
    vectors = "{vector}" in shown
    if not vectors:
        keys["item"] = keys["item"].replace("{vector}", "").strip() or "{id}"
    if dice.random() < 0.5 and kind != "sid":
        keys["answer"]["end"] = end_text
    with open(f"{at}/prompt.yaml", "w", encoding="utf-8") as file:
        yaml.safe_dump(keys, file, sort_keys=False, allow_unicode=True, width=1000)
    users = make_users(dice, names, keys)
    reference.save_users(f"{at}/users.jsonl", {user["user"]: user for user in users}.values())
    end = tokens.id_of(end_text)
    if kind == "sid":
        sids, size = make_sids(dice, at, names, tokens.size)
    elif not vectors and dice.random() < 0.2:
        made, size = make_ids(dice, at, names, tokens.size)
    model, options = make_t5(dice, at, size, end) if is_t5 else make_language_model(dice, at, size, end, names, vectors)
    options += ["--catalogue", f"{at}/cat"] if sids else ["--token-ids", f"{at}/ids.jsonl"] if made else []
    items = reference.Items(f"{at}/items.tsv", sids, made)
    prompt = reference.Prompt(f"{at}/prompt.yaml", tokens, items, end_text)
    W = dice.choice([1, 2, 5, 12])
    print(f"{seed}: {'t5' if is_t5 else model.model.config.model_type} {name} {kind} W={W} {len(names)} items {' '.join(options[::2])} "
          f"{json.dumps(keys, ensure_ascii=False)}", flush=True)
    expected, top = [], W
    for user in {user["user"]: user for user in users}.values():
        try:
            answer, _ = reference.answer(model, prompt, user, W, keep_history=kind == "sid")
        except reference.Unclear:
            answer = None
        expected.append(answer)
        if answer is None:
            continue
        if kind in ("item", "sid") and len(answer["items"]) < len(prompt.allowed_rows(user, kind == "sid")):
            top = max(1, min(top, len(answer["items"])))
    top = keys["answer"].get("count", 1) if kind == "list" else top
    said = nightjar("bundle", "pack", "--model", f"{at}/model", "--prompt", f"{at}/prompt.yaml", "--tokenizer", path, "--items", f"{at}/items.tsv",
                    *options, "--out", f"{at}/b.njb")
    lines = nightjar("decode", "--bundle", f"{at}/b.njb", "--users", f"{at}/users.jsonl", "--beam", str(W), "--top", str(top),
                     *(["--keep-history"] if kind == "sid" else [])).rstrip("\n").split("\n")  # which its search leaves out afterwards
    assert len(lines) == len(expected), f"{len(lines)} rows for {len(expected)} users"
    asked = [(line, answer) for line, answer in zip(lines, expected) if answer is not None]
    for line, answer in asked:
        compare(json.loads(line), answer, top)
    print(f"{seed}: {len(asked)} answers agree {said.strip()[-120:]!r}", flush=True)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    failed = []
    for seed in sys.argv[2:]:
        try:
            run_case(sys.argv[1], int(seed))
            shutil.rmtree(f"{sys.argv[1]}/{seed}")
        except AssertionError as error:
            failed.append(seed)
            print(f"{seed}: FAILED {error}", flush=True)
    sys.exit(f"failed: {' '.join(failed)}" if failed else 0)
