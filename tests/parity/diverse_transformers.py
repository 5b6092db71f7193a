"""Lists of Transformers' group beam search (4.49, which still has it) under the trie of a small T5: FOLDER...

FOLDER is a beam set of tests/data (README there): model/, sids.npy, histories.txt, about.json. Writes diverse_W_G_tokens.npy
[users, W, L] and diverse_W_G_scores.npy [users, W] beside them, the scores with their penalties, in the order of falling scores; a
leaf that two groups found stands there twice. Logits are computed in float64 from the float32 weights, the search is float32.

    python3 -m venv v && v/bin/pip install torch transformers==4.49.0 && v/bin/python tests/parity/diverse_transformers.py tests/data/t5-*
"""
import json
import sys

import numpy
import torch
from safetensors.torch import load_file
from transformers import T5Config, T5ForConditionalGeneration

CASES = [(8, 4, 0.5), (12, 3, 1.5), (20, 2, 1.0)]  # beams, groups, penalty: tests/parity/test_diverse.c has the same
USERS = 20


def open_model(folder):
    config = T5Config.from_pretrained(f"{folder}/model")
    assert json.load(open(f"{folder}/model/config.json"))["scale_decoder_outputs"] is False
    config.tie_word_embeddings = False  # so that 4.49 does not scale the decoder's output either
    model = T5ForConditionalGeneration(config).double().eval()
    weights = {name: tensor.double() for name, tensor in load_file(f"{folder}/model/model.safetensors").items()}
    weights.setdefault("lm_head.weight", weights["shared.weight"])
    info = model.load_state_dict(weights, strict=False)
    assert all("embed_tokens" in name for name in info.missing_keys) and not info.unexpected_keys, info
    model.lm_head.register_forward_hook(lambda module, inputs, logits: logits.float())  # its search knows no float64
    model.generation_config.eos_token_id = None
    return model


def search(model, allowed, levels, history, beams, **more):
    return model.generate(
        torch.tensor([history]), num_beams=beams, num_return_sequences=beams, max_new_tokens=levels, length_penalty=0.0,
        do_sample=False, use_cache=False, output_scores=True, return_dict_in_generate=True,
        prefix_allowed_tokens_fn=lambda _, tokens: allowed[tuple(tokens.tolist()[1:])], **more)


for folder in sys.argv[1:]:
    about = json.load(open(f"{folder}/about.json"))
    levels, codes, base = about["levels"], about["codes_per_level"], about["token_base"]
    items = numpy.load(f"{folder}/sids.npy").astype(int) + base + codes * numpy.arange(levels)
    allowed = {}
    for item in items.tolist():
        for level in range(levels):
            allowed.setdefault(tuple(item[:level]), set()).add(item[level])
    allowed = {prefix: sorted(tokens) for prefix, tokens in allowed.items()}
    histories = [[int(i) for i in line.split()[1:]] for line in open(f"{folder}/histories.txt")][:USERS]
    histories = [items[history].flatten().tolist() for history in histories]
    model = open_model(folder)
    golden = numpy.load(f"{folder}/scores_8.npy")
    for user, history in enumerate(histories[:3]):
        plain = search(model, allowed, levels, history, 8).sequences_scores.numpy()
        assert numpy.abs(plain - golden[user]).max() < 1e-4, "a plain search differs from the set's own"
    for beams, groups, penalty in CASES:
        found = [search(model, allowed, levels, history, beams, num_beam_groups=groups, diversity_penalty=penalty)
                 for history in histories]
        tokens = numpy.stack([one.sequences[:, 1:].numpy() for one in found])
        scores = numpy.stack([one.sequences_scores.numpy() for one in found])
        assert tokens.shape == (len(histories), beams, levels) and (numpy.diff(scores) <= 0).all()
        twice = sum(beams - len(set(map(tuple, one))) for one in tokens.tolist())
        print(f"{folder}: {beams} beams, {groups} groups: {twice} of {scores.size} leaves found twice")
        numpy.save(f"{folder}/diverse_{beams}_{groups}_tokens.npy", tokens.astype(numpy.int64))
        numpy.save(f"{folder}/diverse_{beams}_{groups}_scores.npy", scores.astype(numpy.float32))
