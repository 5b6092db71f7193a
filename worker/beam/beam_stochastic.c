// beam_stochastic.c - leaves drawn without replacement, top down.
//
// Gumbel's trick: a leaf of log-probability phi gets phi + Gumbel noise, and the W largest are W draws without replacement. A parent's
// value is the largest below it, so children are drawn under the condition that the largest of them is the parent's.
//
// Here the same stands as arrival times, T = exp(-value): a leaf of probability p arrives after a wait of an exponential law with rate p,
// the W first are the draws, and a prefix arrives with the first leaf below it. With waits t drawn for all children of a parent,
// the condition becomes a sum that loses nothing, whatever the values:
//
//   T[child] = T[parent] + (t[child] - min t)
//
// which is -log(exp(-G) - exp(-Z) + exp(-G~)) of the paper, negated and exponentiated. The root's time is 1, its value 0.
//
// Source  Kool, van Hoof, Welling 2019, "Stochastic beams and where to find them", algorithm 1 and appendix B; that minima of exponential
//         waits are such waits and forget what has passed: Maddison, Tarlow, Minka 2014, "A* sampling", section 3
// Proof   tests/unit/beam/test_beam_stochastic.c
#include <math.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/math/vecmath.h"
#include "worker/beam/beam_internal.h"

// A child that is less likely than its likeliest sibling by more than e to this counts as that likely: so its chance stays a normal
// float32 among NJ_CODES_MAX children, and a normal float64 through NJ_LEVELS_MAX levels.
#define UNLIKELIEST (-75.0f)
// Of two times this far apart the logarithms differ by more than they are wrong, however small the chances are.
#define SURELY_LATER 1.0001

// A wait of rate 1: -log(1 - u) of a number u in (0, 1), with all its digits where u is small, for that is who comes first.
static double wait_from_bits(uint64_t bits)
{
    const double u = ((double)(bits >> 11) + 0.5) * 0x1p-53;
    const float rest = (float)(1.0 - u);
    if (rest == 1.0f) {
        return u;
    }
    const double wait = -(double)nj_log(rest);
    // The logarithm of what 1 - u was rounded to, put right: log(1 - u) / u hardly changes so near.
    return u < 0.5 ? wait * (u / (1.0 - (double)rest)) : wait;
}

static uint64_t child_key(uint64_t key, uint16_t code)
{
    return nj_rng_mix(key + (code + 1u) * NJ_RNG_STEP);
}

// -log(time), of a time that is 1 or more; exactly +0 of 1.
static float score_of_time(double time)
{
    int exponent;
    const float mantissa = (float)(2.0 * frexp(time, &exponent));
    const float n = (float)(exponent - 1);
    return 0.0f - fmaf(n, NJ_EXP_LN2_HIGH, fmaf(n, NJ_EXP_LN2_LOW, nj_log(mantissa)));
}

// The allowed children into `places` and their chances among each other; returns how many, 0 where one's logit is not finite.
static uint32_t gather_children(search *s, uint32_t step, const nj_trie_children_span *span,
                                const uint64_t *open, const float *logits)
{
    const float *bias = s->config->node_bias[step];
    uint32_t count = 0;
    float top = -INFINITY;
    for (uint32_t i = 0; i < span->count; i++) {
        const uint32_t node = span->first + i;
        if (nj_beam_is_open(open, node)) {
            const float logit = logits[span->codes[i]] + (bias != NULL ? bias[node] : 0.0f);
            const float heat = logit / s->config->draw_temperature;
            if (!isfinite(heat)) {
                return 0;
            }
            top = heat > top ? heat : top;
            s->places[count] = i;
            s->allowed[count++] = heat;
        }
    }
    for (uint32_t k = 0; k < count; k++) {
        const float less = s->allowed[k] - top;
        s->allowed[k] = less > UNLIKELIEST ? less : UNLIKELIEST;
    }
    s->kernels->softmax(1, count, s->allowed, count);
    for (uint32_t k = 0; k < count; k++) {
        s->chances[k] = (double)s->allowed[k];
    }
    return count;
}

static double sum(const double *values, uint32_t count)
{
    double total = 0.0;
    for (uint32_t k = 0; k < count; k++) {
        total += values[k];
    }
    return total;
}

// Child k stands before child m: the likelier, of equal ones the lower code.
static bool is_likelier(const double *chances, uint32_t k, uint32_t m)
{
    return chances[k] > chances[m] || (chances[k] == chances[m] && k < m);
}

static void sift_down(const double *chances, uint32_t *heap, uint32_t count, uint32_t at)
{
    const uint32_t moved = heap[at];
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && is_likelier(chances, heap[child + 1], heap[child])) {
            child++;
        }
        if (!is_likelier(chances, heap[child], moved)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

// Leaves the likeliest children that have top_p of the mass together, in their order; returns how many. One always stays.
static uint32_t keep_likeliest(search *s, uint32_t count)
{
    const double enough = (double)s->config->top_p * sum(s->chances, count);
    uint32_t *heap = s->heap;
    for (uint32_t k = 0; k < count; k++) {
        heap[k] = k;
        s->waits[k] = 0.0; // marks who stays
    }
    for (uint32_t at = count / 2; at-- > 0;) {
        sift_down(s->chances, heap, count, at);
    }
    double mass = 0.0;
    for (uint32_t left = count; left > 0 && mass < enough; left--) {
        mass += s->chances[heap[0]];
        s->waits[heap[0]] = 1.0;
        heap[0] = heap[left - 1];
        sift_down(s->chances, heap, left - 1, 0);
    }
    uint32_t kept = 0;
    for (uint32_t k = 0; k < count; k++) {
        if (s->waits[k] > 0.0) {
            s->places[kept] = s->places[k];
            s->chances[kept++] = s->chances[k];
        }
    }
    return kept;
}

// Draws all children's waits; returns the least.
static double draw_waits(search *s, const standing *parent, const nj_trie_children_span *span,
                         uint32_t count)
{
    const double share = parent->chance / sum(s->chances, count);
    double least = INFINITY;
    for (uint32_t k = 0; k < count; k++) {
        const uint64_t key = child_key(parent->key, span->codes[s->places[k]]);
        s->chances[k] *= share;
        s->waits[k] = wait_from_bits(key) / s->chances[k];
        least = s->waits[k] < least ? s->waits[k] : least;
    }
    return least;
}

// True when the selection is full of leaves and prefixes that come before; to ask costs no logarithm.
static bool comes_too_late(const selection *selected, double time)
{
    return selected->count == selected->limit &&
           time > SURELY_LATER * selected->slots[selected->heap[0].slot].time;
}

// Excluded leaves are drawn as the others are, and skipped: so they change no other's draw.
static void offer_children(search *s, uint32_t step, uint32_t row, const float *logits, float norm,
                           const nj_trie_children_span *span, uint32_t count)
{
    const standing *parent = &s->standings[row];
    const float *bias = s->config->node_bias[step];
    const double least = draw_waits(s, parent, span, count);
    selection *selected = &s->selected[s->user[row]];
    for (uint32_t k = 0; k < count; k++) {
        const double time = parent->time + (s->waits[k] - least);
        if (comes_too_late(selected, time)) {
            continue;
        }
        const uint16_t code = span->codes[s->places[k]];
        const uint32_t node = span->first + s->places[k];
        const candidate c = {.score = score_of_time(time),
                             .token = s->config->token_base[step] + code,
                             .parent = row,
                             .rank = s->rank[row],
                             .node = node};
        if (nj_selection_would_take(selected, &c) && nj_beam_may_end(s, step, s->user[row], node)) {
            const standing now = {.raw = parent->raw + (logits[code] - norm),
                                  .bias = parent->bias + (bias != NULL ? bias[node] : 0.0f),
                                  .key = child_key(parent->key, code),
                                  .chance = s->chances[k],
                                  .time = time};
            nj_selection_enter_standing(selected, c, &now);
        }
    }
}

void nj_beam_expand_drawn(search *s, uint32_t step, uint32_t row, const float *logits, float norm)
{
    const float *level_logits = logits + s->config->token_base[step];
    const uint64_t *open = nj_beam_open_nodes(s, s->user[row], step);
    nj_trie_children_span span = nj_trie_children(s->trie, step, s->node[row], s->codes);
    if (s->config->renormalise) {
        norm = nj_beam_norm_over_children(s, &span, open, level_logits);
    }
    uint32_t count = gather_children(s, step, &span, open, level_logits);
    if (count == 0 || !isfinite(norm)) {
        s->selected[s->user[row]].finite = false;
        return;
    }
    if (s->config->top_p < 1.0f) {
        count = keep_likeliest(s, count);
    }
    offer_children(s, step, row, level_logits, norm, &span, count);
}
