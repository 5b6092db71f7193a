#include "worker/beam/beam.h"

#include <assert.h>
#include <math.h>
#include <xxhash.h>

#include "common/base/rng.h"
#include "common/sid/prefix.h"
#include "worker/beam/beam_internal.h"

uint64_t nj_beam_user_key(uint64_t seed, nj_slice id)
{
    return nj_rng_mix(nj_rng_mix(seed + NJ_RNG_STEP) ^ XXH3_64bits(id.bytes, id.size));
}

static void expand_row(search *s, uint32_t step, uint32_t row, const float *logits, float norm)
{
    if (!s->varied) {
        nj_beam_expand_plain(s, step, row, logits, norm);
    } else if (s->config->kind == NJ_BEAM_STOCHASTIC) {
        nj_beam_expand_drawn(s, step, row, logits, norm);
    } else {
        nj_beam_expand_varied(s, step, row, logits, norm);
    }
}

static void expand_chunk(search *s, uint32_t step, uint32_t first, uint32_t count)
{
    const size_t V = s->model->V;
    s->model->logits(s->model->context, step, first, count, s->logits);
    if (s->config->temperature != 1.0f) {
        s->kernels->scale(count, V, 1.0f / s->config->temperature, s->logits, V);
    }
    s->kernels->log_sum_exp(count, V, s->logits, V, s->norms);
    for (uint32_t i = 0; i < count; i++) {
        nj_trie_prefetch(s->trie, step, s->node[first + i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        expand_row(s, step, first + i, s->logits + i * V, s->norms[i]);
    }
}

static void expand_rows(search *s, uint32_t step)
{
    nj_beam_rows rows = {s->user, s->parent, s->token, s->row_count};
    s->model->begin_step(s->model->context, step, &rows);
    // Chunks of nearly equal size: a short last one would run at a small product's speed.
    uint32_t chunks = (s->row_count + s->model->chunk_rows_max - 1) / s->model->chunk_rows_max;
    for (uint32_t first = 0; chunks > 0; chunks--) {
        uint32_t count = (s->row_count - first + chunks - 1) / chunks;
        expand_chunk(s, step, first, count);
        first += count;
    }
}

// A log-probability is never above 0, in float32 too: the norm is the maximum plus the logarithm of a sum that holds exp(0). So a row
// that even with the largest bias lies below everything that its user has kept has no child that could enter.
static bool may_enter(const search *s, uint32_t row)
{
    const selection *selected = &s->selected[s->user[row]];
    return selected->count < selected->limit ||
           s->score[row] + s->last_bias >= selected->heap[0].score;
}

// Makes the late rows that may still matter the rows at hand.
static void take_up_late_rows(search *s)
{
    uint32_t first = s->row_count;
    s->row_count = 0;
    for (uint32_t row = first; row < first + s->late_count; row++) {
        if (may_enter(s, row)) {
            uint32_t to = s->row_count++;
            s->user[to] = s->user[row];
            s->parent[to] = s->parent[row];
            s->token[to] = s->token[row];
            s->node[to] = s->node[row];
            s->rank[to] = s->rank[row];
            s->score[to] = s->score[row];
            if (s->varied) {
                s->group[to] = s->group[row];
                s->standings[to] = s->standings[row];
            }
        }
    }
    s->late_count = 0;
}

static void run_step(search *s, uint32_t step)
{
    // A group has no leaves of its own to give: all of its beams go into the user's list, and the best of that are wanted.
    const bool last = step + 1 == s->trie->level_count;
    const uint32_t all = last ? s->room + s->spares : s->room;
    for (uint32_t i = 0; i < s->B * s->G; i++) {
        s->selected[i].count = 0;
        s->selected[i].limit = last && s->G == 1 ? s->config->leaves : all;
        s->selected[i].sorted = false;
    }
    s->counted_user = UINT32_MAX;
    expand_rows(s, step);
    take_up_late_rows(s);
    if (s->row_count > 0) {
        expand_rows(s, step);
    }
    for (uint32_t i = 0; i < s->B * s->G; i++) {
        nj_selection_sort(&s->selected[i]);
    }
}

// The names of the beams that the next step begins with, which all go into their users' traces.
static void trace_rows(search *s, uint32_t step)
{
    uint32_t *swap = s->before;
    s->before = s->prefix;
    s->prefix = swap;
    for (uint32_t row = 0; row < s->row_count + s->late_count; row++) {
        nj_beam_result *result = &s->results[s->user[row]];
        uint16_t code = (uint16_t)(s->token[row] - s->config->token_base[step]);
        s->prefix[row] = nj_prefix_append(s->before[s->parent[row]], code);
        result->trace[result->trace_count++] = s->prefix[row];
    }
}

// Appends beams [first, end) of every group of every user.
static uint32_t add_rows(search *s, uint32_t row, uint32_t first, uint32_t end)
{
    for (uint32_t g = 0; g < s->B * s->G; g++) {
        const selection *selected = &s->selected[g];
        for (uint32_t i = first; i < end && i < selected->count; i++, row++) {
            s->user[row] = g / s->G;
            s->parent[row] = selected->heap[i].parent;
            s->token[row] = selected->heap[i].token;
            s->node[row] = selected->heap[i].node;
            s->rank[row] = i;
            s->score[row] = selected->heap[i].score;
            if (s->varied) {
                s->group[row] = g % s->G;
                s->standings[row] = selected->slots[selected->heap[i].slot];
            }
        }
    }
    return row;
}

// Before the last step of a plain search the best beams come first, as many as leaves are wanted: often none of the others can matter
// then. Where groups choose after each other, or draws decide, all come at once.
static void rows_from_selections(search *s, bool for_last)
{
    const bool in_two = for_last && s->config->kind == NJ_BEAM_PLAIN;
    const uint32_t early = in_two ? s->config->leaves : s->config->W;
    s->row_count = add_rows(s, 0, 0, early);
    s->late_count = add_rows(s, s->row_count, early, s->config->W) - s->row_count;
}

// The most that the last level may add to a score; 0 at the least.
static float find_last_bias(const search *s)
{
    const uint32_t L = s->trie->level_count;
    const float *bias = s->config->node_bias[L - 1];
    float most = 0.0f;
    for (uint32_t leaf = 0; bias != NULL && leaf < s->trie->node_count[L]; leaf++) {
        most = bias[leaf] > most ? bias[leaf] : most;
    }
    return most;
}

static void start_rows(search *s)
{
    s->row_count = s->B;
    for (uint32_t b = 0; b < s->B; b++) {
        s->user[b] = b;
        s->parent[b] = 0;
        s->token[b] = s->config->start_token;
        s->node[b] = 0;
        s->rank[b] = 0;
        s->score[b] = 0.0f;
        if (s->config->trace) {
            s->prefix[b] = NJ_PREFIX_ROOT;
        }
        if (s->varied) {
            const bool drawn = s->config->kind == NJ_BEAM_STOCHASTIC;
            s->group[b] = 0;
            s->standings[b] =
                (standing){.key = drawn ? s->config->user_keys[b] : 0, .chance = 1.0, .time = 1.0};
        }
    }
}

static void give_result(search *s, uint32_t user)
{
    nj_beam_result *result = &s->results[user];
    selection all = s->selected[user * s->G];
    if (s->G > 1) {
        nj_selection_merge(&s->selected[user * s->G], s->G, s->room, &all);
    }
    result->count = all.count < s->config->leaves ? all.count : s->config->leaves;
    result->finite = all.finite;
    for (uint32_t i = 0; i < result->count; i++) {
        result->leaves[i] = all.heap[i].node;
        result->scores[i] = all.heap[i].score;
        if (s->varied) {
            result->raw[i] = all.slots[all.heap[i].slot].raw;
        }
        if (result->bias != NULL) {
            result->bias[i] = all.slots[all.heap[i].slot].bias;
        }
    }
}

// What the caller must have made sure of: a policy's numbers are checked where its file is read.
static void assert_config(const nj_beam_config *config, const nj_beam_model *model)
{
    assert(config->W > 0 && config->leaves > 0 && config->temperature > 0.0f &&
           model->chunk_rows_max > 0);
    assert(config->kind != NJ_BEAM_DIVERSE ||
           (config->groups > 0 && config->W % config->groups == 0 && isfinite(config->penalty)));
    assert(config->kind != NJ_BEAM_STOCHASTIC ||
           (config->draw_temperature > 0.0f && config->top_p > 0.0f && config->user_keys != NULL));
}

void nj_beam_search(const nj_trie *trie, const nj_beam_config *config, const nj_beam_model *model,
                    const nj_kernels *kernels, const nj_exclusions *exclusions, uint32_t B,
                    nj_arena *arena, nj_beam_result *results)
{
    assert_config(config, model);
    const nj_beam_config bounded = nj_beam_bound(trie, config);
    search s = {.trie = trie,
                .config = &bounded,
                .model = model,
                .kernels = kernels,
                .exclusions = exclusions,
                .results = results,
                .B = B};
    nj_beam_take(&s, arena);
    s.last_bias = find_last_bias(&s);
    start_rows(&s);
    for (uint32_t step = 0; step < trie->level_count; step++) {
        run_step(&s, step);
        if (step + 1 < trie->level_count) {
            rows_from_selections(&s, step + 2 == trie->level_count);
            if (bounded.trace) {
                trace_rows(&s, step);
            }
        }
    }
    for (uint32_t b = 0; b < B; b++) {
        give_result(&s, b);
    }
}
