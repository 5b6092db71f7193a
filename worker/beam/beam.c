#include "worker/beam/beam.h"

#include <assert.h>
#include <math.h>
#include <xxhash.h>

#include "common/base/checked.h"
#include "common/base/rng.h"
#include "common/sid/prefix.h"

// A child that may become a beam of the next step.
typedef struct {
    float score;
    uint32_t token;
    uint32_t parent; // row of this step
    uint32_t rank;   // the row's
    uint32_t node;   // on the next level
} candidate;

// The best candidates of one user so far: a binary heap with the worst on top.
typedef struct {
    candidate *heap; // [limit]
    uint32_t count;
    uint32_t limit;
    bool finite;
} selection;

typedef struct {
    const nj_trie *trie;
    const nj_beam_config *config;
    const nj_beam_model *model;
    const nj_kernels *kernels;
    const nj_exclusions *exclusions; // [B]
    uint32_t B;
    uint32_t row_count;      // rows at hand of the present step, user by user
    uint32_t late_count;     // rows behind them that are taken up only if they can still matter
    uint32_t *user;          // [rows_max]
    uint32_t *parent;        // [rows_max]
    uint32_t *token;         // [rows_max]
    uint32_t *node;          // [rows_max] trie node of the row's prefix
    uint32_t *rank;          // [rows_max] the row's place among its user's beams
    float *score;            // [rows_max] sum of log-probabilities so far
    uint32_t *prefix;        // [rows_max] with a trace: the row's prefix, as prefix.h names it
    uint32_t *before;        // [rows_max] the same of the step before
    nj_beam_result *results; // [B]
    selection *selected;     // [B]
    float *logits;           // [chunk_rows_max, V]
    float *norms;            // [chunk_rows_max] log-sum-exp
    float *allowed;          // [widest span] logits of the allowed children, for renormalise
    uint16_t *codes;         // [widest span] codes of the children at hand
} search;

bool nj_excluded(const nj_exclusions *exclusions, uint32_t row)
{
    if (exclusions->eligible != NULL && !nj_bits_has(exclusions->eligible->items, row)) {
        return true;
    }
    uint32_t low = 0;
    uint32_t high = exclusions->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (exclusions->rows[middle] < row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < exclusions->count && exclusions->rows[low] == row;
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

// ---- the W best ----

// A total order, so the selection does not depend on the order in which candidates arrive.
static bool is_better(const candidate *a, const candidate *b)
{
    if (a->score != b->score) {
        return a->score > b->score;
    }
    if (a->token != b->token) {
        return a->token < b->token;
    }
    return a->rank < b->rank;
}

static void sift_down(candidate *heap, uint32_t count, uint32_t at)
{
    candidate moved = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && is_better(&heap[child], &heap[child + 1])) {
            child++; // the worse of the two
        }
        if (!is_better(&moved, &heap[child])) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static void sift_up(candidate *heap, uint32_t at)
{
    candidate moved = heap[at];
    while (at > 0) {
        uint32_t above = (at - 1) / 2;
        if (!is_better(&heap[above], &moved)) {
            break;
        }
        heap[at] = heap[above];
        at = above;
    }
    heap[at] = moved;
}

static bool would_enter(const selection *selected, const candidate *c)
{
    return selected->count < selected->limit || is_better(c, &selected->heap[0]);
}

static void enter(selection *selected, const candidate *c)
{
    if (selected->count < selected->limit) {
        selected->heap[selected->count] = *c;
        sift_up(selected->heap, selected->count++);
    } else {
        selected->heap[0] = *c;
        sift_down(selected->heap, selected->limit, 0);
    }
}

// Heap sort: the worst goes to the end first, so the best stands first.
static void sort_best_first(selection *selected)
{
    for (uint32_t count = selected->count; count > 1; count--) {
        candidate worst = selected->heap[0];
        selected->heap[0] = selected->heap[count - 1];
        selected->heap[count - 1] = worst;
        sift_down(selected->heap, count - 1, 0);
    }
}

// ---- one step ----

// `open`: the eligible nodes among which the children are; NULL: all are.
static bool is_open(const uint64_t *open, uint32_t node)
{
    return open == NULL || nj_bits_has(open, node);
}

static float norm_over_children(search *s, const nj_trie_children_span *span, const uint64_t *open,
                                const float *logits)
{
    float norm;
    uint32_t count = 0;
    for (uint32_t i = 0; i < span->count; i++) {
        if (is_open(open, span->first + i)) {
            s->allowed[count++] = logits[span->codes[i]];
        }
    }
    s->kernels->log_sum_exp(1, count, s->allowed, count, &norm);
    return norm;
}

static void expand_row(search *s, uint32_t step, uint32_t row, const float *logits, float norm)
{
    const uint32_t base = s->config->token_base[step];
    const bool last = step + 1 == s->trie->level_count;
    selection *selected = &s->selected[s->user[row]];
    const nj_eligible *eligible = s->exclusions[s->user[row]].eligible;
    const uint64_t *open = eligible != NULL ? eligible->nodes[step + 1] : NULL;
    nj_trie_children_span span = nj_trie_children(s->trie, step, s->node[row], s->codes);
    if (s->config->renormalise) {
        norm = norm_over_children(s, &span, open, logits + base);
    }
    for (uint32_t i = 0; i < span.count; i++) {
        if (!is_open(open, span.first + i)) {
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
        if (would_enter(selected, &c) && (!last || leaf_is_open(s, s->user[row], c.node))) {
            enter(selected, &c);
        }
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
// below everything that its user has kept has no child that could enter.
static bool may_enter(const search *s, uint32_t row)
{
    const selection *selected = &s->selected[s->user[row]];
    return selected->count < selected->limit || s->score[row] >= selected->heap[0].score;
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
        }
    }
    s->late_count = 0;
}

static void run_step(search *s, uint32_t step)
{
    const bool last = step + 1 == s->trie->level_count;
    for (uint32_t b = 0; b < s->B; b++) {
        s->selected[b].count = 0;
        s->selected[b].limit = last ? s->config->leaves : s->config->W;
    }
    expand_rows(s, step);
    take_up_late_rows(s);
    if (s->row_count > 0) {
        expand_rows(s, step);
    }
    for (uint32_t b = 0; b < s->B; b++) {
        sort_best_first(&s->selected[b]);
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

// Appends beams [first, end) of every user.
static uint32_t add_rows(search *s, uint32_t row, uint32_t first, uint32_t end)
{
    for (uint32_t b = 0; b < s->B; b++) {
        const selection *selected = &s->selected[b];
        for (uint32_t i = first; i < end && i < selected->count; i++, row++) {
            s->user[row] = b;
            s->parent[row] = selected->heap[i].parent;
            s->token[row] = selected->heap[i].token;
            s->node[row] = selected->heap[i].node;
            s->rank[row] = i;
            s->score[row] = selected->heap[i].score;
        }
    }
    return row;
}

// Before the last step the best beams come first, as many as leaves are wanted: often none of the others can matter then.
static void rows_from_selections(search *s, bool for_last)
{
    const uint32_t early = for_last ? s->config->leaves : s->config->W;
    s->row_count = add_rows(s, 0, 0, early);
    s->late_count = add_rows(s, s->row_count, early, s->config->W) - s->row_count;
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
    }
}

// ---- memory ----

uint64_t nj_beam_user_key(uint64_t seed, nj_slice id)
{
    return nj_rng_mix(nj_rng_mix(seed + NJ_RNG_STEP) ^ XXH3_64bits(id.bytes, id.size));
}

static uint32_t group_count(const nj_beam_config *config)
{
    return config->kind == NJ_BEAM_DIVERSE ? config->groups : 1;
}

uint32_t nj_beam_group_width(const nj_beam_config *config)
{
    return config->W / group_count(config);
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

// The same list of arrays serves to plan (arena NULL) and to take.
typedef struct {
    nj_arena *arena;
    size_t bytes;
    bool overflow;
} arrays;

static void *take_array(arrays *a, size_t count, size_t element_bytes)
{
    size_t bytes;
    if (!nj_mul_size(count, element_bytes, &bytes) || bytes > SIZE_MAX / 2 ||
        !nj_add_size(a->bytes, nj_arena_cost(bytes), &a->bytes)) {
        a->overflow = true;
        return NULL;
    }
    return a->arena != NULL ? nj_arena_take(a->arena, bytes) : NULL;
}

static void take_arrays(arrays *a, search *s, nj_beam_result *results, uint32_t V,
                        uint32_t chunk_rows_max)
{
    const nj_beam_config *config = s->config;
    const bool trace = config->trace;
    const size_t traced = trace ? nj_beam_trace_max(s->trie, config) : 0;
    // The start rows are one a user even where a level is narrower.
    const size_t rows = nj_max_size(nj_beam_rows_max(s->trie, config, s->B), s->B);
    const size_t kept = nj_min_size(config->W, nj_trie_width(s->trie));
    for (uint32_t b = 0; b < s->B; b++) {
        uint32_t *leaves = take_array(a, kept, sizeof *leaves);
        float *scores = take_array(a, kept, sizeof *scores);
        uint32_t *names = trace ? take_array(a, traced, sizeof *names) : NULL;
        if (results != NULL) {
            results[b] =
                (nj_beam_result){.leaves = leaves, .scores = scores, .raw = scores, .trace = names};
        }
    }
    s->user = take_array(a, rows, sizeof *s->user);
    s->parent = take_array(a, rows, sizeof *s->parent);
    s->token = take_array(a, rows, sizeof *s->token);
    s->node = take_array(a, rows, sizeof *s->node);
    s->rank = take_array(a, rows, sizeof *s->rank);
    s->score = take_array(a, rows, sizeof *s->score);
    if (trace) {
        s->prefix = take_array(a, rows, sizeof *s->prefix);
        s->before = take_array(a, rows, sizeof *s->before);
    }
    s->selected = take_array(a, s->B, sizeof *s->selected);
    candidate *heaps = take_array(a, (size_t)s->B * kept, sizeof *heaps);
    s->logits = take_array(a, (size_t)chunk_rows_max * V, sizeof *s->logits);
    s->norms = take_array(a, chunk_rows_max, sizeof *s->norms);
    s->allowed = take_array(a, nj_trie_span_max(s->trie), sizeof *s->allowed);
    s->codes = take_array(a, nj_trie_span_max(s->trie), sizeof *s->codes);
    for (uint32_t b = 0; b < s->B && a->arena != NULL; b++) {
        s->selected[b] = (selection){.heap = heaps + b * kept, .finite = true};
    }
}

size_t nj_beam_scratch_bytes(const nj_trie *trie, const nj_beam_config *config, uint32_t B,
                             uint32_t V, uint32_t chunk_rows_max)
{
    arrays plan = {0};
    search s = {.trie = trie, .config = config, .B = B};
    take_arrays(&plan, &s, NULL, V, chunk_rows_max);
    return plan.overflow ? SIZE_MAX : plan.bytes;
}

void nj_beam_search(const nj_trie *trie, const nj_beam_config *config, const nj_beam_model *model,
                    const nj_kernels *kernels, const nj_exclusions *exclusions, uint32_t B,
                    nj_arena *arena, nj_beam_result *results)
{
    assert(config->W > 0 && config->leaves > 0 && config->temperature > 0.0f &&
           model->chunk_rows_max > 0);
    // No level holds more than the trie's width, so a wider beam keeps everything.
    nj_beam_config bounded = *config;
    bounded.W = (uint32_t)nj_min_size(config->W, nj_trie_width(trie));
    bounded.leaves = (uint32_t)nj_min_size(config->leaves, bounded.W);
    search s = {.trie = trie,
                .config = &bounded,
                .model = model,
                .kernels = kernels,
                .exclusions = exclusions,
                .results = results,
                .B = B};
    arrays taken = {.arena = arena};
    take_arrays(&taken, &s, results, model->V, model->chunk_rows_max);
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
        const selection *selected = &s.selected[b];
        results[b].count = selected->count;
        results[b].finite = selected->finite;
        for (uint32_t i = 0; i < selected->count; i++) {
            results[b].leaves[i] = selected->heap[i].node;
            results[b].scores[i] = selected->heap[i].score;
        }
    }
}
