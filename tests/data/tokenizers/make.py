#!/usr/bin/env python3
"""Makes the small tokenizers of this folder, the ids that HuggingFace tokenizers and sentencepiece give for texts.jsonl (NAME.ids),
and what they read back from these and from random ids (NAME.said).

    make.py OUT [--corpus FILE] [--vocabulary N]     needs tokenizers 0.23.3, sentencepiece 0.2.3 and protobuf from PyPI

tests/parity/tokenizer_parity.py makes larger ones with it, from a corpus of its own.
"""
import argparse
import json
import os
import random
import tempfile

import sentencepiece
import sentencepiece.sentencepiece_model_pb2 as sentencepiece_model
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACES


def byte_level(lines, out, name, vocabulary, pattern=None, nfc=False, prefix=False, whole=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole))
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=pattern is None)
    tokenizer.pre_tokenizer = bytes_only if pattern is None else pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), bytes_only])
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=vocabulary, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|begin|>", "<|end|>"], show_progress=False))
    tokenizer.add_special_tokens([AddedToken("<|im_start|>", special=True)])
    tokenizer.add_tokens([AddedToken("[X]", lstrip=True), AddedToken("naïve", rstrip=True, normalized=True),
                          AddedToken("e\u0301t", normalized=True)])
    tokenizer.decoder = decoders.ByteLevel()
    marks = [(token, tokenizer.token_to_id(token)) for token in ("<|begin|>", "<|end|>")]
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin|> $A <|end|>", special_tokens=marks)])
    tokenizer.save(f"{out}/{name}.json")


def sentencepieces(lines, out, name, vocabulary, **options):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/text", "w") as text:
            text.write("\n".join(line.replace("\n", " ") for line in lines))
        sentencepiece.SentencePieceTrainer.train(
            input=f"{folder}/text", model_prefix=f"{folder}/m", vocab_size=vocabulary, minloglevel=2, num_threads=1,
            hard_vocab_limit=False, **options)
        os.replace(f"{folder}/m.model", f"{out}/{name}.model")
    model = sentencepiece_model.ModelProto()
    model.ParseFromString(open(f"{out}/{name}.model", "rb").read())
    return model


def unigram(model, out, name, is_old):
    tokenizer = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in model.pieces],
                                         model.trainer_spec.unk_id, model.trainer_spec.byte_fallback))
    charsmap = normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap)
    if is_old:
        tokenizer.normalizer = charsmap
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")])
    else:
        tokenizer.normalizer = normalizers.Sequence(
            [charsmap, normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.add_special_tokens(["</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))])
    tokenizer.save(f"{out}/{name}.json")


def merges_of(model):
    place = {piece.piece: i for i, piece in enumerate(model.pieces)}
    rules = []
    for text, i in place.items():
        if model.pieces[i].type == 1:
            halves = [(text[:k], text[k:]) for k in range(1, len(text))]
            rules += [(i, place[a], place[b], a, b) for a, b in halves if a in place and b in place]
    return place, [(a, b) for _, _, _, a, b in sorted(rules)]


def llama2(model, out, name, is_old):
    vocabulary, merges = merges_of(model)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if is_old:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in ("<s>", "</s>", "<unk>")])
    tokenizer.add_tokens([AddedToken("[X]", normalized=True)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.save(f"{out}/{name}.json")


def make(lines, out, vocabulary):
    byte_level(lines, out, "gpt2", vocabulary)
    byte_level(lines, out, "gpt2-prefix", vocabulary, prefix=True)
    byte_level(lines, out, "llama3", vocabulary, LLAMA3, whole=True)
    byte_level(lines, out, "qwen2", vocabulary, QWEN2, nfc=True)
    byte_level(lines, out, "qwen3.5", vocabulary, QWEN35, nfc=True)
    t5 = sentencepieces(lines, out, "t5", vocabulary, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    unigram(t5, out, "t5-old", True)
    unigram(t5, out, "t5-new", False)
    sentencepieces(lines, out, "unigram-bytes", vocabulary, model_type="unigram", byte_fallback=True,
                   normalization_rule_name="identity")
    model = sentencepieces(lines, out, "llama2", vocabulary, model_type="bpe", byte_fallback=True,
                           normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
                           allow_whitespace_only_pieces=True)
    llama2(model, out, "llama2-old", True)
    llama2(model, out, "llama2-new", False)
    sentencepieces(lines, out, "bpe-suffix", vocabulary, model_type="bpe", user_defined_symbols=["[X]"],
                   treat_whitespace_as_suffix=True, normalization_rule_name="identity")


def ids_of(path, texts):
    if path.endswith(".json"):
        return [encoding.ids for encoding in Tokenizer.from_file(path).encode_batch(texts)]
    processor = sentencepiece.SentencePieceProcessor(model_file=path)
    return [processor.encode(text) for text in texts]


def texts_of(path, lists):
    """What ids say, special tokens aside."""
    if path.endswith(".json"):
        return Tokenizer.from_file(path).decode_batch(lists, skip_special_tokens=True)
    processor = sentencepiece.SentencePieceProcessor(model_file=path)
    spoken = [[i for i in ids if not processor.is_control(i) and not processor.is_unknown(i)] for ids in lists]
    return [processor.decode(ids) for ids in spoken]


def random_ids(path, count, seed):
    size = (Tokenizer.from_file(path).get_vocab_size() if path.endswith(".json")
            else sentencepiece.SentencePieceProcessor(model_file=path).get_piece_size())
    dice = random.Random(seed)
    # a third from the first tokens: bytes and special ones stand there
    return [[dice.randrange(size if dice.random() < 0.7 else min(size, 270)) for _ in range(dice.randrange(1, 12))]
            for _ in range(count)]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--corpus")
    parser.add_argument("--vocabulary", type=int, default=480)
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in open(f"{here}/texts.jsonl")]
    texts = [row["title"] for row in rows]
    lines = open(arguments.corpus).read().split("\n") if arguments.corpus else texts * 4
    os.makedirs(arguments.out, exist_ok=True)
    make(lines, arguments.out, arguments.vocabulary)
    if arguments.corpus:
        return
    for name in sorted(os.listdir(arguments.out)):
        if name.endswith((".json", ".model")):
            path = f"{arguments.out}/{name}"
            lists = ids_of(path, texts)
            with open(f"{path}.ids", "w") as out:
                for row, ids in zip(rows, lists):
                    out.write(json.dumps({"item": row["item_id"], "ids": ids}) + "\n")
            lists += random_ids(path, 40, 1)
            with open(f"{path}.said", "w") as out:
                for ids, text in zip(lists, texts_of(path, lists)):
                    if "\0" in text:  # which our reader of JSON refuses
                        continue
                    out.write(json.dumps({"ids": ids, "text": text}) + "\n")


if __name__ == "__main__":
    main()
