"""Makes tests/data/llara: a small Llama with a LoRA adapter of PEFT, a projector, vectors of items, prompts, users, and what it answers.

  make_llara.py OUT-DIR   written with torch 2.15, transformers 5.23, peft 0.19.1; the model's parts: tests/parity/text_reference.py

  model/          config.json, model.safetensors (bfloat16), tokenizer.json; random weights
  lora/           adapter_config.json, adapter_model.safetensors
  projector.safetensors, vectors.npy [N, 12]   the vector of the last item is zero: nobody has bought it
  items.tsv       item_id and title; two have the same title
  NAME.yaml       a prompt (schemas/prompt.md), NAME.users.jsonl its users, NAME.W.jsonl what `nightjar decode --beam W` says, with the
                  prompts' tokens and whether the end was reached; runs.json says how wide and how many items
"""
import json
import os
import random
import sys

import numpy
import torch
import yaml
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "parity"))
sys.path.insert(0, os.path.join(HERE, "tokenizers"))
import text_reference as reference
from make import llama2, sentencepieces

SEED, C, D, ITEMS = 5, 12, 32, 80
MOVIE = ("This user has watched {history} in the previous. Please predict the next movie this user will watch. The movie title candidates are "
         "{candidates}. Choose only one movie from the candidates. The answer is")
TASKS = {
    # Liao et al. 2024, table 2: the vector behind the title, as their code has it
    "movie": dict(prompt=MOVIE, item="{title} {vector}", separator=", ", answer=dict(kind="item", item="{title}", lead=" ")),
    # in front of it, as their drawing has it; any movie may be answered
    "open": dict(prompt="This user has watched {history} in the previous. The answer is", item="{vector} {title}", separator=", ",
                 answer=dict(kind="item", item="{title}", lead=" ", length_penalty=0.6, early_stopping=True)),
    # a list, without vectors
    "list": dict(prompt="After {history} this user will watch", item="{title}", separator="; ",
                 answer=dict(kind="list", item="{title}", lead=" ", separator="; ", count=2, tokens=60)),
    # free text, with a vector of the items that are asked about
    "why": dict(prompt="User {user} says: {text} Tell why he likes {candidates}:", item="{title} {vector}",
                answer=dict(kind="text", tokens=12)),
}
RUNS = [dict(prompt="movie", beam=12, top=4), dict(prompt="movie", beam=1, top=1), dict(prompt="open", beam=20, top=5),
        dict(prompt="list", beam=6, top=2), dict(prompt="why", beam=4, top=1), dict(prompt="why", beam=1, top=1)]


def read_titles():
    demo = os.path.join(HERE, "..", "..", "ops", "demo-data")
    with open(f"{demo}/items.tsv", encoding="utf-8") as file:
        rows = [line.split("\t")[:2] for line in file][1:]
    dice = random.Random(SEED)
    rows = dice.sample(rows, ITEMS)
    rows[70][1] = rows[12][1]  # two with the same title
    rows[20][1] = rows[12][1] + ": The Return"  # and one that goes on behind it
    rows[33][1] = "Caf\u00e9 \u4e0d\u601d\u8b70"  # characters that only bytes can say
    return rows


def make_tokenizer(folder, rows):
    lines = [title for _, title in rows] * 3 + [task["prompt"] for task in TASKS.values()] * 8
    model = sentencepieces(lines, folder, "tokenizer", 560, model_type="bpe", byte_fallback=True, normalization_rule_name="identity",
                           remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True)
    llama2(model, folder, "tokenizer", False)
    os.remove(f"{folder}/tokenizer.model")
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.decoder = reference.LLAMA_DECODER
    tokenizer.save(f"{folder}/tokenizer.json", pretty=False)


def make_model(out, tokens):
    torch.manual_seed(SEED)
    config = LlamaConfig(vocab_size=tokens.size + 7, hidden_size=D, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=0,
                         tie_word_embeddings=False, initializer_range=0.2)
    model = LlamaForCausalLM(config)
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, 0.8, 0.2)
    model.to(torch.bfloat16).save_pretrained(f"{out}/model")
    os.path.exists(f"{out}/model/generation_config.json") and os.remove(f"{out}/model/generation_config.json")
    model = LlamaForCausalLM.from_pretrained(f"{out}/model", dtype=torch.float32)
    adapter = get_peft_model(model, LoraConfig(r=4, lora_alpha=12, lora_dropout=0.1, target_modules=["q_proj", "v_proj", "down_proj"]))
    for name, parameter in adapter.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, 0, 0.12)
    adapter.save_pretrained(f"{out}/lora")
    os.remove(f"{out}/lora/README.md")
    config = json.load(open(f"{out}/lora/adapter_config.json"))
    config.update(base_model_name_or_path=None, target_modules=sorted(config["target_modules"]))
    json.dump(config, open(f"{out}/lora/adapter_config.json", "w"))
    values = {"mlp_proj.0.weight": torch.randn(D, C) * 0.5, "mlp_proj.0.bias": torch.randn(D) * 0.3, "mlp_proj.2.weight": torch.randn(D, D) * 0.2,
              "mlp_proj.2.bias": torch.randn(D) * 0.2}
    save_file(values, f"{out}/projector.safetensors")
    vectors = torch.randn(ITEMS, C).numpy().astype(numpy.float32)
    vectors[-1] = 0
    numpy.save(f"{out}/vectors.npy", vectors)


def open_model(out):
    model = LlamaForCausalLM.from_pretrained(f"{out}/model", dtype=torch.float64, attn_implementation="eager")
    model = PeftModel.from_pretrained(model, f"{out}/lora").double().eval()
    tensors = load_file(f"{out}/projector.safetensors")
    projector = [tensors[f"mlp_proj.{name}"] for name in ("0.weight", "0.bias", "2.weight", "2.bias")]
    return reference.Llara(model, projector, numpy.load(f"{out}/vectors.npy"))


def make_users(dice, rows, task):
    names = [name for name, _ in rows]
    equal = [rows[12][0], rows[70][0], rows[20][0]]
    users = []
    for number in range(8):
        user = {"user": f"reader-{dice.randrange(9999)}", "items": dice.sample(names, dice.randint(1, 7))}
        if task in ("movie", "why"):
            user["candidates"] = dice.sample([name for name in names if name not in user["items"]], dice.randint(2, 12))
        if task == "why":
            user["items"] = []
            user["text"] = dice.choice(["it was long, and good.", "caf\u00e9 \u4e0d!", "Two  spaces \u2014 and a dash.", "x"])
        users.append(user)
    if task == "movie":
        users[0].update(items=[names[-1], names[0]], candidates=equal + [names[1], names[2]])
        users[1].update(items=[equal[0], names[3]], candidates=[equal[1], names[-1], names[5]])
        users[2].update(items=[names[4]], candidates=[equal[1], equal[0]])
    elif task == "open":
        users[0].update(items=[names[-1], "never-seen", equal[0]])
        users[1].update(items=[names[-1]])
    return users


def main():
    out = sys.argv[1]
    os.makedirs(f"{out}/model", exist_ok=True)
    rows = read_titles()
    with open(f"{out}/items.tsv", "w", encoding="utf-8") as file:
        file.write("item_id\ttitle\n" + "".join(f"{name}\t{title}\n" for name, title in rows))
    make_tokenizer(f"{out}/model", rows)
    tokens, items = reference.JsonTokens(f"{out}/model/tokenizer.json"), reference.Items(f"{out}/items.tsv")
    make_model(out, tokens)
    model = open_model(out)
    dice = random.Random(SEED + 2)
    prompts, users = {}, {}
    for name, task in TASKS.items():
        with open(f"{out}/{name}.yaml", "w", encoding="utf-8") as file:
            yaml.safe_dump(task, file, sort_keys=False, allow_unicode=True, width=1000)
        prompts[name] = reference.Prompt(f"{out}/{name}.yaml", tokens, items)
        users[name] = make_users(dice, rows, name)
        reference.save_users(f"{out}/{name}.users.jsonl", users[name])
    for run in RUNS:
        name = run["prompt"]
        reference.save_answers(f"{out}/{name}.{run['beam']}.jsonl", model, prompts[name], users[name], run["beam"], run["top"])
    json.dump(RUNS, open(f"{out}/runs.json", "w"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
