// trie_build.h - from the SIDs of a catalogue to the bytes that trie.h walks.
#ifndef NJ_SID_TRIE_BUILD_H
#define NJ_SID_TRIE_BUILD_H

#include "common/base/buffer.h"
#include "common/sid/trie.h"

// SIDs of all catalogue rows.
typedef struct {
    const uint16_t *codes;                   // [N, L] row-major; borrowed
    uint32_t row_count;                      // N
    uint32_t level_count;                    // L, 1..NJ_LEVELS_MAX
    uint32_t codes_per_level[NJ_LEVELS_MAX]; // K of each level, 2..NJ_CODES_MAX
    const uint8_t *retired;                  // [N] 1 = has a SID, but no leaf; NULL when none is
} nj_sids;

/// Checks sizes and that every code is below its level's K.
///
/// Errors  NJ_INPUT names row, level and both numbers
NJ_CHECKED nj_status nj_sids_check(const nj_sids *sids, nj_error *err);

/// Sorts rows by SID and appends the section's bytes to `out` (empty before). Rows with equal SIDs share a leaf in row order.
/// The same SIDs give the same bytes, whatever the number of threads. Rows in the order of their SIDs need no sort.
///
/// Threads as many as the process may use processors, fewer for few rows; nj_trie_build_on takes their number, 0 for that
/// Memory  sorted 4 bytes a row and the result while it runs, unsorted 20
/// Errors  NJ_INPUT: a code is not below its level's K (names row, level, both numbers), there is no row, or all are retired;
///         NJ_NO_MEMORY. `out` is unchanged then.
/// Proof   tests/unit/sid/test_trie.c
NJ_CHECKED nj_status nj_trie_build(const nj_sids *sids, nj_buffer *out, nj_error *err);
NJ_CHECKED nj_status nj_trie_build_on(const nj_sids *sids, uint32_t thread_count, nj_buffer *out,
                                      nj_error *err);

#endif
