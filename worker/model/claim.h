// claim.h - memory that is planned and taken by the same lines of code.
//
//   plan   claim = {0}          every call adds to `bytes` and gives NULL
//   take   claim = {.arena}     the same calls give the memory that was planned
#ifndef NJ_WORKER_MODEL_CLAIM_H
#define NJ_WORKER_MODEL_CLAIM_H

#include <stddef.h>

#include "common/base/arena.h"

typedef struct {
    nj_arena *arena; // NULL: count only
    size_t bytes;    // claimed so far; SIZE_MAX once it has overflowed
} nj_claim;

/// [outer, rows, row_bytes] from the arena, or NULL when only counting.
void *nj_claim_bytes(nj_claim *claim, size_t outer, size_t rows, size_t row_bytes);
float *nj_claim_floats(nj_claim *claim, size_t outer, size_t rows, size_t row_floats);

/// Distance between rows of n floats: rows of a multiple of 4,096 bytes would all fall on the same sets of the L1 cache.
static inline size_t nj_claim_row(size_t n)
{
    return n % 1024 == 0 ? n + 16 : n;
}

/// Room for any row of at most n floats: the padded row of fewer may be the longer one.
static inline size_t nj_claim_row_max(size_t n)
{
    return n + 16;
}

#endif
