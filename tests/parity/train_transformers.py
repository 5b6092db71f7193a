"""Scores of nightjar's lists against the same model in Transformers: MODEL_DIR USERS DATA_DIR LISTS."""
import json
import sys

import numpy
import torch
from transformers import T5ForConditionalGeneration

TOLERANCE = 2e-4  # of a sum of three log-probabilities, both in float32
USERS = 60
CODES = 16

folder, users_path, data, lists_path = sys.argv[1:]
config = json.load(open(f"{folder}/config.json"))
nightjar = config["nightjar"]
template = nightjar["template"]
base = nightjar["token_base"]
ids = {line.strip(): row for row, line in enumerate(open(f"{data}/items.txt"))}
sids = numpy.load(f"{data}/sids.npy").astype(int)
tokens_of = lambda item: [base + level * CODES + code for level, code in enumerate(sids[ids[item]])]

model, info = T5ForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
model.eval()
missing = [key for key in info["missing_keys"] if "embed_tokens" not in key and key != "lm_head.weight"]
assert not missing and not info["unexpected_keys"], info
untied = not config["tie_word_embeddings"]
assert torch.equal(model.lm_head.weight, model.shared.weight) != untied, "head and embedding: tied where they are not, or not"

histories = {}
for line in open(users_path):
    user, *items = line.split()
    histories[user] = [item for item in items if item in ids][-nightjar["history_max"]:]

worst = compared = 0
with torch.no_grad():
    for line in list(open(lists_path))[:USERS]:
        entry = json.loads(line)
        history = histories[entry["user"]]
        if not history:
            continue  # a cold user's list comes from no model
        read = list(template["before"])
        for place, item in enumerate(history):
            read += (template["between"] if place > 0 else []) + tokens_of(item)
        read += template["after"]
        labels = torch.tensor([tokens_of(item) for item in entry["items"]])
        logits = model(input_ids=torch.tensor([read]).expand(len(labels), -1), labels=labels).logits
        scores = torch.log_softmax(logits.double(), -1).gather(-1, labels[..., None]).sum((1, 2))
        worst = max(worst, float((scores - torch.tensor(entry["scores"], dtype=torch.float64)).abs().max()))
        compared += len(labels)
print(f"{folder}: {compared} scores, largest difference {worst:.2g}")
assert compared > 500 and worst < TOLERANCE
