// beam_arrays.h - the arrays of a search: the same list of them serves to plan (arena NULL) and to take.
#ifndef NJ_WORKER_BEAM_BEAM_ARRAYS_H
#define NJ_WORKER_BEAM_BEAM_ARRAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/checked.h"

typedef struct {
    nj_arena *arena; // NULL: only counted
    size_t bytes;
    bool overflow;
} nj_beam_arrays;

/// Scratch of the arena; NULL where there is none to take from.
static inline void *nj_beam_array(nj_beam_arrays *a, size_t count, size_t element_bytes)
{
    size_t bytes;
    if (!nj_mul_size(count, element_bytes, &bytes) || bytes > SIZE_MAX / 2 ||
        !nj_add_size(a->bytes, nj_arena_cost(bytes), &a->bytes)) {
        a->overflow = true;
        return NULL;
    }
    return a->arena != NULL ? nj_arena_take(a->arena, bytes) : NULL;
}

#endif
