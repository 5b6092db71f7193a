"""Makes tests/data/sentence-encoder: a tiny BERT with random weights, as sentence-transformers saves it, and what it answers.

  make_sentence_encoder.py OUT-DIR        seed 7; written with torch 2.15, transformers 5.23, tokenizers 0.23, sentence-transformers 6.2

Beside the model: texts.json, an array of {"text", "tokens", "vector"}; vectors in float64 arithmetic.
"""
import json, os, sys

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, BertTokenizerFast

SEED = 7
TOKENS_MAX = 24
PIECES = ("red nail polish hair brush cream creme shampoo the of and for with ml oz spf 50 100 護 手 霜 香 水 🙂 é ё ᄒ ᅡ ᆫ").split()
TEXTS = ["red nail polish", "Crème de la CRÈME, 50ml!", "hair-brush (red)", "護手霜 cream", "", "  \t ", "한 hair", "unknownword €9.99 🙂 🥰",
         "soft\u00adhyphen a\u200db \ufffd", "[SEP] cream [MASK]", "shampoo " * 40, "x" * 101, "Ёлка ё É e\u0301", "hair"]


def make_vocabulary():
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + [str(d) for d in range(10)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + ["##" + x for x in letters] + list("!\"#$%&'()*+,-./:;€")
    pieces += PIECES + ["##ing", "##er", "##ed", "##s", "##polish", "##ᅡ", "##ᆫ"]
    return {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}


def make_tokenizer(vocabulary):
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    frame = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=frame)
    return BertTokenizerFast(tokenizer_object=tokenizer, do_lower_case=True, model_max_length=512)


def save_base(folder):
    torch.manual_seed(SEED)
    vocabulary = make_vocabulary()
    config = BertConfig(vocab_size=len(vocabulary), hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
                        max_position_embeddings=32, type_vocab_size=2, initializer_range=0.3)
    model = BertModel(config, add_pooling_layer=False).eval()
    for name, value in model.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            value.data += 0.1 * torch.randn_like(value)
    model.save_pretrained(folder)
    make_tokenizer(vocabulary).save_pretrained(folder)


def main():
    out = sys.argv[1]
    base = out + ".base"
    save_base(base)
    word = Transformer(base, max_seq_length=TOKENS_MAX)
    encoder = SentenceTransformer(modules=[word, Pooling(24, pooling_mode="mean"), Normalize()], device="cpu")
    encoder.save(out, create_model_card=False)
    encoder = encoder.double()
    rows = []
    for text in TEXTS:
        tokens = encoder.tokenizer(text, truncation=True, max_length=TOKENS_MAX)["input_ids"]
        rows.append({"text": text, "tokens": tokens, "vector": [round(float(x), 9) for x in encoder.encode(text)]})
    with open(os.path.join(out, "texts.json"), "w", encoding="utf-8") as file:
        json.dump(rows, file, ensure_ascii=True, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
