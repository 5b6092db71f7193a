// arena.h - one allocation, handed out in order, given back by rewinding.
//
//   [ block ............................................ ]
//     ^ mark      ^ used                                  ^ capacity
//
// The engine sizes it before `ready`; afterwards a request that does not fit is a planning mistake and asserts.
#ifndef NJ_BASE_ARENA_H
#define NJ_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define NJ_ARENA_ALIGN 64

typedef struct {
    uint8_t *block; // owned
    size_t used;
    size_t peak; // the highest `used` so far
    size_t capacity;
} nj_arena;

/// One block of `capacity` bytes, rounded up to NJ_ARENA_ALIGN. NJ_NO_MEMORY also for the SIZE_MAX of a plan that overflowed.
NJ_CHECKED nj_status nj_arena_init(nj_arena *arena, size_t capacity, nj_error *err);
void nj_arena_fini(nj_arena *arena);

/// Scratch of `bytes`, aligned to NJ_ARENA_ALIGN, not cleared; gone at the next rewind below it. Never NULL.
void *nj_arena_take(nj_arena *arena, size_t bytes);

static inline size_t nj_arena_mark(const nj_arena *arena)
{
    return arena->used;
}

static inline void nj_arena_rewind(nj_arena *arena, size_t mark)
{
    arena->used = mark;
}

/// What nj_arena_take(bytes) consumes: for planning. SIZE_MAX when that does not fit.
size_t nj_arena_cost(size_t bytes);

#endif
