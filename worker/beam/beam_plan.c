#include "common/base/checked.h"
#include "worker/beam/beam_arrays.h"
#include "worker/beam/beam_internal.h"

static uint32_t group_count(const nj_beam_config *config)
{
    return config->kind == NJ_BEAM_DIVERSE ? config->groups : 1;
}

static bool has_bias(const nj_trie *trie, const nj_beam_config *config)
{
    for (uint32_t l = 0; l < trie->level_count; l++) {
        if (config->node_bias[l] != NULL) {
            return true;
        }
    }
    return false;
}

uint32_t nj_beam_group_width(const nj_beam_config *config)
{
    return config->W / group_count(config);
}

nj_beam_config nj_beam_bound(const nj_trie *trie, const nj_beam_config *config)
{
    nj_beam_config bounded = *config;
    // No level holds more than the trie's width, so a wider group keeps everything.
    bounded.W = group_count(config) *
                (uint32_t)nj_min_size(nj_beam_group_width(config), nj_trie_width(trie));
    bounded.leaves = (uint32_t)nj_min_size(config->leaves, bounded.W);
    return bounded;
}

// Beams that one user has on a level at the most: no group has two of the same node.
static size_t beams_max(const nj_trie *trie, const nj_beam_config *config, uint32_t level)
{
    return group_count(config) * nj_min_size(nj_beam_group_width(config), trie->node_count[level]);
}

size_t nj_beam_rows_max(const nj_trie *trie, const nj_beam_config *config, uint32_t B)
{
    size_t widest = 1;
    for (uint32_t l = 1; l < trie->level_count; l++) {
        widest = nj_max_size(widest, beams_max(trie, config, l));
    }
    return widest * B;
}

size_t nj_beam_trace_max(const nj_trie *trie, const nj_beam_config *config)
{
    size_t most = 0;
    for (uint32_t l = 1; l < trie->level_count; l++) {
        most += beams_max(trie, config, l);
    }
    return most;
}

static void take_results(nj_beam_arrays *a, search *s)
{
    const size_t kept = s->config->W;
    const bool biased = has_bias(s->trie, s->config);
    const size_t traced = s->config->trace ? nj_beam_trace_max(s->trie, s->config) : 0;
    for (uint32_t b = 0; b < s->B; b++) {
        nj_beam_result result = {.leaves = nj_beam_array(a, kept, sizeof *result.leaves)};
        result.scores = nj_beam_array(a, kept, sizeof *result.scores);
        result.raw = s->varied ? nj_beam_array(a, kept, sizeof *result.raw) : result.scores;
        result.bias = biased ? nj_beam_array(a, kept, sizeof *result.bias) : NULL;
        result.trace = s->config->trace ? nj_beam_array(a, traced, sizeof *result.trace) : NULL;
        if (a->arena != NULL) {
            s->results[b] = result;
        }
    }
}

static void take_rows(nj_beam_arrays *a, search *s, size_t rows)
{
    s->user = nj_beam_array(a, rows, sizeof *s->user);
    s->parent = nj_beam_array(a, rows, sizeof *s->parent);
    s->token = nj_beam_array(a, rows, sizeof *s->token);
    s->node = nj_beam_array(a, rows, sizeof *s->node);
    s->rank = nj_beam_array(a, rows, sizeof *s->rank);
    s->score = nj_beam_array(a, rows, sizeof *s->score);
    if (s->config->trace) {
        s->prefix = nj_beam_array(a, rows, sizeof *s->prefix);
        s->before = nj_beam_array(a, rows, sizeof *s->before);
    }
    if (s->varied) {
        s->group = nj_beam_array(a, rows, sizeof *s->group);
        s->standings = nj_beam_array(a, rows, sizeof *s->standings);
    }
}

static void take_selections(nj_beam_arrays *a, search *s)
{
    const size_t limit = (size_t)s->room + s->spares;
    const size_t count = (size_t)s->B * s->G;
    s->selected = nj_beam_array(a, count, sizeof *s->selected);
    candidate *heaps = nj_beam_array(a, count * limit, sizeof *heaps);
    standing *slots = s->varied ? nj_beam_array(a, count * limit, sizeof *slots) : NULL;
    for (size_t i = 0; i < count && a->arena != NULL; i++) {
        s->selected[i] = (selection){.heap = heaps + i * limit,
                                     .slots = slots != NULL ? slots + i * limit : NULL,
                                     .finite = true};
    }
}

static size_t most_codes(const nj_trie *trie)
{
    size_t most = 0;
    for (uint32_t l = 0; l < trie->level_count; l++) {
        most = nj_max_size(most, trie->codes_per_level[l]);
    }
    return most;
}

static void take_arrays(nj_beam_arrays *a, search *s, uint32_t V, uint32_t chunk_rows_max)
{
    const size_t widest = nj_trie_span_max(s->trie);
    s->G = group_count(s->config);
    s->room = s->config->W / s->G;
    // Where groups find different leaves, one may find too few: the others have some to spare.
    s->spares = s->G > 1 && !s->config->repeats ? s->room : 0;
    s->varied = s->config->kind != NJ_BEAM_PLAIN || has_bias(s->trie, s->config);
    take_results(a, s);
    // The start rows are one a user even where a level is narrower.
    take_rows(a, s, nj_max_size(nj_beam_rows_max(s->trie, s->config, s->B), s->B));
    take_selections(a, s);
    s->logits = nj_beam_array(a, (size_t)chunk_rows_max * V, sizeof *s->logits);
    s->norms = nj_beam_array(a, chunk_rows_max, sizeof *s->norms);
    s->allowed = nj_beam_array(a, widest, sizeof *s->allowed);
    s->codes = nj_beam_array(a, widest, sizeof *s->codes);
    if (s->G > 1) {
        s->choices = nj_beam_array(a, most_codes(s->trie), sizeof *s->choices);
    }
    if (s->config->kind == NJ_BEAM_STOCHASTIC) {
        s->places = nj_beam_array(a, widest, sizeof *s->places);
        s->chances = nj_beam_array(a, widest, sizeof *s->chances);
        s->waits = nj_beam_array(a, widest, sizeof *s->waits);
        s->heap = nj_beam_array(a, widest, sizeof *s->heap);
    }
}

size_t nj_beam_scratch_bytes(const nj_trie *trie, const nj_beam_config *config, uint32_t B,
                             uint32_t V, uint32_t chunk_rows_max)
{
    const nj_beam_config bounded = nj_beam_bound(trie, config);
    nj_beam_arrays plan = {0};
    search s = {.trie = trie, .config = &bounded, .B = B};
    take_arrays(&plan, &s, V, chunk_rows_max);
    return plan.overflow ? SIZE_MAX : plan.bytes;
}

void nj_beam_take(search *s, nj_arena *arena)
{
    nj_beam_arrays taken = {.arena = arena};
    take_arrays(&taken, s, s->model->V, s->model->chunk_rows_max);
}
