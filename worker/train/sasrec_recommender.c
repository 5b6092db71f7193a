#include "worker/train/sasrec_recommender.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/train/sasrec_gradient.h"

#define GROUP_MAX 32
#define SCORES_MAX ((size_t)8 << 20) // of a group

typedef struct {
    nj_sasrec_scratch *model;
    uint32_t *items;  // [group * S]
    uint32_t *offset; // [group + 1]
    uint32_t *place;  // [group] of the user among those with a history; UINT32_MAX: he has none
    float *states;    // [group, D]
    float *scores;    // [group, N]
} list_scratch;

static uint32_t group_of(const nj_sasrec *model)
{
    const size_t fits = SCORES_MAX / model->config.N;
    return (uint32_t)nj_max_size(1, nj_min_size(GROUP_MAX, fits));
}

static void free_scratch(void **scratch)
{
    list_scratch *s = *scratch;
    if (s != NULL) {
        nj_sasrec_scratch_free(&s->model);
        free(s->items);
        free(s->offset);
        free(s->place);
        free(s->states);
        free(s->scores);
        free(s);
        *scratch = NULL;
    }
}

static bool take_arrays(const nj_sasrec *model, list_scratch *s)
{
    const size_t group = group_of(model);
    s->items = calloc(group * model->config.S, sizeof *s->items);
    s->offset = calloc(group + 1, sizeof *s->offset);
    s->place = calloc(group, sizeof *s->place);
    s->states = calloc(group * model->config.D, sizeof *s->states);
    s->scores = calloc(group * model->config.N, sizeof *s->scores);
    return s->items != NULL && s->offset != NULL && s->place != NULL && s->states != NULL &&
           s->scores != NULL;
}

static nj_status make_scratch(const void *context, void **out, nj_error *err)
{
    const nj_sasrec *model = context;
    const uint32_t group = group_of(model);
    const nj_sasrec_limits limits = {group, group * model->config.S};
    list_scratch *s = calloc(1, sizeof *s);
    nj_status status =
        s != NULL && take_arrays(model, s)
            ? nj_sasrec_scratch_new(model, &limits, &s->model, err)
            : nj_fail(err, NJ_NO_MEMORY, "no memory for the scores of %u items", model->config.N);
    void *made = s;
    if (status == NJ_OK) {
        *out = made;
        made = NULL;
    }
    free_scratch(&made);
    return status;
}

static void begin_users(const void *context, void *scratch, const nj_request *users, uint32_t count)
{
    const nj_sasrec *model = context;
    list_scratch *s = scratch;
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const nj_request *user = &users[i];
        const uint32_t length = (uint32_t)nj_min_size(user->item_count, model->config.S);
        s->place[i] = length > 0 ? n : UINT32_MAX;
        if (length > 0) {
            memcpy(s->items + s->offset[n], user->items + user->item_count - length,
                   length * sizeof *s->items);
            s->offset[n + 1] = s->offset[n] + length;
            n++;
        }
    }
    const nj_sasrec_batch batch = {n, s->items, s->offset, NULL};
    nj_sasrec_encode(model, s->model, &batch, s->states);
    nj_sasrec_score(model, n, s->states, s->scores);
}

static void offer_all(const void *context, void *scratch, uint32_t number,
                      void (*visit)(void *to, uint32_t item, double score), void *to)
{
    const nj_sasrec *model = context;
    const list_scratch *s = scratch;
    if (s->place[number] == UINT32_MAX) {
        return;
    }
    const float *scores = s->scores + (size_t)s->place[number] * model->config.N;
    for (uint32_t i = 0; i < model->config.N; i++) {
        visit(to, i, (double)scores[i]);
    }
}

nj_recommender nj_sasrec_recommender(const nj_sasrec *model)
{
    return (nj_recommender){.context = model,
                            .item_count = model->config.N,
                            .group = group_of(model),
                            .scratch_new = make_scratch,
                            .scratch_free = free_scratch,
                            .begin = begin_users,
                            .offer = offer_all};
}
