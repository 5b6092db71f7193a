#include "worker/beam/answers.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "worker/beam/answers_internal.h"

// ---- a step ----

static void expand_chunk(answering *s, uint32_t first, uint32_t count)
{
    const size_t V = s->model->V;
    s->model->logits(s->model->context, s->step, first, count, s->logits);
    if (s->config->temperature != 1.0f) {
        s->kernels->scale(count, V, 1.0f / s->config->temperature, s->logits, V);
    }
    s->kernels->log_sum_exp(count, V, s->logits, V, s->norms);
    for (uint32_t i = 0; i < count; i++) {
        nj_answer_expand(s, first + i, s->logits + i * V, s->norms[i]);
    }
}

static void expand_rows(answering *s)
{
    const answer_rows *now = &s->now;
    const nj_beam_rows rows = {now->user, now->parent, now->token, now->count};
    s->model->begin_step(s->model->context, s->step, &rows);
    // Chunks of nearly equal size, as in beam.c.
    uint32_t chunks = (now->count + s->model->chunk_rows_max - 1) / s->model->chunk_rows_max;
    for (uint32_t first = 0; chunks > 0; chunks--) {
        const uint32_t count = (now->count - first + chunks - 1) / chunks;
        expand_chunk(s, first, count);
        first += count;
    }
}

// ---- rows ----

// A text's parents and tokens are kept for all steps: what is answered is read from them backwards.
static void place_rows(answering *s, answer_rows *rows, uint32_t step)
{
    rows->count = 0;
    if (s->config->kind == NJ_ANSWER_TEXT) {
        rows->parent = s->parents + step * s->rows_max;
        rows->token = s->tokens + step * s->rows_max;
    }
}

static void start_rows(answering *s)
{
    place_rows(s, &s->now, 0);
    s->now.count = s->B;
    for (uint32_t b = 0; b < s->B; b++) {
        s->now.user[b] = b;
        s->now.parent[b] = 0;
        s->now.token[b] = s->config->start_token;
        s->now.node[b] = 0;
        s->now.rank[b] = 0;
        s->now.score[b] = 0.0f;
        if (s->config->kind == NJ_ANSWER_LIST) {
            s->now.place[b] = 0;
            s->now.said_count[b] = 0;
        }
    }
}

// Tokens of a separator that are said once a candidate follows its row; behind the last an item begins.
static uint32_t place_after(const answering *s, const candidate *c)
{
    const uint32_t said = c->slot == MOVE_SEPARATE  ? 1
                          : c->slot == MOVE_BETWEEN ? s->now.place[c->parent] + 1
                                                    : 0;
    return said == s->config->separator_count ? 0 : said;
}

static void add_row(answering *s, uint32_t user, uint32_t rank, const candidate *c)
{
    answer_rows *next = &s->next;
    const uint32_t row = next->count++;
    next->user[row] = user;
    next->parent[row] = c->parent;
    next->token[row] = c->token;
    next->node[row] = c->node;
    next->rank[row] = rank;
    next->score[row] = c->score;
    if (s->config->kind == NJ_ANSWER_LIST) {
        next->place[row] = place_after(s, c);
        next->said_count[row] =
            nj_answer_said_after(s, c, next->said + (size_t)row * s->config->wanted);
    }
}

// The best of a user that do not end go on.
static void add_rows(answering *s, uint32_t user)
{
    const selection *selected = &s->selected[user];
    uint32_t rank = 0;
    for (uint32_t i = 0; i < selected->count && rank < s->room; i++) {
        if (selected->heap[i].slot != MOVE_END) {
            add_row(s, user, rank++, &selected->heap[i]);
        }
    }
}

static void run_step(answering *s)
{
    for (uint32_t b = 0; b < s->B; b++) {
        s->selected[b].count = 0;
        s->selected[b].sorted = false;
    }
    expand_rows(s);
    place_rows(s, &s->next, s->step + 1);
    for (uint32_t b = 0; b < s->B; b++) {
        nj_selection_sort(&s->selected[b]);
        nj_answer_finish(s, b);
        if (!s->finished[b].stopped) {
            add_rows(s, b);
        }
    }
    const answer_rows done = s->now;
    s->now = s->next;
    s->next = done;
}

// ---- the whole ----

// What the caller must have made sure of: numbers of a bundle or of settings are checked where they are read.
static void assert_config(const nj_token_trie *trie, const nj_answer_config *config,
                          const nj_beam_model *model)
{
    assert(config->W > 0 && config->W <= UINT32_MAX / 2 && config->wanted > 0);
    assert(config->tokens_max > 0 && config->tokens_max <= NJ_ANSWER_TOKENS_MAX);
    assert(config->temperature > 0.0f && isfinite(config->length_penalty));
    assert(model->chunk_rows_max > 0 && config->end_token < model->V);
    assert(config->kind == NJ_ANSWER_TEXT || (trie != NULL && trie->V <= model->V));
    assert(config->kind != NJ_ANSWER_LIST || config->separator_count > 0);
}

void nj_answer_search(const nj_token_trie *trie, const nj_answer_config *config,
                      const nj_beam_model *model, const nj_kernels *kernels,
                      const nj_answer_user *users, uint32_t B, nj_arena *arena, nj_answer *answers)
{
    assert_config(trie, config, model);
    answering s = {.trie = trie,
                   .config = config,
                   .model = model,
                   .kernels = kernels,
                   .users = users,
                   .B = B,
                   .answers = answers};
    nj_answer_take(&s, arena);
    start_rows(&s);
    for (; s.step < s.steps_max && s.now.count > 0; s.step++) {
        run_step(&s);
    }
    for (uint32_t b = 0; b < B; b++) {
        nj_answer_give(&s, b);
    }
}
