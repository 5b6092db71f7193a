#include "worker/policy/rerank.h"

#include <string.h>

#include "common/base/checked.h"
#include "common/math/vecmath.h"
#include "worker/policy/rerank_parts.h"

static bool is_reranked(const nj_rerank *rerank)
{
    return rerank->inputs->policy->rerank != NJ_RERANK_NONE;
}

static bool is_calibrated(const nj_rerank *rerank)
{
    return rerank->inputs->policy->calibration > 0;
}

nj_status nj_rerank_check(const nj_rerank_inputs *inputs, nj_error *err)
{
    const nj_policy *policy = inputs->policy;
    const uint32_t column = policy->calibration_attribute;
    if (policy->rerank != NJ_RERANK_NONE && policy->alike == NJ_ALIKE_VECTORS &&
        (inputs->vectors == NULL || inputs->vectors->width == 0)) {
        return nj_fail(err, NJ_CONFIG,
                       "the policy re-ranks by the items' vectors, and the bundle has no section "
                       "\"vectors\": pack it with --item-vectors, or let items be alike by prefix");
    }
    if (policy->calibration > 0 && inputs->attributes == NULL) {
        return nj_fail(err, NJ_CONFIG,
                       "the policy calibrates lists, and the bundle has no section \"attributes\": "
                       "pack it with --attributes");
    }
    if (policy->calibration > 0 && (column >= inputs->attributes->count ||
                                    inputs->attributes->columns[column].of_row == NULL)) {
        return nj_fail(err, NJ_CONFIG,
                       "the policy calibrates by column %u of the attributes, which has %u and "
                       "needs one of words there: pack the policy again with these attributes",
                       column, inputs->attributes->count);
    }
    return NJ_OK;
}

// ---- memory ----

size_t nj_rerank_cost(size_t count, size_t element_bytes)
{
    size_t bytes;
    return nj_mul_size(count, element_bytes, &bytes) ? nj_arena_cost(bytes) : SIZE_MAX;
}

size_t nj_rerank_add_cost(size_t a, size_t b)
{
    size_t sum;
    return nj_add_size(a, b, &sum) ? sum : SIZE_MAX;
}

size_t nj_rerank_scratch_bytes(const nj_rerank_inputs *inputs)
{
    const nj_policy *policy = inputs->policy;
    const size_t floats = nj_rerank_cost(inputs->pool_max, sizeof(float));
    size_t bytes = nj_rerank_add_cost(nj_arena_cost(sizeof(nj_rerank)),
                                      nj_rerank_cost(inputs->pool_max, sizeof(uint8_t)));
    for (unsigned arrays = 0; arrays < 5; arrays++) {
        bytes = nj_rerank_add_cost(bytes, floats);
    }
    if (policy->rerank != NJ_RERANK_NONE) {
        bytes = nj_rerank_add_cost(bytes, nj_rerank_alike_bytes(inputs));
    }
    if (policy->rerank == NJ_RERANK_DETERMINANTAL) {
        bytes = nj_rerank_add_cost(bytes, nj_rerank_volume_bytes(inputs));
    }
    if (policy->calibration > 0) {
        bytes = nj_rerank_add_cost(bytes, nj_rerank_mix_bytes(inputs));
    }
    return bytes;
}

// ---- values ----

static void scale_relevance(nj_rerank *rerank)
{
    float least = 0;
    float most = 0;
    for (uint32_t i = 0; i < rerank->ranked; i++) {
        const float score = rerank->pool[i].score;
        least = i == 0 || score < least ? score : least;
        most = i == 0 || score > most ? score : most;
    }
    const float range = most - least;
    for (uint32_t i = 0; i < rerank->ranked; i++) {
        rerank->relevance[i] = range > 0 ? (rerank->pool[i].score - least) / range : 1;
    }
}

static float measure_step(const nj_rerank *rerank, uint32_t i)
{
    const nj_policy *policy = rerank->inputs->policy;
    const float relevant = policy->relevance * rerank->relevance[i];
    switch (policy->rerank) {
    case NJ_RERANK_MMR:
        return relevant - (1 - policy->relevance) * rerank->nearest[i];
    case NJ_RERANK_DETERMINANTAL: {
        const float volume = rerank->volume.volumes[i];
        const float counted = volume > NJ_RERANK_LEAST_VOLUME ? volume : NJ_RERANK_LEAST_VOLUME;
        return relevant + (1 - policy->relevance) * nj_log(counted);
    }
    case NJ_RERANK_NONE:
        break;
    }
    return is_calibrated(rerank) ? rerank->relevance[i] : rerank->pool[i].score;
}

static void measure_values(nj_rerank *rerank)
{
    const float c = rerank->inputs->policy->calibration;
    const rerank_mix *mix = &rerank->mix;
    for (uint32_t i = 0; i < rerank->ranked; i++) {
        if (rerank->taken[i] != 0) {
            continue;
        }
        rerank->steps[i] = measure_step(rerank, i);
        rerank->values[i] = is_calibrated(rerank) ? (1 - c) * rerank->steps[i] -
                                                        c * (mix->with[mix->groups[i]] - mix->now)
                                                  : rerank->steps[i];
    }
}

nj_rerank *nj_rerank_begin(const nj_rerank_inputs *inputs, const uint32_t *history,
                           uint32_t history_count, nj_candidate *pool, uint32_t count,
                           uint32_t ranked, nj_arena *arena)
{
    const size_t floats = count * sizeof(float);
    nj_rerank *rerank = nj_arena_take(arena, sizeof *rerank);
    *rerank = (nj_rerank){.inputs = inputs,
                          .pool = pool,
                          .count = count,
                          .ranked = ranked,
                          .taken = nj_arena_take(arena, count),
                          .relevance = nj_arena_take(arena, floats),
                          .steps = nj_arena_take(arena, floats),
                          .values = nj_arena_take(arena, floats),
                          .alike = nj_arena_take(arena, floats),
                          .nearest = nj_arena_take(arena, floats)};
    memset(rerank->taken, 0, count);
    memset(rerank->nearest, 0, floats);
    scale_relevance(rerank);
    if (is_reranked(rerank)) {
        nj_rerank_alike_begin(rerank, arena);
    }
    if (inputs->policy->rerank == NJ_RERANK_DETERMINANTAL) {
        nj_rerank_volume_begin(rerank, arena);
    }
    if (is_calibrated(rerank)) {
        nj_rerank_mix_begin(rerank, history, history_count, arena);
    }
    measure_values(rerank);
    return rerank;
}

// ---- places ----

uint32_t nj_rerank_best(const nj_rerank *rerank, nj_rerank_allows allows, void *context)
{
    uint32_t best = NJ_POLICY_NONE;
    for (uint32_t i = 0; i < rerank->ranked; i++) {
        if (rerank->taken[i] == 0 &&
            (best == NJ_POLICY_NONE || rerank->values[i] > rerank->values[best]) &&
            (allows == NULL || allows(context, &rerank->pool[i]))) {
            best = i;
        }
    }
    return best;
}

static void keep_nearest(nj_rerank *rerank)
{
    const bool first = rerank->chosen_count == 1;
    for (uint32_t i = 0; i < rerank->count; i++) {
        const float alike = rerank->alike[i];
        rerank->nearest[i] = first || alike > rerank->nearest[i] ? alike : rerank->nearest[i];
    }
}

static void score_candidate(const nj_rerank *rerank, uint32_t index)
{
    nj_candidate *candidate = &rerank->pool[index];
    float before = candidate->score;
    if (is_reranked(rerank)) {
        candidate->adjust[NJ_ADJUST_RERANK] = rerank->steps[index] - before;
        before = rerank->steps[index];
    }
    if (is_calibrated(rerank)) {
        candidate->adjust[NJ_ADJUST_CALIBRATION] = rerank->values[index] - before;
    }
    candidate->score = rerank->values[index];
}

void nj_rerank_take(nj_rerank *rerank, uint32_t index)
{
    if (index < rerank->ranked) {
        score_candidate(rerank, index);
    }
    rerank->chosen_count++;
    if (is_reranked(rerank)) {
        nj_rerank_alike_to(rerank, index);
    }
    rerank->taken[index] = 1;
    if (rerank->inputs->policy->rerank == NJ_RERANK_MMR) {
        keep_nearest(rerank);
    } else if (rerank->inputs->policy->rerank == NJ_RERANK_DETERMINANTAL) {
        nj_rerank_volume_take(rerank, index);
    }
    if (is_calibrated(rerank)) {
        nj_rerank_mix_take(rerank, index);
    }
    measure_values(rerank);
}
