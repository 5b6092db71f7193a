#include <math.h>
#include <string.h>

#include "common/base/numbers.h"
#include "worker/beam/beam_internal.h"

bool nj_excluded(const nj_exclusions *exclusions, uint32_t row)
{
    if (exclusions->eligible != NULL && !nj_bits_has(exclusions->eligible->items, row)) {
        return true;
    }
    return nj_numbers_has(exclusions->rows, exclusions->count, row);
}

static bool leaf_is_open(const search *s, uint32_t user, uint32_t leaf)
{
    uint32_t count;
    const uint32_t *items = nj_trie_leaf_items(s->trie, leaf, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (!nj_excluded(&s->exclusions[user], items[i])) {
            return true;
        }
    }
    return false;
}

bool nj_beam_may_end(const search *s, uint32_t step, uint32_t user, uint32_t node)
{
    return step + 1 < s->trie->level_count || leaf_is_open(s, user, node);
}

float nj_beam_norm_over_children(search *s, const nj_trie_children_span *span, const uint64_t *open,
                                 const float *logits)
{
    float norm;
    uint32_t count = 0;
    for (uint32_t i = 0; i < span->count; i++) {
        if (nj_beam_is_open(open, span->first + i)) {
            s->allowed[count++] = logits[span->codes[i]];
        }
    }
    s->kernels->log_sum_exp(1, count, s->allowed, count, &norm);
    return norm;
}

void nj_beam_expand_plain(search *s, uint32_t step, uint32_t row, const float *logits, float norm)
{
    const uint32_t base = s->config->token_base[step];
    const bool last = step + 1 == s->trie->level_count;
    selection *selected = &s->selected[s->user[row]];
    const uint64_t *open = nj_beam_open_nodes(s, s->user[row], step);
    nj_trie_children_span span = nj_trie_children(s->trie, step, s->node[row], s->codes);
    if (s->config->renormalise) {
        norm = nj_beam_norm_over_children(s, &span, open, logits + base);
    }
    for (uint32_t i = 0; i < span.count; i++) {
        if (!nj_beam_is_open(open, span.first + i)) {
            continue;
        }
        candidate c = {.score = s->score[row] + (logits[base + span.codes[i]] - norm),
                       .token = base + span.codes[i],
                       .parent = row,
                       .rank = s->rank[row],
                       .node = span.first + i};
        if (!isfinite(
                c.score)) { // of the norm, or of this logit alone: one of -infinity leaves the norm finite
            selected->finite = false;
            return;
        }
        if (nj_selection_would_take(selected, &c) &&
            (!last || leaf_is_open(s, s->user[row], c.node))) {
            nj_selection_enter(selected, &c);
        }
    }
}

// ---- biases and groups ----

// What the groups before this one have chosen at this step, into `choices`. Rows come group by group, so their selections are whole.
static void count_choices(search *s, uint32_t step, uint32_t user, uint32_t group)
{
    if (s->counted_user != user) {
        memset(s->choices, 0, s->trie->codes_per_level[step] * sizeof *s->choices);
        s->counted_user = user;
        s->counted_groups = 0;
    }
    for (; s->counted_groups < group; s->counted_groups++) {
        selection *earlier = &s->selected[user * s->G + s->counted_groups];
        nj_selection_sort(earlier);
        for (uint32_t i = 0; i < earlier->count && i < s->room; i++) {
            s->choices[earlier->heap[i].token - s->config->token_base[step]]++;
        }
    }
}

// Leaves below a node that the user may have, counted up to `enough`. Excluded items count too: they are few.
static uint32_t count_leaves(const search *s, uint32_t level, uint32_t user, uint32_t node,
                             uint32_t enough)
{
    const uint64_t *open = nj_beam_open_nodes(s, user, s->trie->level_count - 1);
    const nj_trie_range leaves = nj_trie_node_range(s->trie, level, node);
    if (open == NULL) {
        return leaves.end - leaves.first;
    }
    uint32_t count = 0;
    for (uint32_t leaf = leaves.first; leaf < leaves.end && count < enough; leaf++) {
        count += nj_bits_has(open, leaf);
    }
    return count;
}

// True when the groups before this one hold the node, each at most once, as often as it has leaves.
static bool is_taken_up(const search *s, uint32_t step, uint32_t user, uint32_t group,
                        uint32_t node)
{
    if (group == 0 || s->config->repeats) {
        return false;
    }
    const uint32_t leaves = count_leaves(s, step + 1, user, node, group + 1);
    uint32_t held = 0;
    for (uint32_t g = 0; g < group && leaves <= group; g++) {
        const selection *earlier = &s->selected[user * s->G + g];
        for (uint32_t i = 0; i < earlier->count && i < s->room; i++) {
            held += earlier->heap[i].node == node;
        }
    }
    return held >= leaves;
}

static void expand_into_group(search *s, uint32_t step, uint32_t row, uint32_t group,
                              const nj_trie_children_span *span, const float *logits, float norm)
{
    const float *bias = s->config->node_bias[step];
    const uint64_t *open = nj_beam_open_nodes(s, s->user[row], step);
    selection *selected = &s->selected[s->user[row] * s->G + group];
    for (uint32_t i = 0; i < span->count; i++) {
        const uint32_t node = span->first + i;
        if (!nj_beam_is_open(open, node)) {
            continue;
        }
        const float log_probability = logits[span->codes[i]] - norm;
        const float biased = bias != NULL ? log_probability + bias[node] : log_probability;
        const float chosen = s->G > 1 ? (float)s->choices[span->codes[i]] : 0.0f;
        candidate c = {.score = s->score[row] + (biased - s->config->penalty * chosen),
                       .token = s->config->token_base[step] + span->codes[i],
                       .parent = row,
                       .rank = s->rank[row],
                       .node = node};
        if (!isfinite(c.score)) {
            selected->finite = false;
            return;
        }
        if (nj_selection_would_take(selected, &c) && nj_beam_may_end(s, step, s->user[row], node) &&
            !is_taken_up(s, step, s->user[row], group, node)) {
            const standing now = {.raw = s->standings[row].raw + log_probability,
                                  .bias =
                                      s->standings[row].bias + (bias != NULL ? bias[node] : 0.0f)};
            nj_selection_enter_standing(selected, c, &now);
        }
    }
}

void nj_beam_expand_varied(search *s, uint32_t step, uint32_t row, const float *logits, float norm)
{
    const float *level_logits = logits + s->config->token_base[step];
    const uint32_t first = step == 0 ? 0 : s->group[row];
    const uint32_t end = step == 0 ? s->G : s->group[row] + 1;
    nj_trie_children_span span = nj_trie_children(s->trie, step, s->node[row], s->codes);
    if (s->config->renormalise) {
        const uint64_t *open = nj_beam_open_nodes(s, s->user[row], step);
        norm = nj_beam_norm_over_children(s, &span, open, level_logits);
    }
    for (uint32_t group = first; group < end; group++) {
        if (s->G > 1) {
            count_choices(s, step, s->user[row], group);
        }
        expand_into_group(s, step, row, group, &span, level_logits, norm);
    }
}
