"""Makes tests/data/sentence-encoder and sentence-t5: a tiny BERT, and a tiny T5 encoder with two dense layers, with random weights, as
sentence-transformers saves them, and what they answer.

  make_sentence_encoder.py bert|t5 OUT-DIR           seed 7; written with torch 2.15, transformers 5.23, tokenizers 0.23, sentence-transformers 6.2
  make_sentence_encoder.py base OUT-DIR TOKENIZER    a T5 of sentence-t5-base's shape with random weights, for tests/parity/embed_transformers.py

Beside the model: texts.json, an array of {"text", "tokens", "vector"}; vectors in float64 arithmetic.
"""
import json, os, sys

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Dense, Normalize, Pooling, Transformer
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, BertTokenizerFast, PreTrainedTokenizerFast, T5Config, T5EncoderModel

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


def save_bert(folder):
    base = folder + ".base"
    save_base(base)
    return [Transformer(base, max_seq_length=TOKENS_MAX), Pooling(24, pooling_mode="mean"), Normalize()]


def make_t5_tokenizer():
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + [str(d) for d in range(10)] + list("ABCR,.:()!-éЁ護霜\U0001f642")
    words = ["▁", "▁red", "▁nail", "▁polish", "▁hair", "▁cream", "▁brush", "ing", "er", "sham", "poo", "▁sham", "▁of"]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + [(x, -2.0 - 0.1 * i) for i, x in enumerate(words)]
    pieces += [(x, -6.0 - 0.01 * i) for i, x in enumerate(dict.fromkeys(letters))]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", pad_token="<pad>"), len(pieces)


def save_t5(folder):
    base = folder + ".base"
    torch.manual_seed(SEED)
    tokenizer, vocabulary = make_t5_tokenizer()
    config = T5Config(vocab_size=vocabulary + 3, d_model=24, d_kv=5, num_heads=3, d_ff=40, num_layers=2, feed_forward_proj="relu",
                      relative_attention_num_buckets=8, relative_attention_max_distance=12)
    model = T5EncoderModel(config).eval()
    for name, value in model.named_parameters():
        value.data = 1 + 0.2 * torch.randn_like(value) if value.dim() == 1 else 0.4 * torch.randn_like(value)
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    layers = [Dense(24, 20, bias=True, activation_function=torch.nn.Tanh()), Dense(20, 16, bias=False, activation_function=torch.nn.Identity())]
    return [Transformer(base, max_seq_length=TOKENS_MAX), Pooling(24, pooling_mode="mean")] + layers + [Normalize()]


def save_base_shape(folder, file):
    base = folder + ".base"
    torch.manual_seed(SEED)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=file, eos_token="</s>", unk_token="<unk>", pad_token="<unk>")
    T5EncoderModel(T5Config(vocab_size=len(tokenizer), d_model=768, num_heads=12, d_ff=3072, num_layers=12)).eval().save_pretrained(base)
    tokenizer.save_pretrained(base)
    layers = [Dense(768, 768, bias=False, activation_function=torch.nn.Identity()), Normalize()]
    modules = [Transformer(base, max_seq_length=256), Pooling(768, pooling_mode="mean")] + layers
    SentenceTransformer(modules=modules, device="cpu").save(folder, create_model_card=False)


def main():
    kind, out = sys.argv[1:3]
    if kind == "base":
        return save_base_shape(out, sys.argv[3])
    encoder = SentenceTransformer(modules=(save_t5 if kind == "t5" else save_bert)(out), device="cpu")
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
