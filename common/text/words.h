// words.h - the words of a text in any script, each in one spelling.
//
//   "Déjà-Vu ＣＲÈＭＥ, 50ml"  ──►  déjà  vu  crème  50ml
//
// A text is folded first: compatibility forms become the usual ones, case is folded, letters and their marks are composed, characters that
// nobody sees (soft hyphens, joiners) go. A word is a run of letters, marks and digits that has at least two characters; of scripts
// that put no space between words (Han, Kana) each letter is a word.
//
// Source  Unicode Standard Annex 15 (normalisation), section 3.13 of the Unicode Standard (case folding), as utf8proc has them
#ifndef NJ_TEXT_WORDS_H
#define NJ_TEXT_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_WORD_BYTES_MAX 256 // a longer run is no word and is passed over

typedef struct {
    nj_buffer text;          // owned; the text, bytes that are no UTF-8 blanked
    nj_buffer points;        // owned; its folded code points, int32_t
    size_t next;             // of points
    uint64_t bad_byte_count; // bytes that were no UTF-8, of all texts so far; each ends a word
    char word[NJ_WORD_BYTES_MAX];
} nj_words;

void nj_words_init(nj_words *words);
void nj_words_fini(nj_words *words);

/// Begins with a text, which is copied.
/// Memory  up to 4 times the text's bytes; of single characters (U+FDFA) up to 24 times
/// Errors  NJ_NO_MEMORY; NJ_INPUT: utf8proc refuses the text
NJ_CHECKED nj_status nj_words_open(nj_words *words, nj_slice text, nj_error *err);

/// The next word, borrowed until the next call; false behind the last.
/// Proof   tests/unit/text/test_words.c
bool nj_words_next(nj_words *words, nj_slice *out);

#endif
