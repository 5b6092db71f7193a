// suggest.h - "did you mean": the word of a table that a mistyped one is nearest to.
#ifndef NJ_CLI_SUGGEST_H
#define NJ_CLI_SUGGEST_H

#include <stddef.h>

#define NJ_SUGGEST_BYTES_MAX 48 // a longer word is like none

typedef struct {
    const char *word;    // borrowed
    const char *nearest; // borrowed; NULL: no candidate is near
    size_t edits;        // between the two
} nj_suggestion;

/// Letters to insert, remove, change or swap with their neighbour to make one word of the other; '_' is '-'. Words longer
/// than NJ_SUGGEST_BYTES_MAX are SIZE_MAX apart.
///
/// Source  optimal string alignment: Damerau 1964, restricted so that no part is edited twice
/// Proof   tests/unit/cli/test_suggest.c
size_t nj_word_edits(const char *a, const char *b);

/// Takes the candidate where it is nearer than the one before and near enough: at most one edit for each three letters
/// (and one for shorter words), or one begins with the other's first three letters and more.
void nj_suggestion_offer(nj_suggestion *suggestion, const char *candidate);

#endif
