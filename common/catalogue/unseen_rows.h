// unseen_rows.h - vectors for items that a model has not seen, from the seen items that are most like them.
//
//   embeddings [N, D], which items are seen ─► of each unseen item the seen ones of the largest cosine ─► the mean of their vectors
//
// So an item without interactions gets a place among those that have them: in a joined embedding, and in a recommender's table.
#ifndef NJ_CATALOGUE_UNSEEN_ROWS_H
#define NJ_CATALOGUE_UNSEEN_ROWS_H

#include "common/base/pool.h"
#include "common/input/npy.h"

#define NJ_UNSEEN_NEAREST                                                                          \
    10 // seen items whose mean an unseen item gets, where nobody says otherwise
#define NJ_UNSEEN_NEAREST_MAX 1000

typedef struct {
    uint32_t count;    // unseen items
    uint32_t nearest;  // seen items kept of each, at the most
    uint32_t *rows;    // owned; [count] the unseen items, ascending
    uint32_t *found;   // owned; [count] seen items kept of each: 0 where its embedding is all zeros
    uint32_t *sources; // owned; [count, nearest] best first; of equal ones the smaller row
} nj_unseen_rows;

/// Finds the nearest. Seen items whose embedding is all zeros are near to nobody.
///
///   embeddings  [N, D] float
///   seen        [N bits] (common/base/bits.h)
///   nearest     1..NJ_UNSEEN_NEAREST_MAX
///
/// Order   lengths in float64 over d ascending; a cosine is one chain of fused products of the rows of length 1: the same bits whatever
///         the threads
/// Memory  8 N D bytes while it runs, and of each thread 300 KiB and its lists
/// Errors  NJ_INPUT: no matrix, or a value that is not finite; NJ_NO_MEMORY. *out is then unchanged.
/// Proof   tests/unit/catalogue/test_unseen_rows.c against plain loops
NJ_CHECKED nj_status nj_unseen_rows_find(const nj_npy *embeddings, const uint64_t *seen,
                                         uint32_t nearest, nj_pool *pool, nj_unseen_rows *out,
                                         nj_error *err);
/// Accepts a struct that is all zero.
void nj_unseen_rows_fini(nj_unseen_rows *unseen);

/// Overwrites the row of each unseen item by the mean of its nearest ones' rows, summed best first in float64; zeros where it has none.
///
///   vectors  [N, width]  in/out
///   length   0: the mean as it is, which is shorter than what it is the mean of; else it is brought to so many times their mean length
void nj_unseen_rows_fill(const nj_unseen_rows *unseen, double length, float *vectors, size_t width);

#endif
