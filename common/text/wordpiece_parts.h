// wordpiece_parts.h - what the files of the tokenizer share. Nobody else includes it.
#ifndef NJ_TEXT_WORDPIECE_PARTS_H
#define NJ_TEXT_WORDPIECE_PARTS_H

#include <stdbool.h>

#include "common/base/idlist.h"
#include "common/text/wordpiece.h"

#define NJ_WORDPIECE_SPECIALS_MAX 64

// Pieces that begin a word, or those that go on with one, without their "##".
typedef struct {
    nj_idlist_builder texts; // owned
    nj_idmap map;            // owned; of texts
    nj_buffer ids;           // owned; uint32_t a text
    size_t bytes_max;        // of the longest
} nj_wordpiece_pieces;

typedef struct {
    char *text; // owned
    size_t size;
    uint32_t id;
} nj_wordpiece_special;

struct nj_wordpiece {
    nj_wordpiece_pieces begin;
    nj_wordpiece_pieces inside;
    size_t vocabulary;
    bool makes_small;
    bool strips_accents;
    bool spaces_cjk;
    size_t word_points_max;
    uint32_t unknown;
    uint32_t first; // [CLS]
    uint32_t last;  // [SEP]
    nj_wordpiece_special specials[NJ_WORDPIECE_SPECIALS_MAX];
    size_t special_count;

    // The text at hand.
    nj_buffer text;   // cleaned
    nj_buffer points; // int32_t, decomposed
    nj_buffer word;
};

/// The id of a text; false when there is none.
bool nj_wordpiece_find(const nj_wordpiece_pieces *pieces, nj_slice text, uint32_t *out);

// ---- characters (wordpiece_points.c), as the tables of the original have them ----

typedef enum {
    NJ_POINT_LETTER, // of a word
    NJ_POINT_SPACE,
    NJ_POINT_NOTHING, // control, format, private, U+FFFD
    NJ_POINT_PUNCTUATION,
    NJ_POINT_MARK, // an accent, where accents are taken off; else of a word
    NJ_POINT_CJK,  // a word of its own, where they get spaces; else of a word
} nj_point_kind;

nj_point_kind nj_wordpiece_kind(int32_t point);
/// The small letter; U+0130, which has two, is the caller's.
int32_t nj_wordpiece_small(int32_t point);

#endif
