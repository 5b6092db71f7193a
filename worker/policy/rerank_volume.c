// rerank_volume.c - what each candidate adds to the volume of those that were chosen: the fast greedy search of determinants.
//
// With L the matrix of alike and V the Cholesky factor of its rows and columns that were chosen, each candidate i keeps c(i), the solution
// of V c = L(chosen, i), and d(i)^2 = L(i, i) - |c(i)|^2. Choosing j gives every c(i) one more element:
//
//   e(i) = (L(j, i) - c(j) c(i)) / d(j)        d(i)^2 -= e(i)^2
#include "worker/policy/rerank_parts.h"

#include <math.h>

size_t nj_rerank_volume_bytes(const nj_rerank_inputs *inputs)
{
    const size_t factors = nj_rerank_cost((size_t)inputs->top * inputs->pool_max, sizeof(float));
    return nj_rerank_add_cost(factors, nj_rerank_cost(inputs->pool_max, sizeof(float)));
}

void nj_rerank_volume_begin(nj_rerank *rerank, nj_arena *arena)
{
    rerank_volume *volume = &rerank->volume;
    const size_t top = rerank->inputs->top;
    volume->factors = nj_arena_take(arena, top * rerank->count * sizeof *volume->factors);
    volume->volumes = nj_arena_take(arena, rerank->count * sizeof *volume->volumes);
    volume->factor_count = 0;
    for (uint32_t i = 0; i < rerank->count; i++) {
        volume->volumes[i] = 1;
    }
}

// What lies in the span of the others has nothing in common with anything that they have not.
void nj_rerank_volume_take(nj_rerank *rerank, uint32_t index)
{
    rerank_volume *volume = &rerank->volume;
    const size_t count = rerank->count;
    if (volume->volumes[index] < NJ_RERANK_LEAST_VOLUME) {
        return;
    }
    float *added = volume->factors + volume->factor_count * count;
    for (size_t i = 0; i < count; i++) {
        added[i] = 0;
    }
    for (uint32_t k = 0; k < volume->factor_count; k++) {
        const float *factor = volume->factors + k * count;
        const float own = factor[index];
        for (size_t i = 0; i < count; i++) {
            added[i] += own * factor[i];
        }
    }
    const float length = sqrtf(volume->volumes[index]);
    for (size_t i = 0; i < count; i++) {
        added[i] = (rerank->alike[i] - added[i]) / length;
        volume->volumes[i] -= added[i] * added[i];
    }
    volume->factor_count++;
}
