#!/usr/bin/env python3
"""nightjar tokenize against HuggingFace tokenizers and sentencepiece, on a large corpus.

    tokenizer_parity.py NIGHTJAR [--corpus FILE] [--texts N] [--seed N]

Trains a tokenizer of every kind (tests/data/tokenizers/make.py), draws N titles from the corpus, makes N texts up (scripts,
emoji with joiners, marks, digits, white space, control characters, code, unassigned code points), takes every code point
of the first plane behind a letter that the charsmap rewrites, and compares all ids. Prints one line a tokenizer; exits 1
where an id differs, and 77 with a reason where the packages from PyPI are missing.
"""
import argparse
import glob
import json
import os
import random
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here + "/../data/tokenizers")
try:
    import make
except ImportError as missing:
    print(f"tokenizer_parity: SKIPPED, needs tokenizers, sentencepiece and protobuf from PyPI: {missing}", file=sys.stderr)
    sys.exit(77)

PARTS = ("a b ' 's 'S 'LL 'll 're 've 'ſ don't é e\u0301 \u0301 \u0323 \u0308 Å Ａ ＡＢＣ ﬁ ㍿ º º\u0301 ª\u200d ½ ² Ⅷ 1 12 123 1234567 "
         "٣ १२ 中文 東京 한국 하\u11ab ไทย हिन्दी 👍🏽 👨‍👩‍👧 🏳️‍🌈 🇩🇪 ❤️ مرحبا שלום \u05b0 ▁ ▁▁ ▁a <s> </s> <unk> <|im_start|> <|begin|> "
         "[X] naïve e\u0301t <0x41> \x01 \x7f \x85 \u00ad \ufeff \u200b \u200d \u0378 \U0010ffff \U00011930 \U00011935 \ue000 . , ... "
         "!? -- _ def( { }} // # @ $ \u0600 \u1100\u1161\u11a8 \u0897 \u0345 \u0130 ß ẞ").split(" ")
PARTS += [" ", "  ", "   ", "\n", "\r", "\r\n", "\n\n", " \n ", "\t", "\t\t", "\u00a0", "\u3000", "\u2003"]
RANGES = [(1, 0x250), (0x250, 0xd800), (0xe000, 0x10000), (0x10000, 0x20000), (0x300, 0x370), (0x1e000, 0x110000)]


def make_text(dice, titles):
    if dice.random() < 0.4:
        return "".join(word + dice.choice([" ", " ", "  ", dice.choice(PARTS)]) for word in dice.choice(titles).split(" "))
    return "".join(dice.choice(PARTS) if dice.random() < 0.75 else chr(dice.randrange(*dice.choice(RANGES)))
                   for _ in range(dice.randrange(1, 14)))


def make_texts(count, seed, titles):
    dice = random.Random(seed)
    texts = [dice.choice(titles) for _ in range(count)] + [make_text(dice, titles) for _ in range(count)]
    plane = [point for point in range(1, 0x10000) if not 0xd800 <= point < 0xe000]
    return texts + ["º" + chr(point) + "x" for point in plane] + [chr(point) + "a" for point in plane]


def ids_of(nightjar, model, texts, folder):
    with open(f"{folder}/texts.jsonl", "w") as out:
        for i, text in enumerate(texts):
            out.write(json.dumps({"item_id": f"t{i}", "title": text}) + "\n")
    subprocess.run([nightjar, "tokenize", "--tokenizer", model, "--items", f"{folder}/texts.jsonl", "--quiet", "--out",
                    f"{folder}/ids.jsonl"], check=True, stdout=subprocess.DEVNULL)
    return [json.loads(line)["ids"] for line in open(f"{folder}/ids.jsonl")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nightjar")
    parser.add_argument("--corpus", help="titles, one a line; default: those of ops/demo-data")
    parser.add_argument("--texts", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    fixed = [json.loads(line)["title"] for line in open(f"{here}/../data/tokenizers/texts.jsonl")]
    path = arguments.corpus or f"{here}/../../ops/demo-data/items.tsv"
    titles = [line for line in open(path, errors="replace").read().split("\n") if line]
    texts = make_texts(arguments.texts, arguments.seed, titles)
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        corpus, models = f"{folder}/corpus.txt", f"{folder}/models"
        with open(corpus, "w") as out:
            out.write("\n".join(text.replace("\n", " ").replace("\r", " ") for text in titles + fixed * 20))
        os.makedirs(models)
        make.make(open(corpus).read().split("\n"), models, 3000)
        for model in sorted(glob.glob(models + "/*")):
            pairs = zip(texts, make.ids_of(model, texts), ids_of(arguments.nightjar, model, texts, folder))
            bad = [(text, theirs, ours) for text, theirs, ours in pairs if theirs != ours]
            differing += len(bad)
            print(f"{os.path.basename(model)}: {len(texts)} texts, {len(bad)} differ")
            for text, theirs, ours in bad[:5]:
                print(f"    {text!a}\n        theirs {theirs[:30]}\n        ours   {ours[:30]}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
