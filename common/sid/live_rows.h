// live_rows.h - which catalogue rows stand in a leaf: what a list may name. The others are retired: they have a SID, for the
// histories that know them, and no leaf.
#ifndef NJ_SID_LIVE_ROWS_H
#define NJ_SID_LIVE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bits.h"
#include "common/base/error.h"
#include "common/sid/trie.h"

typedef struct {
    uint64_t
        *bits; // owned; [ceil(row_count / 64)], bit r % 64 of word r / 64; NULL = every row is live
    uint32_t row_count; // N
    uint32_t live_count;
} nj_live_rows;

/// Marks the rows of every leaf. `row_count` is the one that the trie was opened with.
///
/// Memory  one bit a row until nj_live_rows_fini
/// Errors  NJ_NO_MEMORY; `*out` is unchanged then
/// Proof   tests/unit/sid/test_live_rows.c
NJ_CHECKED nj_status nj_live_rows_init(const nj_trie *trie, uint32_t row_count, nj_live_rows *out,
                                       nj_error *err);
/// Accepts a struct that is all zero.
void nj_live_rows_fini(nj_live_rows *live);

/// `row` is below row_count.
static inline bool nj_live_rows_has(const nj_live_rows *live, size_t row)
{
    return live->bits == NULL || nj_bits_has(live->bits, row);
}

#endif
