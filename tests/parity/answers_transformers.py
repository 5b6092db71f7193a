#!/usr/bin/env python3
"""Answers of Transformers' generate over small random T5 and Llama models, as parity_test_answers reads them.

    answers_transformers.py make FOLDER SEED        config.json, model.safetensors and cases.json of one model each in FOLDER/t5, FOLDER/llama
    answers_transformers.py check PROGRAM ROUNDS    makes ROUNDS pairs with seeds 1, 2, ... and runs PROGRAM (parity_test_answers) over each

tests/data/answers was made by `make tests/data/answers 16`. Needs torch and transformers (5.23); nothing of nightjar is used here.

Where fewer than num_beams sequences are left, generate goes on with copies and with ended ones at -1e9 and returns them; they are dropped
here (prefix_allowed_tokens_fn, which must not answer with nothing, lets an ended one go on with the padding token). With early_stopping=True
such copies count as finished and stop the search early: those cases are asked again with False.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

import torch
from transformers import LlamaConfig, LlamaForCausalLM, T5Config, T5ForConditionalGeneration

PAD, EOS = 0, 1
SEPARATORS = [[2], [2, 3]]
FIRST, V = 4, 26  # tokens of items
DEAD = -1e5


def make_t5():
    return T5ForConditionalGeneration(T5Config(
        vocab_size=V, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_heads=2,
        relative_attention_num_buckets=8, relative_attention_max_distance=16, dropout_rate=0.0,
        pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=PAD, tie_word_embeddings=False))


def make_llama():
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=V, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, rms_norm_eps=1e-6, rope_theta=10000.0,
        pad_token_id=PAD, bos_token_id=3, eos_token_id=EOS, tie_word_embeddings=False))


def save_model(model, folder):
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            is_norm = tensor.dim() == 1
            tensor.normal_(1.0 if is_norm else 0.0, 0.1 if is_norm else 0.35)
    model.eval()
    os.makedirs(folder, exist_ok=True)
    model.save_pretrained(folder)
    for name in os.listdir(folder):
        if name not in ("config.json", "model.safetensors"):
            os.remove(os.path.join(folder, name))


# ---- cases ----

def draw_strings(rng):
    strings = []
    for _ in range(rng.randint(3, 40)):
        again = rng.random() < 0.1 and strings
        string = rng.choice(strings) if again else [rng.randrange(FIRST, FIRST + 8) for _ in range(rng.randint(1, 5))]
        strings.append(list(string))
    return strings


def draw_user(rng, kind, rows):
    user = {"tokens": [rng.randrange(FIRST, V) for _ in range(rng.randint(1, 24))]}
    if kind != "text":
        if rng.random() < 0.4:
            user["excluded"] = sorted(rng.sample(range(rows), rng.randint(0, rows // 2)))
        if rng.random() < 0.4:
            user["candidates"] = rng.sample(range(rows), rng.randint(1, min(rows, 12)))
    return user


def draw_case(rng, strings):
    kind = rng.choice(["items", "items", "list", "text"])
    longest = max(len(s) for s in strings)
    return {
        "kind": kind,
        "num_beams": rng.choice([1, 2, 3, 4, 8]),
        "length_penalty": rng.choice([1.0, 1.0, 0.0, 0.6, 2.0, -0.5]),
        "early_stopping": rng.choice([False, False, True, "never"]),
        # An item that was cut would stand in the reference's list and in no list of items.
        "max_new_tokens": rng.randint(longest + 1, 12) if kind == "items" else rng.randint(2, 16),
        "wanted": rng.randint(1, 5) if kind == "list" else len(strings),
        "separator": rng.choice(SEPARATORS),
        "users": [draw_user(rng, kind, len(strings)) for _ in range(2)],
    }


# ---- what may follow ----

def rows_of(strings, user):
    rows = user.get("candidates", range(len(strings)))
    return sorted(set(rows) - set(user.get("excluded", [])))


def next_of_item(left, said):
    """Tokens that go on with an item, and whether `said` is one."""
    going = {s[len(said)] for s in left if len(s) > len(said) and s[:len(said)] == said}
    return going, said in left


def split_list(tokens, separator):
    pieces, piece, i = [], [], 0
    while i < len(tokens):
        if tokens[i:i + len(separator)] == separator:
            pieces.append(piece)
            piece, i = [], i + len(separator)
        else:
            piece, i = piece + [tokens[i]], i + 1
    if len(separator) > 1 and piece and piece[-1] == separator[0]:  # cut inside a separator
        pieces.append(piece[:-1])
        piece = []
    return pieces, piece


def allowed(case, strings, user, tokens):
    left = [strings[row] for row in rows_of(strings, user)]
    if case["kind"] == "items":
        going, ends = next_of_item(left, tokens)
        return sorted(going | ({EOS} if ends else set()))
    separator = case["separator"]
    if len(separator) > 1 and tokens and tokens[-1] == separator[0]:
        return [separator[1]]
    pieces, piece = split_list(tokens, separator)
    left = [s for s in left if s not in pieces]
    going, ends = next_of_item(left, piece)
    if ends:
        going.add(EOS)
        if len(pieces) + 1 < case["wanted"] and any(s != piece for s in left):
            going.add(separator[0])
    return sorted(going)


# ---- the reference ----

def greedy_score(model, out, start, length_penalty):
    tokens = out.sequences[0, start:]
    total = sum(torch.log_softmax(step[0].float(), -1)[token].item() for step, token in zip(out.logits, tokens))
    return total / len(tokens) ** length_penalty


def generate(model, case, strings, user):
    is_t5 = model.config.model_type == "t5"
    prompt = torch.tensor([user["tokens"]])
    start = 1 if is_t5 else prompt.shape[1]

    def follow(_, ids):
        tokens = ids.tolist()[start:]
        if EOS in tokens or PAD in tokens:
            return [PAD]
        return allowed(case, strings, user, tokens) or [PAD]

    W = case["num_beams"]
    out = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, num_beams=W, num_return_sequences=W,
        max_new_tokens=case["max_new_tokens"], prefix_allowed_tokens_fn=None if case["kind"] == "text" else follow,
        return_dict_in_generate=True, output_scores=True, output_logits=True,
        **({} if W == 1 else {"length_penalty": case["length_penalty"], "early_stopping": case["early_stopping"]}))
    found = []
    for i, sequence in enumerate(out.sequences.tolist()):
        tokens = sequence[start:]
        ended = EOS in tokens
        tokens = tokens[:tokens.index(EOS)] if ended else tokens
        score = greedy_score(model, out, start, case["length_penalty"]) if W == 1 else out.sequences_scores[i].item()
        found.append((score, tokens, ended))
    return found


class Copies(Exception):
    pass


def expect(model, case, strings, user):
    """What is answered, from the reference's sequences."""
    if case["kind"] != "text" and not rows_of(strings, user):
        return {"items": []}
    found = [one for one in generate(model, case, strings, user) if one[0] > DEAD]
    if len(found) < case["num_beams"] and case["early_stopping"] is True:
        raise Copies()
    rows = rows_of(strings, user) if case["kind"] != "text" else []
    score, tokens, ended = found[0]
    if case["kind"] == "text":
        # A sequence is padded behind its end; one that has none is as long as may be.
        return {"score": score, "ended": ended, "tokens": tokens}
    if case["kind"] == "items":
        pairs = [(row, score) for score, tokens, ended in found if ended for row in rows if strings[row] == tokens]
        return {"items": [row for row, _ in pairs], "scores": [score for _, score in pairs]}
    pieces, piece = split_list(tokens, case["separator"])
    if piece not in pieces:  # the beginning of a longer one that was cut
        pieces.append(piece)
    said = [row for string in pieces for row in rows if strings[row] == string]
    return {"score": score, "ended": ended, "items": said[:case["wanted"]]}


def expect_all(model, case, strings):
    for user in case["users"]:
        user["expected"] = expect(model, case, strings, user)


def make(folder, seed, case_count):
    for name, make_model in (("t5", make_t5), ("llama", make_llama)):
        rng = random.Random(f"{name} {seed}")
        torch.manual_seed(seed)
        model = make_model()
        save_model(model, os.path.join(folder, name))
        strings = draw_strings(rng)
        cases = []
        for _ in range(case_count):
            case = draw_case(rng, strings)
            try:
                expect_all(model, case, strings)
            except Copies:
                case["early_stopping"] = False
                expect_all(model, case, strings)
            cases.append(case)
        with open(os.path.join(folder, name, "cases.json"), "w") as out:
            out.write('{"strings": ' + json.dumps(strings) + ',\n "cases": [\n')
            out.write(",\n".join(json.dumps(case) for case in cases) + "\n]}\n")


def check(program, rounds):
    failed = 0
    for seed in range(1, rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            make(folder, seed, 6)
            done = subprocess.run([program, folder], capture_output=True, text=True)
            if done.returncode != 0:
                failed += 1
                print(f"seed {seed}:\n{done.stdout}{done.stderr}")
    print(f"{rounds - failed} of {rounds} seeds agree")
    return failed


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) == 4 and sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]), 12)
    elif len(sys.argv) == 4 and sys.argv[1] == "check":
        sys.exit(1 if check(sys.argv[2], int(sys.argv[3])) else 0)
    else:
        sys.exit(__doc__)
