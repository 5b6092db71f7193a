"""Makes tests/data/p5: a small P5 (T5 with whole words) that has learned its tasks a little, their prompts, users, and what it answers.

  make_p5.py OUT-DIR      written with torch 2.15, transformers 5.23, sentencepiece 0.2.3; the model's parts: tests/parity/text_reference.py

  model/       config.json, model.safetensors (float16), spiece.model, tokenizer_config.json
  items.tsv    item_id and title; two have the same title
  NAME.yaml    a task's prompt (schemas/prompt.md), NAME.users.jsonl its users, NAME.W.jsonl what `nightjar decode --beam W` says, with the
               prompts' tokens and whether the end was reached; runs.json says how wide and how many items
"""
import json
import os
import random
import shutil
import sys

import torch
import yaml
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5ForConditionalGeneration

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "parity"))
sys.path.insert(0, os.path.join(HERE, "tokenizers"))
import text_reference as reference
from make import sentencepieces

SEED, WORDS, STEPS = 11, 128, 1500
RULES = {"\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "\u3000": " ", "\ufb01": "fi", "\u2460": "1", "e\u0301": "\u00e9"}
TASKS = {  # after the templates of P5's five families
    "rating": dict(prompt="Which star rating will user_{user} give item_{candidates} ? \n ( 1 being lowest and 5 being highest )",
                   item="{id}", answer=dict(kind="text", tokens=6)),
    "sequential": dict(prompt="Given the following purchase history of user_{user} : \n {history} \n predict next possible item to be purchased "
                              "by the user ?", item="{id}", separator=" -> ", answer=dict(kind="item", item="{id}")),
    "explanation": dict(prompt="Generate an explanation for user_{user} about this product : {candidates}", candidate="{title}",
                        answer=dict(kind="text", tokens=12, early_stopping=True)),
    "review": dict(prompt="Give a short sentence describing the following product review from user_{user} : \n {text}",
                   answer=dict(kind="text", tokens=16, length_penalty=0.5)),
    "direct": dict(prompt="Pick the most suitable item from the following list and recommend to user_{user} : \n {candidates}", item="{title}",
                   separator=" , ", answer=dict(kind="item", item="{title}", length_penalty=0.0)),
    "topk": dict(prompt="We want to make recommendations for user_{user} who bought {history} . List {{3}} items :", item="item_{id}",
                 separator=" , ", answer=dict(kind="list", item="{id}", separator=" , ", count=3, tokens=40)),
}
RUNS = [dict(prompt="rating", beam=4, top=1), dict(prompt="sequential", beam=10, top=5), dict(prompt="sequential", beam=1, top=1),
        dict(prompt="explanation", beam=4, top=1), dict(prompt="explanation", beam=1, top=1), dict(prompt="review", beam=4, top=1),
        dict(prompt="direct", beam=12, top=5), dict(prompt="topk", beam=8, top=3), dict(prompt="topk", beam=1, top=3)]
WORDS_OF_REVIEWS = "good bad soft bright crème old new very quite strong weak lamp story ending paper cover price".split()


def read_shop():
    demo = os.path.join(HERE, "..", "..", "ops", "demo-data")
    with open(f"{demo}/items.tsv", encoding="utf-8") as file:
        titles = [line.split("\t")[1] for line in file][1:]
    dice = random.Random(SEED)
    chosen = dice.sample(titles, 59)
    numbers = [7, 70, 705, 7051] + dice.sample(range(10, 7000), 56)  # some are the beginning of others
    chosen.insert(30, chosen[9])
    return [(str(number), title) for number, title in zip(numbers, chosen)]


def make_user(dice, items, name):
    first = dice.randrange(len(items))
    history = [items[(first + step * dice.choice([1, 2])) % len(items)][0] for step in range(dice.randint(1, 9))]
    user = {"user": str(name), "items": history}
    return user


def make_example(dice, items, task, name):
    """A user of a task, and what a model may learn to answer."""
    user = make_user(dice, items, name)
    titles = dict(items)
    pick = lambda count: [item for item, _ in dice.sample(items, count)]
    words = dice.sample(WORDS_OF_REVIEWS, 2)
    if task == "rating":
        user.update(items=[], candidates=pick(1))
        return user, str(1 + int(user["candidates"][0]) % 5)
    if task == "explanation":
        user.update(items=[], candidates=pick(1))
        return user, f"{words[0]} {titles[user['candidates'][0]].split(',')[0]}"
    if task == "review":
        user.update(items=[], text=" ".join(["This is a", words[0], words[1], "and I like the", dice.choice(WORDS_OF_REVIEWS)]))
        return user, " ".join(words)
    if task == "direct":
        user.update(items=[], candidates=pick(dice.randint(2, 12)))
        return user, titles[user["candidates"][-1]]
    numbers = [item for item, _ in items]
    place = numbers.index(user["items"][-1])
    following = [numbers[(place + step) % len(numbers)] for step in (1, 2, 3)]
    return user, following[0] if task == "sequential" else " , ".join(following)


def make_tokenizer(folder, items):
    lines = [title for _, title in items] + [number for number, _ in items] + [str(n) for n in range(0, 9999, 37)]
    lines += [task["prompt"] for task in TASKS.values()] * 8 + WORDS_OF_REVIEWS * 4 + ["user_12 , item_34 , item_56 ->"] * 20
    with open("rules.tsv", "w") as rules:
        for left, right in RULES.items():
            rules.write(" ".join(f"{ord(c):X}" for c in left) + "\t" + " ".join(f"{ord(c):X}" for c in right) + "\n")
    model = sentencepieces(lines, folder, "spiece", 420, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
                           normalization_rule_tsv="rules.tsv")
    os.remove("rules.tsv")
    for name in ("input", "model_prefix"):  # folders of whoever makes it
        model.trainer_spec.ClearField(name)
    model.normalizer_spec.ClearField("normalization_rule_tsv")
    with open(f"{folder}/spiece.model", "wb") as file:
        file.write(model.SerializeToString())
    with open(f"{folder}/tokenizer_config.json", "w") as file:
        json.dump({"tokenizer_class": "T5Tokenizer", "extra_ids": 100}, file)


def make_model(folder, tokens, prompts, items):
    torch.manual_seed(SEED)
    dice = random.Random(SEED + 1)
    config = T5Config(vocab_size=tokens.size + 6, d_model=40, d_kv=8, num_heads=4, d_ff=64, num_layers=2, num_decoder_layers=2,
                      dropout_rate=0.0, decoder_start_token_id=0, eos_token_id=1, pad_token_id=0, feed_forward_proj="relu",
                      relative_attention_num_buckets=16, relative_attention_max_distance=64)
    model = T5ForConditionalGeneration(config)
    words = torch.nn.Parameter(torch.randn(WORDS, config.d_model))
    steps = torch.optim.AdamW(list(model.parameters()) + [words], lr=4e-3)
    slower = torch.optim.lr_scheduler.OneCycleLR(steps, 4e-3, STEPS)
    for step in range(STEPS):
        rows = []
        for name in range(16):
            task = dice.choice(list(TASKS))
            user, target = make_example(dice, items, task, dice.randrange(1, 3000))
            ids, _ = prompts[task].write(user)
            rows.append((ids, [min(word, WORDS - 1) for word in reference.number_words(tokens, ids)], tokens.encode(target)))
        pad = lambda column, fill: torch.tensor([row[column] + [fill] * (max(len(r[column]) for r in rows) - len(row[column])) for row in rows])
        ids, numbers, labels = pad(0, 0), pad(1, 0), pad(2, -100)
        values = model.get_input_embeddings()(ids) + words[numbers]
        loss = model(inputs_embeds=values, attention_mask=(ids != 0).long(), labels=labels).loss
        steps.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        steps.step()
        slower.step()
    print("loss", loss.item())
    model.half().save_pretrained(folder)
    os.path.exists(f"{folder}/generation_config.json") and os.remove(f"{folder}/generation_config.json")
    tensors = load_file(f"{folder}/model.safetensors")
    tensors["encoder.whole_word_embeddings.weight"] = words.detach().half().contiguous()
    save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})


def open_model(folder):
    words = load_file(f"{folder}/model.safetensors")["encoder.whole_word_embeddings.weight"]
    return reference.P5(T5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager"), words)


def make_users(dice, items, task):
    users = [make_example(dice, items, task, name)[0] for name in [15466, 7] + dice.sample(range(1, 9000), 8)]
    users[1]["user"] = "anna b\u00e9" if task == "rating" else "u-7"
    if task == "direct":
        titles = [title for _, title in items]
        equal = [number for number, title in items if titles.count(title) > 1]
        users[0]["candidates"] = equal + users[0]["candidates"]
        users[1]["candidates"] = [equal[1]] + users[1]["candidates"]
    if task == "sequential":
        users[2]["items"].insert(1, "no-such-item")
        users[3]["items"] = ["70"]
        users[4]["items"] = ["705", "7051", "7"]
    if task == "review":
        users[2]["text"] = "  Soft\u00a0\u00a0and\tbright\nlamp , \u4e0d \U0001f642  "
    return users


def main():
    out = sys.argv[1]
    model = f"{out}/model"
    os.makedirs(model, exist_ok=True)
    shop = read_shop()
    with open(f"{out}/items.tsv", "w", encoding="utf-8") as file:
        file.write("item_id\ttitle\n" + "".join(f"{number}\t{title}\n" for number, title in shop))
    make_tokenizer(model, shop)
    tokens, items = reference.T5Tokens(model), reference.Items(f"{out}/items.tsv")
    for name, task in TASKS.items():
        with open(f"{out}/{name}.yaml", "w", encoding="utf-8") as file:
            yaml.safe_dump(task, file, sort_keys=False, allow_unicode=True, width=1000)
    prompts = {name: reference.Prompt(f"{out}/{name}.yaml", tokens, items) for name in TASKS}
    if not os.path.exists(f"{model}/model.safetensors"):  # one that is there stays: training takes a minute
        make_model(model, tokens, prompts, shop)
    model = open_model(model)
    dice = random.Random(SEED + 2)
    users = {name: make_users(dice, shop, name) for name in TASKS}
    for name in TASKS:
        reference.save_users(f"{out}/{name}.users.jsonl", users[name])
    for run in RUNS:
        name = run["prompt"]
        reference.save_answers(f"{out}/{name}.{run['beam']}.jsonl", model, prompts[name], users[name], run["beam"], run["top"])
    json.dump(RUNS, open(f"{out}/runs.json", "w"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
