// answer_world.h - random small catalogues of strings, a model made of a hash, and the law of answers.h written out over whole token
// sequences: all continuations of all beams are listed and sorted, and what is allowed is looked up in the table of strings.
#ifndef NJ_TESTS_UNIT_BEAM_ANSWER_WORLD_H
#define NJ_TESTS_UNIT_BEAM_ANSWER_WORLD_H

#include <math.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/math/vecmath.h"
#include "tests/support/nj_test.h"
#include "worker/beam/answers.h"

#define V 24
#define START_TOKEN 0u
#define END_TOKEN 1u
#define FIRST_TOKEN 4u // of items; 2 and 3 make separators
#define ITEM_TOKENS 5u
#define ROWS 40u
#define STRING_MAX 4u
#define TOKENS_MAX 40u
#define BEAM_ROWS_MAX 512u
#define W_MAX 64u

static const uint32_t SEPARATOR[] = {2, 3};

// ---- the model ----

typedef struct {
    uint64_t path[2][BEAM_ROWS_MAX]; // hash of each row's tokens: of this step and the one before
    uint32_t users[BEAM_ROWS_MAX];
    uint32_t row_count;
    uint32_t steps;
    bool ties;             // few distinct values
    uint32_t broken_token; // its logit is `broken`; V: none
    uint32_t broken_user;
    float broken;
} fake_model;

static inline uint64_t append_token(uint64_t path, uint32_t token)
{
    return nj_rng_mix(path * 31 + token + 1);
}

static inline float path_logit(const fake_model *model, uint64_t path, uint32_t user,
                               uint32_t token)
{
    if (token == model->broken_token && user == model->broken_user) {
        return model->broken;
    }
    const uint64_t drawn = nj_rng_mix(path + token * NJ_RNG_STEP);
    return model->ties ? (float)(drawn % 5) * 0.5f - 1.0f : (float)(drawn % 100003) * 4e-5f - 2.0f;
}

static inline void begin_step(void *context, uint32_t step, const nj_beam_rows *rows)
{
    fake_model *model = context;
    assert_int_equal(step, model->steps++);
    assert_true(rows->row_count > 0 && rows->row_count <= BEAM_ROWS_MAX);
    for (uint32_t r = 0; r < rows->row_count; r++) {
        assert_true(r == 0 || rows->user[r - 1] <= rows->user[r]);
        const uint64_t before =
            step == 0 ? nj_rng_mix(rows->user[r]) : model->path[(step - 1) % 2][rows->parent[r]];
        model->path[step % 2][r] = append_token(before, rows->token[r]);
        model->users[r] = rows->user[r];
    }
    model->row_count = rows->row_count;
}

static inline void give_logits(void *context, uint32_t step, uint32_t first, uint32_t count,
                               float *out)
{
    const fake_model *model = context;
    assert_true(first + count <= model->row_count);
    for (uint32_t r = 0; r < count; r++) {
        for (uint32_t v = 0; v < V; v++) {
            out[r * V + v] =
                path_logit(model, model->path[step % 2][first + r], model->users[first + r], v);
        }
    }
}

// ---- the catalogue ----

typedef struct {
    uint32_t tokens[ROWS * STRING_MAX];
    uint64_t offset[ROWS + 1];
    uint32_t row_count;
    nj_buffer bytes;
    nj_token_trie trie;
} world;

static inline void open_world(world *w, uint32_t row_count)
{
    nj_error err = {0};
    const nj_token_strings strings = {w->tokens, w->offset, row_count, V, NULL};
    w->row_count = row_count;
    nj_buffer_init(&w->bytes, 1 << 20);
    assert_ok(nj_token_trie_build(&strings, &w->bytes, &err), &err);
    assert_ok(nj_token_trie_open(w->bytes.bytes, w->bytes.size, row_count, &w->trie, &err), &err);
}

// Short strings over few tokens: some are equal, some begin others.
static inline void make_world(world *w, uint64_t seed)
{
    const uint32_t row_count = 1 + (uint32_t)(nj_rng_next(&seed) % ROWS);
    memset(w, 0, sizeof *w);
    for (uint32_t row = 0; row < row_count; row++) {
        const uint32_t size = 1 + (uint32_t)(nj_rng_next(&seed) % STRING_MAX);
        w->offset[row + 1] = w->offset[row] + size;
        for (uint64_t i = w->offset[row]; i < w->offset[row + 1]; i++) {
            w->tokens[i] = FIRST_TOKEN + (uint32_t)(nj_rng_next(&seed) % ITEM_TOKENS);
        }
    }
    open_world(w, row_count);
}

// ---- what is allowed, from the table of strings ----

typedef struct {
    uint32_t tokens[TOKENS_MAX];
    uint32_t count;
    float score;     // sum of log-probabilities
    float penalised; // of a hypothesis
    uint32_t rank;
    float score_at[TOKENS_MAX]; // the sum up to each token
    bool ended;
} path;

static inline bool has_row(const nj_answer_user *user, uint32_t row)
{
    bool has = user->open_rows == NULL || nj_bits_has(user->open_rows, row);
    for (uint32_t i = 0; i < user->excluded_count; i++) {
        has = has && user->excluded[i] != row;
    }
    bool listed = user->candidates == NULL;
    for (uint32_t i = 0; i < user->candidate_count; i++) {
        listed = listed || user->candidates[i] == row;
    }
    return has && listed;
}

static inline uint32_t string_size(const world *w, uint32_t row)
{
    return (uint32_t)(w->offset[row + 1] - w->offset[row]);
}

static inline bool row_begins(const world *w, uint32_t row, const uint32_t *tokens, uint32_t count)
{
    return string_size(w, row) >= count &&
           memcmp(w->tokens + w->offset[row], tokens, count * sizeof *tokens) == 0;
}

// A list's tokens, cut at separators: items first .. end - 1 of the path each. The last is the one at hand.
typedef struct {
    uint32_t first[TOKENS_MAX];
    uint32_t end[TOKENS_MAX];
    uint32_t count;
    uint32_t separator_said; // tokens of an unfinished separator at the end
} pieces;

static inline pieces cut(const nj_answer_config *config, const path *p)
{
    pieces cuts = {.count = 1};
    for (uint32_t i = 0; i < p->count; i++) {
        const uint32_t token = p->tokens[i];
        if (config->kind == NJ_ANSWER_LIST && token == config->separator[cuts.separator_said]) {
            if (++cuts.separator_said == config->separator_count) {
                cuts.separator_said = 0;
                cuts.first[cuts.count] = cuts.end[cuts.count] = i + 1;
                cuts.count++;
            }
        } else {
            cuts.end[cuts.count - 1] = i + 1;
        }
    }
    return cuts;
}

// True when the row's string is that of an earlier piece, or of the last too.
static inline bool is_said(const world *w, const path *p, const pieces *cuts, uint32_t row,
                           uint32_t piece_count)
{
    for (uint32_t i = 0; i < piece_count; i++) {
        const uint32_t size = cuts->end[i] - cuts->first[i];
        if (string_size(w, row) == size && row_begins(w, row, p->tokens + cuts->first[i], size)) {
            return true;
        }
    }
    return false;
}

// The tokens that may follow, as bits.
static inline uint32_t find_allowed(const world *w, const nj_answer_config *config,
                                    const nj_answer_user *user, const path *p)
{
    const pieces cuts = cut(config, p);
    const uint32_t last = cuts.count - 1;
    const uint32_t size = cuts.end[last] - cuts.first[last];
    if (config->kind == NJ_ANSWER_TEXT) {
        return (1u << V) - 1;
    }
    if (cuts.separator_said > 0) {
        return 1u << config->separator[cuts.separator_said];
    }
    uint32_t allowed = 0;
    bool ends = false; // the last piece is an item that may be said
    bool more = false; // something is left when it is
    for (uint32_t row = 0; row < w->row_count; row++) {
        if (!has_row(user, row) || is_said(w, p, &cuts, row, last)) {
            continue;
        }
        const bool begins = row_begins(w, row, p->tokens + cuts.first[last], size);
        const bool is_whole = begins && string_size(w, row) == size;
        ends = ends || is_whole;
        more = more || !is_whole;
        if (begins && !is_whole) {
            allowed |= 1u << w->tokens[w->offset[row] + size];
        }
    }
    if (ends) {
        allowed |= 1u << config->end_token;
    }
    if (ends && more && config->kind == NJ_ANSWER_LIST && cuts.count < config->wanted) {
        allowed |= 1u << config->separator[0];
    }
    return allowed;
}

// ---- the law ----

static inline const nj_kernels *reference_kernels(void)
{
    const nj_kernels *kernels = NULL;
    nj_error err = {0};
    assert_ok(nj_kernels_select("ref", &kernels, &err), &err);
    return kernels;
}

static inline int compare_paths(const void *a, const void *b)
{
    const path *p = a;
    const path *q = b;
    const uint32_t p_token = p->tokens[p->count - 1];
    const uint32_t q_token = q->tokens[q->count - 1];
    return p->score != q->score ? (p->score > q->score ? -1 : 1)
           : p_token != q_token ? (p_token < q_token ? -1 : 1)
                                : (p->rank < q->rank ? -1 : 1);
}

static inline float power_of(uint32_t tokens, float penalty)
{
    return penalty == 1.0f ? (float)tokens : nj_exp(penalty * nj_log((float)tokens));
}

typedef struct {
    path running[W_MAX];
    uint32_t running_count;
    path finished[2 * W_MAX];
    uint32_t finished_count;
} law;

// What follows one beam, behind `count` others.
static inline uint32_t follow(const world *w, const nj_answer_config *config,
                              const fake_model *model, const nj_answer_user *user,
                              uint32_t user_index, const path *p, uint32_t rank, uint32_t count,
                              path *out)
{
    const uint32_t allowed = find_allowed(w, config, user, p);
    uint64_t hash = append_token(nj_rng_mix(user_index), config->start_token);
    float all[V];
    float open[V];
    float norm;
    uint32_t open_count = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        hash = append_token(hash, p->tokens[i]);
    }
    for (uint32_t i = 0; i < V; i++) {
        const uint32_t v = (FIRST_TOKEN + i) % V; // tokens of items are summed first
        all[v] = path_logit(model, hash, user_index, v) / config->temperature;
        if ((allowed >> v & 1) != 0) {
            open[open_count++] = all[v];
        }
    }
    if (config->renormalise && config->kind != NJ_ANSWER_TEXT) {
        reference_kernels()->log_sum_exp(1, open_count, open, open_count, &norm);
    } else {
        reference_kernels()->log_sum_exp(1, V, all, V, &norm);
    }
    for (uint32_t v = 0; v < V; v++) {
        if ((allowed >> v & 1) != 0) {
            path *next = &out[count++];
            *next = *p;
            next->rank = rank;
            next->score = p->score + (all[v] - norm);
            next->score_at[next->count] = next->score;
            next->tokens[next->count++] = v;
        }
    }
    return count;
}

static inline void add_finished(const nj_answer_config *config, law *l, const path *p)
{
    uint32_t at = l->finished_count < config->W ? l->finished_count++ : config->W;
    l->finished[at] = *p;
    for (; at > 0 && l->finished[at - 1].penalised < l->finished[at].penalised; at--) {
        const path moved = l->finished[at];
        l->finished[at] = l->finished[at - 1];
        l->finished[at - 1] = moved;
    }
}

// One user, alone.
static inline void search_by_law(const world *w, const nj_answer_config *config,
                                 const fake_model *model, const nj_answer_user *user,
                                 uint32_t user_index, law *l)
{
    static path continuations[W_MAX * V];
    *l = (law){.running_count = 1};
    const bool greedy = config->W == 1;
    for (uint32_t tokens = 1; tokens <= config->tokens_max && l->running_count > 0; tokens++) {
        uint32_t count = 0;
        for (uint32_t r = 0; r < l->running_count; r++) {
            count =
                follow(w, config, model, user, user_index, &l->running[r], r, count, continuations);
        }
        qsort(continuations, count, sizeof *continuations, compare_paths);
        const float power = power_of(tokens, config->length_penalty);
        l->running_count = 0;
        for (uint32_t i = 0; i < count && i < 2 * config->W; i++) {
            path *p = &continuations[i];
            p->ended = p->tokens[tokens - 1] == config->end_token;
            const bool hits = p->ended || tokens == config->tokens_max;
            p->penalised = p->score / power;
            if (hits && i < config->W && (p->ended || config->kind != NJ_ANSWER_ITEMS)) {
                add_finished(config, l, p);
            } else if (!hits && l->running_count < config->W) {
                l->running[l->running_count++] = *p;
            }
        }
        if (l->finished_count == config->W && l->running_count > 0) {
            const bool far = config->stop == NJ_STOP_NEVER && config->length_penalty > 0.0f;
            const uint32_t length = far ? config->tokens_max : tokens;
            const float hope = l->running[0].score / power_of(length, config->length_penalty);
            if (greedy || config->stop == NJ_STOP_FIRST ||
                !(hope > l->finished[config->W - 1].penalised)) {
                l->running_count = 0;
            }
        }
    }
}

// ---- both ----

static inline nj_answer_config make_config(nj_answer_kind kind, uint32_t W)
{
    return (nj_answer_config){.kind = kind,
                              .W = W,
                              .wanted = kind == NJ_ANSWER_ITEMS ? ROWS : 4,
                              .tokens_max = kind == NJ_ANSWER_TEXT ? 7 : 20,
                              .start_token = START_TOKEN,
                              .end_token = END_TOKEN,
                              .length_penalty = 1.0f,
                              .temperature = 1.0f,
                              .separator = SEPARATOR,
                              .separator_count = 2};
}

// Searches with memory as planned for lists of `listed_max`.
static inline void search(const world *w, const nj_answer_config *config,
                          const nj_answer_user *users, uint32_t listed_max, uint32_t B,
                          uint32_t chunk, fake_model *model, nj_arena *arena, nj_answer *answers)
{
    nj_error err = {0};
    const nj_token_trie *trie = config->kind == NJ_ANSWER_TEXT ? NULL : &w->trie;
    const nj_beam_model callbacks = {model, V, chunk, begin_step, give_logits};
    const size_t bytes = nj_answer_scratch_bytes(trie, config, listed_max, B, V, chunk);
    assert_true(nj_answer_rows_max(trie, config, B) <= BEAM_ROWS_MAX);
    assert_ok(nj_arena_init(arena, bytes, &err), &err);
    model->steps = 0;
    memset(answers, 0xaa, B * sizeof *answers);
    nj_answer_search(trie, config, &callbacks, reference_kernels(), users, B, arena, answers);
    assert_true(model->steps <= nj_answer_steps_max(trie, config));
    assert_true(arena->peak <= bytes);
}

#endif
