// wordpiece.h - BERT's tokens of a text: what HuggingFace's fast BertTokenizer makes, token for token.
//
//   "Crème brûlée 护手霜!"  ──normalise──►  "creme brulee  护  手  霜 !"  ──split──►  creme | brulee | 护 | 手 | 霜 | !
//   brulee  ──pieces──►  br ##ule ##e         [CLS] creme br ##ule ##e 护 手 霜 ! [SEP]
//
// Normalising: control, format and private characters go, white space becomes a space, CJK characters get spaces around them, accents are
// decomposed and their marks go, letters become small. A word is what stands between spaces and punctuation; each punctuation
// character is one. A word is the longest pieces of the vocabulary from the left, or one [UNK] where that does not come out, or
// where it has more than 100 characters. Special tokens that stand in the text as the tokenizer writes them ("[SEP]") are
// themselves.
//
// Facts that surprise (tokenizers 0.23): the tables of marks and punctuation are those of Unicode 8, of lower case those of Unicode 17: an accent
// that a later version of Unicode brought stays; U+2B820 .. U+2B91F are left out of CJK; U+1734 counts as a mark and U+166D and U+111C9 as
// punctuation. U+11938, which Unicode 13 brought, is decomposed here and not there.
//
// Source  Devlin et al. 2019 and google-research/bert, tokenization.py; tokenizers 0.23, normalizers/bert.rs, pre_tokenizers/bert.rs,
//         models/wordpiece
// Proof   tests/unit/text/test_wordpiece.c, tests/parity/embed_transformers.py
#ifndef NJ_TEXT_WORDPIECE_H
#define NJ_TEXT_WORDPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_WORDPIECE_VOCABULARY_MAX (1 << 24)
#define NJ_WORDPIECE_TEXT_BYTES_MAX ((size_t)64 << 20)
#define NJ_WORDPIECE_WORD_POINTS_MAX 10000 // that max_input_chars_per_word may be

typedef struct nj_wordpiece nj_wordpiece;

/// Opens the tokenizer of a HuggingFace folder: tokenizer.json, else vocab.txt with what tokenizer_config.json says.
///
/// Errors  NJ_NOT_FOUND: neither is there; NJ_INPUT names file, rule and value: a model that is no WordPiece, a normaliser, splitter or template that
///         is no BERT's, a piece twice, an id out of range, no [UNK], [CLS] or [SEP]; two files that disagree on lower case
NJ_CHECKED nj_status nj_wordpiece_open(const char *folder, nj_wordpiece **out, nj_error *err);
/// Accepts NULL in *tokenizer.
void nj_wordpiece_close(nj_wordpiece **tokenizer);

/// One more than the largest id.
size_t nj_wordpiece_vocabulary(const nj_wordpiece *tokenizer);

/// Appends [CLS], the text's tokens and [SEP] to `out` (uint32_t each); tokens beyond tokens_max in all are cut off before [SEP]. One text at a time.
///
///   tokens_max  at least 2
///   out_cut     whether something was cut off; may be NULL
///
/// Errors  NJ_INPUT: the text is no UTF-8 (which byte) or beyond NJ_WORDPIECE_TEXT_BYTES_MAX; NJ_NO_MEMORY. `out` is then as it was
NJ_CHECKED nj_status nj_wordpiece_encode(nj_wordpiece *tokenizer, nj_slice text, size_t tokens_max,
                                         nj_buffer *out, bool *out_cut, nj_error *err);

#endif
