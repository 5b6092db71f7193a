// tokenizer.h - text to the token ids of a checkpoint, as its own tokenizer gives them.
//
//   text ──► added tokens ──► normalizer ──► pre-tokenizer ──► model ──► template ──► ids
//            cut out whole    NFC, charsmap  regex, Metaspace  BPE or     <s> ... </s>
//                                                              Unigram
//
// Three files are read: `tokenizer.json` (byte-level BPE of GPT-2, Llama 3, Qwen2 and Qwen3; SentencePiece BPE and Unigram as
// HuggingFace writes them), and SentencePiece's own `spiece.model` and `tokenizer.model`. What a file asks for and this
// code does not know is refused by its name: no id is ever guessed. A file's truncation and padding are passed over, and a
// decoder that is not known is refused when text is read back.
//
// A tokenizer is read-only once it is open: any number of threads may use it.
//
// Source  HuggingFace tokenizers 0.23.3 for tokenizer.json, sentencepiece 0.2.3 for *.model
#ifndef NJ_TEXT_TOKENIZER_H
#define NJ_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_TOKENIZER_FILE_BYTES_MAX ((size_t)256 << 20)
#define NJ_TOKENIZER_VOCABULARY_MAX (1u << 22)         // an id is below it
#define NJ_TOKENIZER_TOKEN_BYTES_MAX 4096              // of one token's text
#define NJ_TOKENIZER_TEXT_BYTES_MAX ((size_t)16 << 20) // of a text, at each stage of its way
#define NJ_TOKENIZER_NONE UINT32_MAX                   // no such token

typedef struct nj_tokenizer nj_tokenizer;

/// Reads a tokenizer. `path` is a tokenizer.json, a SentencePiece model, or a folder that holds tokenizer.json, spiece.model or
/// tokenizer.model (the first of them that is there). Beside a SentencePiece model, tokenizer_config.json says which special
/// tokens stand around a text (T5: </s> behind it; Llama: <s> before it, add_bos_token and add_eos_token); without it none do. T5's brings
/// <extra_id_0> to <extra_id_99> (extra_ids), the last ids, and cuts them and the control pieces out of a text.
///
/// Owns    *out is yours: nj_tokenizer_close
/// Errors  NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY; NJ_INPUT: a file that breaks its format, contradicts itself or asks for a
///         model, normalizer, pre-tokenizer, pattern or post-processor that is not known
NJ_CHECKED nj_status nj_tokenizer_open(const char *path, nj_tokenizer **out, nj_error *err);

/// The same from bytes in memory, copied where they are needed: a tokenizer.json, or what nj_tokenizer_pack wrote. `what` names them in errors.
NJ_CHECKED nj_status nj_tokenizer_open_bytes(nj_slice bytes, const char *what, nj_tokenizer **out,
                                             nj_error *err);
/// Appends the bytes of which nj_tokenizer_open_bytes makes this tokenizer again: its file, read once more, and before a SentencePiece
/// model what tokenizer_config.json says of it.
///
/// Errors  NJ_INPUT: the tokenizer was itself opened from bytes; NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY. `out` may hold a part then
NJ_CHECKED nj_status nj_tokenizer_pack(const nj_tokenizer *tokenizer, nj_buffer *out,
                                       nj_error *err);

/// Accepts NULL; *tokenizer is NULL afterwards.
void nj_tokenizer_close(nj_tokenizer **tokenizer);

/// Appends the ids of a text to `ids`, uint32_t each.
///
///   text     in   UTF-8 of at most NJ_TOKENIZER_TEXT_BYTES_MAX bytes; empty text gives the special tokens alone
///   special  in   true: with the tokens that the file puts around a text; false: the text's own (of a title inside a prompt)
///
/// On failure `ids` is unchanged.
/// Errors  NJ_INPUT: bytes that are no UTF-8 or too many; a character with no token where the file has no unknown token;
///         NJ_NO_MEMORY
/// Proof   tests/unit/text/test_tokenizer.c, tests/parity/tokenizer_parity.py
NJ_CHECKED nj_status nj_tokenizer_encode(const nj_tokenizer *tokenizer, nj_slice text, bool special,
                                         nj_buffer *ids, nj_error *err);

/// The same of text that stands directly behind a token that is cut out of the text it is in, as an added token is: what a tokenizer puts
/// in front of a text's beginning it may leave out here. Without the special tokens around a text.
NJ_CHECKED nj_status nj_tokenizer_encode_behind(const nj_tokenizer *tokenizer, nj_slice text,
                                                nj_buffer *ids, nj_error *err);

/// Appends the text of ids as HuggingFace's decode with skip_special_tokens=True and clean_up_tokenization_spaces=False gives it; of a *.model
/// as sentencepiece gives it, control and unknown pieces left out. An id that no token has adds nothing, and bytes that are no UTF-8 become
/// U+FFFD.
///
/// Errors  NJ_INPUT: a decoder that is not known; NJ_NO_MEMORY, also beyond NJ_TOKENIZER_TEXT_BYTES_MAX. `text` is then unchanged
/// Proof   tests/unit/text/test_tokenizer_decode.c
NJ_CHECKED nj_status nj_tokenizer_decode(const nj_tokenizer *tokenizer, const uint32_t *ids,
                                         size_t count, nj_buffer *text, nj_error *err);

/// True for a token whose text begins with SentencePiece's word mark (U+2581): P5's whole words (schemas/prompt.md).
bool nj_tokenizer_begins_word(const nj_tokenizer *tokenizer, uint32_t id);

/// The special tokens that nj_tokenizer_encode puts around a text: [*out_count], the first *out_before of them in front of it. Borrowed.
const uint32_t *nj_tokenizer_around(const nj_tokenizer *tokenizer, size_t *out_before,
                                    size_t *out_count);

/// The id of a token by its exact text ("</s>", "<|im_start|>"); NJ_TOKENIZER_NONE where there is none.
uint32_t nj_tokenizer_id(const nj_tokenizer *tokenizer, nj_slice token);

/// One more than the highest id, added tokens included: the least vocabulary that a model must have.
uint32_t nj_tokenizer_vocabulary(const nj_tokenizer *tokenizer);

/// What was read, for people: "byte-level BPE", "SentencePiece BPE", "SentencePiece Unigram". Static.
const char *nj_tokenizer_kind(const nj_tokenizer *tokenizer);

/// The file that was read; borrowed until close.
const char *nj_tokenizer_path(const nj_tokenizer *tokenizer);

#endif
