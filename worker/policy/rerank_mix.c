// rerank_mix.c - how far a list's categories are from those of the user's history.
#include "worker/policy/rerank_parts.h"

#include <string.h>

#include "common/math/vecmath.h"

static const uint32_t *column_of(const nj_rerank_inputs *inputs)
{
    return inputs->attributes->columns[inputs->policy->calibration_attribute].of_row;
}

size_t nj_rerank_mix_bytes(const nj_rerank_inputs *inputs)
{
    const size_t groups = inputs->history_max;
    const size_t array = nj_rerank_cost(groups + 1, sizeof(uint32_t));
    size_t bytes = 0;
    for (unsigned arrays = 0; arrays < 7; arrays++) {
        bytes = nj_rerank_add_cost(bytes, array);
    }
    return nj_rerank_add_cost(bytes, nj_rerank_cost(inputs->pool_max, sizeof(uint32_t)));
}

static uint32_t find_group(const rerank_mix *mix, uint32_t value)
{
    uint32_t group = 0;
    while (group < mix->group_count && mix->values[group] != value) {
        group++;
    }
    return group;
}

// The term of a category of which a list of n has `held`. Of none it is the same for every n.
static float diverge(float share, uint32_t held, uint32_t n)
{
    const float listed = (float)held / (float)n;
    const float smoothed = (1 - NJ_RERANK_SMOOTHING) * listed + NJ_RERANK_SMOOTHING * share;
    return share * nj_log(share / smoothed);
}

// KL of a list of n that has one more of each group, for the groups of which there are candidates.
static void measure(rerank_mix *mix, uint32_t n)
{
    float rest = 0;
    for (uint32_t g = 0; g < mix->group_count; g++) {
        mix->terms[g] =
            mix->counts[g] == 0 ? mix->absent[g] : diverge(mix->shares[g], mix->counts[g], n);
        rest += mix->terms[g];
    }
    for (uint32_t g = 0; g < mix->group_count; g++) {
        mix->with[g] = mix->open[g] == 0
                           ? 0
                           : rest - mix->terms[g] + diverge(mix->shares[g], mix->counts[g] + 1, n);
    }
    mix->with[mix->group_count] = rest;
}

static void count_history(rerank_mix *mix, const uint32_t *of_row, const uint32_t *history,
                          uint32_t history_count)
{
    uint32_t known = 0;
    for (uint32_t h = 0; h < history_count; h++) {
        const uint32_t value = of_row[history[h]];
        if (value == NJ_ATTRIBUTE_NONE) {
            continue;
        }
        const uint32_t group = find_group(mix, value);
        if (group == mix->group_count) {
            mix->values[mix->group_count] = value;
            mix->counts[mix->group_count++] = 0;
        }
        mix->counts[group]++;
        known++;
    }
    for (uint32_t g = 0; g < mix->group_count; g++) {
        mix->shares[g] = (float)mix->counts[g] / (float)known;
        mix->absent[g] = diverge(mix->shares[g], 0, 1);
        mix->now += mix->absent[g];
        mix->counts[g] = 0;
    }
}

void nj_rerank_mix_begin(nj_rerank *rerank, const uint32_t *history, uint32_t history_count,
                         nj_arena *arena)
{
    const uint32_t *of_row = column_of(rerank->inputs);
    const uint32_t most = rerank->inputs->history_max;
    const size_t groups = history_count < most ? history_count : most;
    rerank_mix *mix = &rerank->mix;
    const size_t array_bytes = (groups + 1) * sizeof(uint32_t);
    mix->values = nj_arena_take(arena, array_bytes);
    mix->counts = nj_arena_take(arena, array_bytes);
    mix->open = nj_arena_take(arena, array_bytes);
    mix->shares = nj_arena_take(arena, array_bytes);
    mix->absent = nj_arena_take(arena, array_bytes);
    mix->terms = nj_arena_take(arena, array_bytes);
    mix->with = nj_arena_take(arena, array_bytes);
    mix->groups = nj_arena_take(arena, rerank->count * sizeof *mix->groups);
    mix->group_count = 0;
    mix->now = 0;
    memset(mix->open, 0, array_bytes);
    if (groups > 0) {
        count_history(mix, of_row, history + (history_count - groups), (uint32_t)groups);
    }
    for (uint32_t i = 0; i < rerank->count; i++) {
        mix->groups[i] = find_group(mix, of_row[rerank->pool[i].row]);
        mix->open[mix->groups[i]]++;
    }
    measure(mix, 1);
}

void nj_rerank_mix_take(nj_rerank *rerank, uint32_t index)
{
    rerank_mix *mix = &rerank->mix;
    const uint32_t group = mix->groups[index];
    mix->now = mix->with[group];
    mix->counts[group] += group < mix->group_count;
    mix->open[group]--;
    measure(mix, rerank->chosen_count + 1);
}
