#include "common/base/arena.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/checked.h"

nj_status nj_arena_init(nj_arena *arena, size_t capacity, nj_error *err)
{
    size_t rounded = nj_arena_cost(nj_max_size(capacity, 1));
    uint8_t *block = rounded == SIZE_MAX ? NULL : aligned_alloc(NJ_ARENA_ALIGN, rounded);
    if (block == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a scratch area of %zu bytes", capacity);
    }
    *arena = (nj_arena){.block = block, .capacity = rounded};
    return NJ_OK;
}

void nj_arena_fini(nj_arena *arena)
{
    free(arena->block);
    *arena = (nj_arena){0};
}

size_t nj_arena_cost(size_t bytes)
{
    return bytes > SIZE_MAX - NJ_ARENA_ALIGN ? SIZE_MAX : nj_round_up(bytes, NJ_ARENA_ALIGN);
}

void *nj_arena_take(nj_arena *arena, size_t bytes)
{
    size_t cost = nj_arena_cost(bytes);
    assert(cost <= arena->capacity - arena->used);
    void *taken = arena->block + arena->used;
    arena->used += cost;
    if (arena->used > arena->peak) {
        arena->peak = arena->used;
    }
    return taken;
}
