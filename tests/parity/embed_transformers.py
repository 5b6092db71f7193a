"""Tokens and vectors of `nightjar embed --model` against HuggingFace tokenizers and sentence-transformers.

  embed_transformers.py tokens  MODEL-DIR WORDPIECE-TOKENS [ITEMS.tsv]     every token of a generated corpus, and of the items' titles
  embed_transformers.py vectors MODEL-DIR NIGHTJAR [ITEMS.tsv]             cosines of 10,000 titles with sentence-transformers' vectors

ITEMS.tsv is tab separated below a header with a column "title". Needs tokenizers; for vectors also numpy, torch and sentence-transformers.
Exit 1 on the first kind of difference, with what differs.
"""
import csv, os, random, subprocess, sys, tempfile

TOKENS_MAX = 256
SEED = 20
COSINE_MIN = 0.99999
# Unicode 13 gave this one a decomposition, the tokenizers' table is older (common/text/wordpiece.h).
KNOWN_APART = "\U00011938"

WORDS = ("crème brûlée Übergröße naïve façade İstanbul IŞIK ŁÓDŹ Ångström ﬁne ﬂuid Ǆ ǅ straße ΑΥΤΌΣ Σίσυφος ёлка ЙОД ёж việt nam ngữ "
         "护手霜 面膜 日本語 スキンケア ｶﾀｶﾅ 化粧水 한국어 화장품 น้ำหอม عطر العود שמן हिन्दी क्रीम தமிழ் বাংলা ქართული հայերեն 𠀀 𪜀 𫝀 𫠠 𬺰 "
         "😀 👍🏽 👩‍👩‍👧 🇩🇪 🥰 ❤️ ™ ® © № ½ ² ① Ⅷ € £ ₿ ¥ $9.99 50ml 3-in-1 SPF50+ (2oz) [SEP] [MASK] [CLS] [PAD] [UNK] [sep] [[SEP]] ##ing a##b "
         "don't l’oréal \"quoted\" “curly” — – … • · a\u200db x\u200by soft\u00adhyphen tab\there line\nbreak nbsp\u00a0here \u2028 \u3000 "
         "\u0301 a\u0301 a\u0323\u0307 q\u0307\u0323 \u0085 \x0b \x0c \x1f \x7f \ufeff \ufffd \ue000 \U000f0000 \U0010fffd \u0378 \ufffe \U000e0041 "
         "\u1e9e \u212a \u2126 \u0345 \u0130 \u1734 \u166d ᾳ ᾼ ὈΔΥΣΣΕΎΣ").split(" ")


def corpus(items):
    rng = random.Random(SEED)
    points = [p for p in range(1, 0x110000) if not 0xD800 <= p < 0xE000 and chr(p) != KNOWN_APART]
    texts = ["", " ", "\t\n", "a" * 100, "a" * 101, "é" * 100, "é" * 101, "x" * 5000, "word " * 600, "[SEP]" * 300]
    texts += ["ab%scd %sE%s" % (chr(p), chr(p), chr(p)) for p in points]
    latin = [chr(p) for p in range(0x20, 0x250)]
    for _ in range(60000):
        kind = rng.random()
        if kind < 0.4:
            texts.append(rng.choice([" ", "", "-", "  "]).join(rng.choice(WORDS) for _ in range(rng.randint(1, 12))))
        elif kind < 0.7:
            texts.append("".join(chr(rng.choice(points)) for _ in range(rng.randint(1, 40))))
        else:
            texts.append("".join(rng.choice(latin) if rng.random() < 0.9 else chr(rng.randint(0x300, 0x36F))
                                 for _ in range(rng.randint(1, 200))))
    return texts + titles(items)


def titles(items):
    if items is None:
        return []
    with open(items, encoding="utf-8", newline="") as file:
        return [row["title"] or "" for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def open_tokenizer(folder):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS_MAX)
    return tokenizer


def compare_tokens(folder, program, items):
    texts = corpus(items)
    tokenizer = open_tokenizer(folder)
    told = subprocess.run([program, folder, str(TOKENS_MAX)], input=b"".join(t.encode() + b"\0" for t in texts), capture_output=True,
                          check=True).stdout.decode().splitlines()
    assert len(told) == len(texts), (len(told), len(texts))
    apart = tokens = 0
    for begin in range(0, len(texts), 20000):
        part = texts[begin:begin + 20000]
        for text, encoding, line in zip(part, tokenizer.encode_batch(part), told[begin:]):
            tokens += len(encoding.ids)
            if " ".join(map(str, encoding.ids)) != line:
                apart += 1
                if apart <= 10:
                    print("apart: %a\n  theirs %s\n  ours   %s" % (text[:80], encoding.tokens[:30], line[:160]))
    print("%d texts, %d tokens, %d texts apart" % (len(texts), tokens, apart))
    return 1 if apart else 0


def make_titles(items):
    """10,000: those of the items, and generated ones."""
    rng = random.Random(SEED + 1)
    found = titles(items)[:9000]
    while len(found) < 10000:
        found.append(" ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 12))))
    # A field of a table has no tab and no line's end.
    return ["".join(" " if c in "\t\n\r\0" else c for c in text).strip() or "?" for text in found]


def write_items(texts, path):
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("item_id\ttitle\n")
        file.writelines("%d\t%s\n" % row for row in enumerate(texts))


def compare_vectors(folder, program, items):
    import numpy as np
    from sentence_transformers import SentenceTransformer

    texts = make_titles(items)
    with tempfile.TemporaryDirectory() as temporary:
        path, out = os.path.join(temporary, "items.tsv"), os.path.join(temporary, "E.npy")
        write_items(texts, path)
        subprocess.run([program, "embed", "--model", folder, "--items", path, "--out", out, "--quiet"], check=True,
                       stdout=subprocess.DEVNULL)
        ours = np.load(out).astype(np.float64)
    theirs = SentenceTransformer(folder, device="cpu").encode(texts, show_progress_bar=False).astype(np.float64)
    cosines = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    print("%d titles: cosine at least %.8f, on average %.8f; largest difference %.2g" %
          (len(texts), cosines.min(), cosines.mean(), np.abs(ours - theirs).max()))
    if not cosines.min() >= COSINE_MIN:
        print("below %g: %a" % (COSINE_MIN, texts[int(cosines.argmin())]))
        return 1
    return 0


def main():
    what, folder, program = sys.argv[1:4]
    items = sys.argv[4] if len(sys.argv) > 4 else None
    return {"tokens": compare_tokens, "vectors": compare_vectors}[what](folder, program, items)


if __name__ == "__main__":
    sys.exit(main())
