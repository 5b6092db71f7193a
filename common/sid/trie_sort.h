// trie_sort.h - catalogue rows in the order of their SIDs; private to common/sid.
#ifndef NJ_SID_TRIE_SORT_H
#define NJ_SID_TRIE_SORT_H

#include <string.h>

#include "common/sid/trie_build.h"

// Rows that get a leaf, in the order of their SIDs, equal SIDs in row order.
typedef struct {
    uint32_t *rows; // [count] owned: free
    uint32_t count;
} nj_sorted_rows;

static inline const uint16_t *nj_sid_at(const nj_sids *sids, uint32_t row)
{
    return sids->codes + (size_t)row * sids->level_count;
}

/// The first level on which two SIDs differ; L where they are equal. Four levels are compared at once: the lowest bits of eight bytes
/// hold the first code.
static inline uint32_t nj_sid_branch(const uint16_t *a, const uint16_t *b, uint32_t level_count)
{
    uint32_t l = 0;
    for (; l + 4 <= level_count; l += 4) {
        uint64_t x;
        uint64_t y;
        memcpy(&x, a + l, sizeof x);
        memcpy(&y, b + l, sizeof y);
        if (x != y) {
            return l + (uint32_t)__builtin_ctzll(x ^ y) / 16;
        }
    }
    while (l < level_count && a[l] == b[l]) {
        l++;
    }
    return l;
}

/// Checks all SIDs and sorts the rows that are not retired. Rows that are in order already cost one pass.
///
/// Sort    radix, eight bits a pass, least significant first: stable, linear in rows, the same for any part_count
/// Memory  16 bytes a row while it runs, 4 in order; 4 to 8 remain with the caller
/// Errors  NJ_INPUT as nj_sids_check, or all rows are retired; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_trie_sort(const nj_sids *sids, uint32_t part_count, nj_sorted_rows *out,
                                  nj_error *err);

#endif
