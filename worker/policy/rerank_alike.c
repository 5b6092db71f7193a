// rerank_alike.c - how alike a candidate is to each of its pool.
#include "worker/policy/rerank_parts.h"

#include <string.h>

static bool is_by_vectors(const nj_rerank_inputs *inputs)
{
    return inputs->policy->alike == NJ_ALIKE_VECTORS;
}

static bool is_wide(const nj_item_vectors *vectors)
{
    return vectors->f32 != NULL;
}

size_t nj_rerank_alike_bytes(const nj_rerank_inputs *inputs)
{
    const size_t count = inputs->pool_max;
    if (!is_by_vectors(inputs)) {
        return 0;
    }
    size_t bytes = nj_rerank_cost(count, sizeof(float *));
    bytes = nj_rerank_add_cost(bytes, 2 * nj_rerank_cost(count, sizeof(uint32_t)));
    bytes = nj_rerank_add_cost(bytes, nj_rerank_cost(count, sizeof(float)));
    return is_wide(inputs->vectors)
               ? bytes
               : nj_rerank_add_cost(bytes,
                                    nj_rerank_cost(count, inputs->vectors->width * sizeof(float)));
}

void nj_rerank_alike_begin(nj_rerank *rerank, nj_arena *arena)
{
    const nj_item_vectors *vectors = rerank->inputs->vectors;
    rerank_alike *look = &rerank->look;
    const size_t count = rerank->count;
    if (!is_by_vectors(rerank->inputs)) {
        return;
    }
    const size_t D = vectors->width;
    look->vectors = nj_arena_take(arena, count * sizeof *look->vectors);
    look->owners = nj_arena_take(arena, count * sizeof *look->owners);
    look->places = nj_arena_take(arena, count * sizeof *look->places);
    look->products = nj_arena_take(arena, count * sizeof *look->products);
    look->rows = is_wide(vectors) ? NULL : nj_arena_take(arena, count * D * sizeof *look->rows);
    look->vector_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t row = rerank->pool[i].row;
        look->places[i] = NJ_POLICY_NONE;
        if (nj_item_vectors_is_zero(vectors, row)) {
            continue;
        }
        const uint32_t place = look->vector_count++;
        if (!is_wide(vectors)) {
            nj_item_vectors_row(vectors, row, look->rows + place * D);
        }
        look->vectors[place] = is_wide(vectors) ? vectors->f32 + row * D : look->rows + place * D;
        look->owners[place] = i;
        look->places[i] = place;
    }
}

// Those that were taken need no more products.
static void forget_taken(nj_rerank *rerank)
{
    rerank_alike *look = &rerank->look;
    uint32_t left = 0;
    for (uint32_t place = 0; place < look->vector_count; place++) {
        const uint32_t owner = look->owners[place];
        if (rerank->taken[owner] == 0) {
            look->owners[left] = owner;
            look->places[owner] = left;
            look->vectors[left++] = look->vectors[place];
        }
    }
    look->vector_count = left;
}

static void compare_vectors(nj_rerank *rerank, uint32_t index)
{
    rerank_alike *look = &rerank->look;
    memset(rerank->alike, 0, rerank->count * sizeof *rerank->alike);
    if (look->places[index] == NJ_POLICY_NONE) {
        return;
    }
    const float *own = look->vectors[look->places[index]];
    const bool halved = rerank->inputs->policy->rerank == NJ_RERANK_DETERMINANTAL;
    forget_taken(rerank);
    rerank->inputs->kernels->head_scores(look->vector_count, 1, rerank->inputs->vectors->width, own,
                                         look->vectors, look->products, rerank->count);
    for (uint32_t place = 0; place < look->vector_count; place++) {
        const float cosine = look->products[place];
        rerank->alike[look->owners[place]] = halved ? (1 + cosine) * 0.5f : cosine;
    }
}

static void compare_prefixes(nj_rerank *rerank, uint32_t index)
{
    const nj_sids *sids = rerank->inputs->sids;
    const uint32_t L = sids->level_count;
    const uint16_t *own = sids->codes + (size_t)rerank->pool[index].row * L;
    for (uint32_t i = 0; i < rerank->count; i++) {
        const uint16_t *codes = sids->codes + (size_t)rerank->pool[i].row * L;
        uint32_t common = 0;
        while (common < L && codes[common] == own[common]) {
            common++;
        }
        rerank->alike[i] = (float)common / (float)L;
    }
}

void nj_rerank_alike_to(nj_rerank *rerank, uint32_t index)
{
    if (is_by_vectors(rerank->inputs)) {
        compare_vectors(rerank, index);
    } else {
        compare_prefixes(rerank, index);
    }
}
