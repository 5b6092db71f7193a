"""What text models answer, by PyTorch and Transformers alone: LLaRA's vectors in the stream, P5's whole words, answers under a trie.

  prompts  rendered as whole texts and tokenized whole, schemas/prompt.md read anew
  models   Transformers' Llama and T5 over inputs_embeds; the projector and the whole words are written out here
  answers  Transformers' generate: beams with prefix_allowed_tokens_fn, in float64 weights

Needs torch, transformers 5.23, tokenizers, sentencepiece, PyYAML and numpy. tests/data/make_llara.py, tests/data/make_p5.py and
tests/parity/text_models_transformers.py use it.
"""
import csv
import json
import math
import re

import sentencepiece
import tokenizers
import torch
import transformers
import yaml
from tokenizers import decoders
from transformers import T5Tokenizer
from transformers.modeling_outputs import BaseModelOutput

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
MARK = "[PH]"  # stands in the text where a vector stands in the stream: an added token, as LLaRA's authors have it
VECTOR = -1  # among token ids
EXTRA_IDS = 100  # of T5
LLAMA_DECODER = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(content=" ", left=1, right=0)])


class JsonTokens:
    """A tokenizer.json."""

    def __init__(self, path):
        self.inner = tokenizers.Tokenizer.from_file(path)
        self.size = self.inner.get_vocab_size()
        kind = json.loads(self.inner.to_str())["model"]
        if self.inner.decoder is None:  # test files have none, checkpoints have their kind's
            self.inner.decoder = decoders.Metaspace() if kind["type"] == "Unigram" else LLAMA_DECODER if kind[
                "byte_fallback"] else decoders.ByteLevel()
        self.inner.add_special_tokens([tokenizers.AddedToken(MARK, special=True, normalized=False)])
        self.mark = self.inner.token_to_id(MARK)

    def encode(self, text, special=True):
        return self.inner.encode(text, add_special_tokens=special).ids

    def id_of(self, token):
        return self.inner.token_to_id(token)

    def text_of(self, token):
        return self.inner.id_to_token(token) or ""

    def decode(self, ids):
        return self.inner.decode(ids, skip_special_tokens=True)


# The ids of a text behind another. A space between them belongs to the text.
def tokens_behind(tokens, before, text):
    head = tokens.encode(before.removesuffix(" "), False)
    whole = tokens.encode(before + text, False)
    assert whole[: len(head)] == head, (before, text)
    return whole[len(head) :]


class T5Tokens:
    """A spiece.model of T5: </s> behind a text, and 100 tokens more than the file has pieces."""

    def __init__(self, folder):
        self.inner = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/spiece.model")
        self.transformers = T5Tokenizer.from_pretrained(folder)
        self.mark = self.size = self.inner.get_piece_size() + EXTRA_IDS
        assert len(self.transformers) == self.size

    def encode(self, text, special=True):
        ids = []
        for part in re.split(f"({re.escape(MARK)})", text):
            ids += [self.mark] if part == MARK else self.inner.encode(part)
        return ids + ([self.inner.eos_id()] if special else [])

    def id_of(self, token):
        return self.inner.piece_to_id(token)

    def text_of(self, token):
        return self.inner.id_to_piece(token) if token < self.inner.get_piece_size() else ""

    def decode(self, ids):
        return self.transformers.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


# Whole words as P5 counts them: a token that begins with the mark begins one; the special tokens behind the text are in none.
def number_words(tokens, ids, end_count=1):
    number, words = 0, []
    for token in ids[: len(ids) - end_count]:
        number += tokens.text_of(token).startswith("▁")
        words.append(number)
    return words + [0] * end_count


class Items:
    """A table of items: row numbers in its order. What stands for an item beside text: its semantic ID, or ids that were made elsewhere."""

    def __init__(self, path, sids=None, made=None):
        with open(path, encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        self.ids = [row["item_id"] for row in self.rows]
        self.row_of = {name: row for row, name in enumerate(self.ids)}
        self.sids = sids  # [N] lists of tokens
        self.made = made  # [N] {"prompt": ids, "answer": ids}

    def known(self, names):
        return [self.row_of[name] for name in names if name in self.row_of]


class Prompt:
    """prompt.yaml, with the defaults of schemas/prompt.md."""

    def __init__(self, path, tokens, items, end="</s>"):
        with open(path, encoding="utf-8") as file:
            self.keys = yaml.safe_load(file)
        self.tokens, self.items = tokens, items
        answer = self.keys.get("answer", {})
        self.answer = answer
        self.kind = answer.get("kind", "sid")
        self.item = self.keys.get("item")
        self.separator = self.keys.get("separator", ", ")
        self.end = tokens.id_of(answer.get("end", end))
        special = tokens.encode("", self.keys.get("special", True))
        whole = tokens.encode("x", self.keys.get("special", True))
        self.end_count = next(count for count in range(len(special), -1, -1) if whole[len(whole) - count :] == special[len(special) - count :])
        if self.kind in ("item", "list"):
            self.trie = Trie([self.answer_ids(row) for row in range(len(items.ids))])
        elif self.kind == "sid":
            self.trie = Trie(items.sids)

    # The text of an item, and what stands in the stream where the text has the mark: ("vector", row) or ("tokens", ids).
    def item_text(self, template, row):
        if self.items.made is not None:
            return MARK, [("tokens", self.items.made[row]["prompt"])]
        cuts, columns = [], dict(self.items.rows[row], id=self.items.ids[row])

        def fill(match):
            if match[1] not in ("vector", "sid"):
                return columns[match[1]]
            cuts.append(("vector", row) if match[1] == "vector" else ("tokens", self.items.sids[row]))
            return MARK

        return re.sub(r"\{(\w+)\}", fill, template), cuts

    def render(self, user, history):
        cuts = []

        def fill(match):
            if match[1] in ("user", "text"):
                return user[match[1]]
            is_history = match[1] == "history"
            template = self.item if is_history else self.keys.get("candidate", self.item)
            said = [self.item_text(template, row) for row in (history if is_history else self.items.known(user.get("candidates", [])))]
            for _, more in said:
                cuts.extend(more)
            return self.separator.join(text for text, _ in said)

        text = re.sub(r"(?<!\{)\{(\w+)\}", fill, self.keys["prompt"])
        return text.replace("{{", "{").replace("}}", "}"), cuts

    # Token ids of a user's prompt, VECTOR where one stands, and the rows of those vectors; older items go until it fits.
    def write(self, user, tokens_max=1 << 30):
        history = self.items.known(user.get("items", []))
        while True:
            text, cuts = self.render(user, history)
            ids, rows = [], []
            for token in self.encode(text):
                kind, value = cuts.pop(0) if token == self.tokens.mark else ("tokens", [token])
                ids += value if kind == "tokens" else [VECTOR]
                rows += [value] if kind == "vector" else []
            assert not cuts
            if len(ids) <= tokens_max or not history:
                return ids, rows
            history = history[1:]

    # Ids that were made elsewhere stand for a word of the text, with the space in front of it.
    def encode(self, text):
        special = self.keys.get("special", True)
        if self.items.made is None:
            return self.tokens.encode(text, special)
        around, parts = self.tokens.encode("", special), text.split(MARK)
        ids = around[: len(around) - self.end_count]
        for number, part in enumerate(parts):
            part = part if number == len(parts) - 1 else part.removesuffix(" ")
            ids += tokens_behind(self.tokens, "x", part) if number > 0 else self.tokens.encode(part, False)
            ids += [self.tokens.mark] if number < len(parts) - 1 else []
        return ids + around[len(around) - self.end_count :]

    # The ids of an item where it is answered: behind the lead in the midst of a text, or where there is none at the beginning of one. The space
    # at the lead's end belongs to the item.
    def answer_ids(self, row):
        if self.items.made is not None:
            return self.items.made[row]["answer"]
        lead = self.answer.get("lead", "")
        text = self.item_text(self.answer.get("item", self.item).replace("{vector}", ""), row)[0].strip(" ")
        return tokens_behind(self.tokens, "x" + lead, text) if lead else self.tokens.encode(text, False)

    def separator_ids(self):
        return tokens_behind(self.tokens, "x", self.answer.get("separator", ", ").rstrip(" "))

    # Rows that a user may be answered.
    def allowed_rows(self, user, keep_history=False):
        named = user.get("candidates")
        rows = range(len(self.items.ids)) if named is None else self.items.known(named)
        gone = set() if keep_history else {self.items.row_of.get(i) for i in user.get("items", [])}
        return set(rows) - gone - {self.items.row_of.get(i) for i in user.get("exclude", [])}


class Trie:
    """Strings of rows: what may follow a prefix, where only some rows count."""

    def __init__(self, strings):
        self.strings = strings

    def open(self, rows):
        follow, ends = {}, {}
        for row in sorted(rows):
            string = tuple(self.strings[row])
            ends.setdefault(string, []).append(row)
            for length, token in enumerate(string):
                follow.setdefault(string[:length], set()).add(token)
        return follow, ends


class Unclear(Exception):
    """What generate answers is not to be compared: copies of beams have ended a search, or a separator begins as an item goes on."""


def search(model, inputs, allowed, W, tokens_max, end, length_penalty=1.0, early_stopping=False, answers=None, start=0):
    """[(tokens without what is behind the end, score)] of the beams, best first; allowed(tokens) -> tokens, or None: all.

    Where fewer sequences are left than beams, generate goes on with copies at -1e9, which are dropped here. With early_stopping True they count
    as finished and end the search before there is an answer worth the name: Unclear is raised.
    """
    fill = dict(num_beams=W, num_return_sequences=answers or W, do_sample=False, max_new_tokens=tokens_max, min_new_tokens=None,
                eos_token_id=end, pad_token_id=0, return_dict_in_generate=True, output_scores=True)
    if W > 1:
        fill.update(length_penalty=length_penalty, early_stopping=early_stopping)
    if allowed is not None:
        fill["prefix_allowed_tokens_fn"] = lambda _, tokens: allowed(tokens[start:].tolist())
    if "encoder_outputs" in inputs:  # generate() repeats it in its place, and keeps no more layers of a decoder than the encoder has
        inputs = dict(inputs, encoder_outputs=BaseModelOutput(inputs["encoder_outputs"].last_hidden_state), use_cache=False)
    with torch.no_grad():
        out = model.generate(**inputs, **fill)
    found = []
    scores = out.sequences_scores.tolist() if W > 1 else [0.0]  # a greedy search has none
    for tokens, score in zip(out.sequences[:, start:].tolist(), scores):
        if end in tokens:
            tokens = tokens[: tokens.index(end) + 1]
        if score * len(tokens) ** length_penalty > -1e8:
            found.append((tokens, score))
    if early_stopping is True and len(found) < len(scores):
        raise Unclear()
    return found


class Llara:
    """A language model in whose stream items' vectors stand: e = W2 gelu(W1 c + b1) + b2, and 0 where c is 0 (Liao et al. 2024, 3.2)."""

    start = 0

    def __init__(self, model, projector, vectors):
        self.model = model.double().eval()
        self.vectors = torch.tensor(vectors, dtype=torch.float64) if vectors is not None else None
        self.projector = [tensor.double() for tensor in projector] if projector is not None else None

    def project(self, row):
        w1, b1, w2, b2 = self.projector
        x = self.vectors[row]
        if not x.any():
            return torch.zeros(w2.shape[0], dtype=torch.float64)
        x = w1 @ x + b1
        x = 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
        return w2 @ x + b2

    def inputs(self, ids, rows):
        rows, embed = list(rows), self.model.get_input_embeddings()
        values = [self.project(rows.pop(0)) if token == VECTOR else embed.weight[token] for token in ids]
        assert not rows
        values = torch.stack(values).detach()[None]
        return dict(inputs_embeds=values, attention_mask=torch.ones(values.shape[:2], dtype=torch.long))

    def log_probs(self, inputs, answer):
        behind = self.model.get_input_embeddings()(torch.tensor([answer[:-1]], dtype=torch.long))
        with torch.no_grad():
            logits = self.model(inputs_embeds=torch.cat([inputs["inputs_embeds"], behind], 1)).logits[0, -len(answer) :]
        return token_log_probs(logits, answer)


class P5:
    """T5 whose encoder reads the sum of a token's embedding and its whole word's (Geng et al. 2022, 4)."""

    start = 1

    def __init__(self, model, words):
        self.model = model.double().eval()
        self.words = words.double() if words is not None else None

    def inputs(self, ids, words):
        values = self.model.get_input_embeddings().weight[torch.tensor([ids])]
        if self.words is not None:
            values = values + self.words[torch.tensor([words])]
        mask = torch.ones(1, len(ids), dtype=torch.long)
        with torch.no_grad():
            states = self.model.encoder(inputs_embeds=values, attention_mask=mask).last_hidden_state
        return dict(encoder_outputs=BaseModelOutput(states), attention_mask=mask)

    def log_probs(self, inputs, answer):
        read = torch.tensor([[self.model.config.decoder_start_token_id] + answer[:-1]])
        with torch.no_grad():
            logits = self.model(**inputs, decoder_input_ids=read).logits[0]
        return token_log_probs(logits, answer)


def token_log_probs(logits, answer):
    return torch.log_softmax(logits.double(), -1)[torch.arange(len(answer)), torch.tensor(answer)].tolist()


def item_rule(prompt, rows):
    follow, ends = prompt.trie.open(rows)

    def allowed(said):
        said = tuple(said)
        tokens = sorted(follow.get(said, ())) + ([prompt.end] if said in ends and prompt.kind != "sid" else [])
        return tokens or [prompt.end]  # behind the end of a beam that is none

    return allowed, ends


def list_rule(prompt, rows):
    follow, ends = prompt.trie.open(rows)
    separator, count = prompt.separator_ids(), prompt.answer.get("count", 10)
    if any(separator[0] in follow.get(string, ()) for string in ends):
        raise Unclear()

    # Walks what was said by the rule: [(string, place behind it)], the string being said, tokens of the separator that are said.
    def walk(said):
        items, string, between = [], (), 0
        for place, token in enumerate(said):
            if between > 0 or (string in ends and token == separator[0] and token not in follow.get(string, ())):
                if between == 0:
                    items.append((string, place))
                between += 1
                if between == len(separator):
                    string, between = (), 0
            else:
                string += (token,)
        return items, string, between

    def allowed(said):
        if prompt.end in said:
            return [prompt.end]
        items, string, between = walk(said)
        if between > 0:
            return [separator[between]]
        left = {row for row in rows if all(row not in ends.get(whole, ()) for whole, _ in items)}
        open_follow, open_ends = prompt.trie.open(left)
        tokens = set(open_follow.get(string, ()))
        if string in open_ends:
            tokens.add(prompt.end)
            if len(items) + 1 < count and len(left) > len(open_ends[string]):
                tokens.add(separator[0])
        return sorted(tokens) or [prompt.end]

    return allowed, ends, walk


def answer(reference, prompt, user, W, tokens_max=1 << 30, keep_history=False):
    """What `nightjar decode` should say of a user: {"user", "items", "scores"} or {"user", "text"}; and what the model read."""
    ids, vector_rows = prompt.write(user, tokens_max)
    words = number_words(prompt.tokens, ids, prompt.end_count) if isinstance(reference, P5) else vector_rows
    inputs = reference.inputs(ids, words)
    penalty = prompt.answer.get("length_penalty", 1.0)
    stop = {"false": False, "true": True}.get(str(prompt.answer.get("early_stopping", False)).lower(), "never")
    options = dict(W=W, end=prompt.end, length_penalty=penalty, early_stopping=stop, start=reference.start)
    said = {"user": user["user"], "items": [], "scores": []}
    name_of = prompt.items.ids
    rows = prompt.allowed_rows(user, keep_history)
    if prompt.kind != "text" and not rows:
        return said, ids
    if prompt.kind in ("item", "sid"):
        allowed, ends = item_rule(prompt, rows)
        longest = max(len(string) for string in prompt.trie.strings) + (prompt.kind == "item")
        if prompt.kind == "sid":
            penalty = options["length_penalty"] = 0.0
            options["end"] = -1  # none
        for tokens, score in search(reference.model, inputs, allowed, tokens_max=longest, **options):
            if W == 1:
                score = sum(reference.log_probs(inputs, tokens)) / len(tokens) ** penalty
            for row in ends[tuple(tokens if prompt.kind == "sid" else tokens[:-1])]:
                said["items"].append(name_of[row])
                said["scores"].append(score)
    elif prompt.kind == "list":
        allowed, ends, walk = list_rule(prompt, rows)
        tokens, score = search(reference.model, inputs, allowed, tokens_max=prompt.answer.get("tokens", 64), **options)[0]
        ended = tokens[-1] == prompt.end
        tokens = tokens[:-1] if ended else tokens
        items, string, _ = walk(tokens)
        if string in ends:
            items.append((string, len(tokens)))
        sums = [0.0]
        for value in reference.log_probs(inputs, tokens):
            sums.append(sums[-1] + value)
        for whole, place in items:  # equal strings: all of their rows
            said["items"] += [name_of[row] for row in ends[whole]]
            said["scores"] += [sums[place]] * len(ends[whole])
        said["ended"] = ended
    else:
        tokens, score = search(reference.model, inputs, None, tokens_max=prompt.answer.get("tokens", 64), answers=1, **options)[0]
        said["text"] = prompt.tokens.decode(tokens)
        said["ended"] = tokens[-1] == prompt.end
    return said, ids


def save_users(path, users):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(user) + "\n" for user in users)


# What a search W wide answers, the first `top` items of it, and the tokens that the model reads; neighbours in a list are never so near
# that float32 might change places.
def save_answers(path, reference, prompt, users, W, top):
    with open(path, "w", encoding="utf-8") as file:
        for user in users:
            said, ids = answer(reference, prompt, user, W)
            assert prompt.kind != "item" or len(said["items"]) >= min(top, len(prompt.allowed_rows(user))), (path, said)
            said["items"], said["scores"] = said["items"][:top], [round(score, 6) for score in said["scores"][:top]]
            steps = [a - b for a, b in zip(said["scores"], said["scores"][1:]) if a != b]
            assert min(steps, default=1) > 2e-4, (path, said)
            file.write(json.dumps(dict(said, prompt=ids)) + "\n")
