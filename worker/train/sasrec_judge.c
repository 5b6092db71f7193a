#include "worker/train/sasrec_judge.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/judge/metric.h"

#define BATCH 32 // users whose states are computed at once

// A thread's.
typedef struct {
    nj_sasrec_scratch *model;
    uint32_t *items;   // [BATCH * S]
    float *states;     // [BATCH, D]
    float *scores;     // [BATCH, NJ_SASREC_ITEM_BLOCK]
    uint64_t *seen_by; // [N] number of the last user whose history had the item, plus 1
} scratch;

typedef struct {
    const nj_sasrec *model;
    const nj_user_table *users;
    uint32_t from_end;
    const uint32_t *judged; // [count] users
    scratch *scratch;       // [threads]
    nj_sasrec_ranks ranks;
} judging;

// ---- one batch ----

static uint32_t target_of(const judging *j, const nj_request *user)
{
    return user->items[user->item_count - j->from_end];
}

static float score_item(const nj_sasrec *model, const float *state, uint32_t item)
{
    float score;
    const size_t D = model->config.D;
    model->kernels->matmul_nt(1, 1, D, state, D, model->values + model->items + item * D, D, &score,
                              1);
    return score;
}

static bool is_before(float score, uint32_t item, float target_score, uint32_t target)
{
    return score > target_score || (score == target_score && item < target);
}

static void encode_batch(const judging *j, scratch *s, size_t first, size_t n)
{
    uint32_t offset[BATCH + 1] = {0};
    for (size_t i = 0; i < n; i++) {
        const nj_request user = nj_user_table_at(j->users, j->judged[first + i]);
        const uint32_t before = user.item_count - j->from_end;
        const uint32_t length = (uint32_t)nj_min_size(before, j->model->config.S);
        memcpy(s->items + offset[i], user.items + before - length, length * sizeof *s->items);
        offset[i + 1] = offset[i] + length;
    }
    const nj_sasrec_batch batch = {(uint32_t)n, s->items, offset, NULL};
    nj_sasrec_encode(j->model, s->model, &batch, s->states);
}

// Adds the items of a block that stand before each user's target to his rank.
static void count_block(const judging *j, const scratch *s, size_t first, size_t n, size_t block,
                        const float *target_scores)
{
    const nj_linear *items = &j->model->item_blocks[block];
    const uint32_t base = (uint32_t)(block * NJ_SASREC_ITEM_BLOCK);
    j->model->kernels->linear(n, s->states, j->model->config.D, items, false, s->scores, items->N);
    for (size_t i = 0; i < n; i++) {
        const nj_request user = nj_user_table_at(j->users, j->judged[first + i]);
        const uint32_t target = target_of(j, &user);
        uint32_t before = 0;
        for (uint32_t k = 0; k < items->N; k++) {
            before += is_before(s->scores[i * items->N + k], base + k, target_scores[i], target);
        }
        j->ranks.ranks[first + i] += before;
    }
}

// The rank without those of the history that stand before the target.
static uint32_t mask_history(const judging *j, scratch *s, size_t number, const float *state,
                             float target_score)
{
    const nj_request user = nj_user_table_at(j->users, j->judged[number]);
    const uint32_t target = target_of(j, &user);
    uint32_t rank = j->ranks.ranks[number];
    for (uint32_t i = 0; i + j->from_end < user.item_count; i++) {
        const uint32_t item = user.items[i];
        if (item == target) {
            return NJ_RANK_NONE;
        }
        if (s->seen_by[item] != number + 1) {
            s->seen_by[item] = number + 1;
            rank -= is_before(score_item(j->model, state, item), item, target_score, target);
        }
    }
    return rank;
}

static void judge_batch(void *context, size_t task, size_t thread)
{
    judging *j = context;
    scratch *s = &j->scratch[thread];
    const size_t first = task * BATCH;
    const size_t n = nj_min_size(BATCH, j->ranks.count - first);
    const size_t D = j->model->config.D;
    float target_scores[BATCH];
    encode_batch(j, s, first, n);
    for (size_t i = 0; i < n; i++) {
        const nj_request user = nj_user_table_at(j->users, j->judged[first + i]);
        target_scores[i] = score_item(j->model, s->states + i * D, target_of(j, &user));
        j->ranks.ranks[first + i] = 1;
    }
    for (size_t b = 0; b < j->model->item_block_count; b++) {
        count_block(j, s, first, n, b, target_scores);
    }
    for (size_t i = 0; i < n; i++) {
        j->ranks.masked[first + i] =
            mask_history(j, s, first + i, s->states + i * D, target_scores[i]);
    }
}

// ---- memory ----

static void free_scratch(scratch *s)
{
    nj_sasrec_scratch_free(&s->model);
    free(s->items);
    free(s->states);
    free(s->scores);
    free(s->seen_by);
}

static nj_status make_scratch(const nj_sasrec *model, scratch *s, nj_error *err)
{
    const nj_sasrec_config *c = &model->config;
    const nj_sasrec_limits limits = {BATCH, BATCH * c->S};
    s->items = calloc(limits.rows_max, sizeof *s->items);
    s->states = calloc((size_t)BATCH * c->D, sizeof *s->states);
    s->scores = calloc((size_t)BATCH * NJ_SASREC_ITEM_BLOCK, sizeof *s->scores);
    s->seen_by = calloc(c->N, sizeof *s->seen_by);
    return s->items != NULL && s->states != NULL && s->scores != NULL && s->seen_by != NULL
               ? nj_sasrec_scratch_new(model, &limits, &s->model, err)
               : nj_fail(err, NJ_NO_MEMORY, "no memory to judge among %u items", c->N);
}

static nj_status list_users(const nj_user_table *users, uint32_t from_end, uint32_t **out,
                            nj_sasrec_ranks *ranks, nj_error *err)
{
    uint32_t *judged = calloc(users->count + 1, sizeof *judged);
    size_t count = 0;
    for (size_t u = 0; u < users->count && judged != NULL; u++) {
        if (nj_user_table_at(users, u).item_count > from_end) {
            judged[count++] = (uint32_t)u;
        }
    }
    ranks->count = count;
    ranks->ranks = calloc(count + 1, sizeof *ranks->ranks);
    ranks->masked = calloc(count + 1, sizeof *ranks->masked);
    *out = judged;
    return judged != NULL && ranks->ranks != NULL && ranks->masked != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for the ranks of %zu users", users->count);
}

nj_status nj_sasrec_judge(const nj_sasrec *model, const nj_user_table *users, uint32_t from_end,
                          nj_pool *pool, nj_sasrec_ranks *out, nj_error *err)
{
    const size_t threads = nj_pool_threads(pool);
    judging j = {.model = model, .users = users, .from_end = from_end};
    uint32_t *judged = NULL;
    nj_status status = list_users(users, from_end, &judged, &j.ranks, err);
    j.judged = judged;
    j.scratch = calloc(threads, sizeof *j.scratch);
    if (status == NJ_OK && j.scratch == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to judge on %zu threads", threads);
    }
    for (size_t i = 0; i < threads && status == NJ_OK; i++) {
        status = make_scratch(model, &j.scratch[i], err);
    }
    if (status == NJ_OK) {
        nj_pool_run(pool, (j.ranks.count + BATCH - 1) / BATCH, judge_batch, &j);
        *out = j.ranks;
        j.ranks = (nj_sasrec_ranks){0};
    }
    for (size_t i = 0; i < threads && j.scratch != NULL; i++) {
        free_scratch(&j.scratch[i]);
    }
    free(j.scratch);
    free(judged);
    nj_sasrec_ranks_fini(&j.ranks);
    return status;
}

void nj_sasrec_ranks_fini(nj_sasrec_ranks *ranks)
{
    free(ranks->ranks);
    free(ranks->masked);
    *ranks = (nj_sasrec_ranks){0};
}
