#include "worker/train/sasrec_learner.h"

#include <stdlib.h>

#include "common/base/checked.h"

// A thread's.
typedef struct {
    nj_sasrec_scratch *gradient;
    uint32_t *items;  // [samples_max * length_max]
    uint32_t *labels; // likewise
    uint32_t *offset; // [samples_max + 1]
} scratch;

static void free_scratch(void **memory)
{
    scratch *s = *memory;
    if (s == NULL) {
        return;
    }
    nj_sasrec_scratch_free(&s->gradient);
    free(s->items);
    free(s->labels);
    free(s->offset);
    free(s);
    *memory = NULL;
}

static nj_status make_scratch(const void *context, uint32_t samples_max, void **out, nj_error *err)
{
    const nj_sasrec_learner *sasrec = context;
    const size_t rows = (size_t)samples_max * sasrec->sequences->length_max;
    const nj_sasrec_limits limits = {samples_max, (uint32_t)rows};
    scratch *s = calloc(1, sizeof *s);
    bool complete = s != NULL && rows <= UINT32_MAX;
    if (complete) {
        s->items = calloc(rows, sizeof *s->items);
        s->labels = calloc(rows, sizeof *s->labels);
        s->offset = calloc((size_t)samples_max + 1, sizeof *s->offset);
        complete = s->items != NULL && s->labels != NULL && s->offset != NULL;
    }
    nj_status status =
        complete ? nj_sasrec_scratch_new(sasrec->model, &limits, &s->gradient, err)
                 : nj_fail(err, NJ_NO_MEMORY, "no memory for shards of %u samples", samples_max);
    void *made = s;
    if (status == NJ_OK) {
        *out = made;
        made = NULL;
    }
    free_scratch(&made);
    return status;
}

static uint64_t count_labels(const void *context, const uint32_t *numbers, size_t count)
{
    const nj_sasrec_learner *sasrec = context;
    return nj_sequences_labels(sasrec->sequences, numbers, count);
}

static double add_gradient(const void *context, void *memory, const nj_train_shard *shard,
                           float *gradient)
{
    const nj_sasrec_learner *sasrec = context;
    scratch *s = memory;
    const nj_sasrec_options options = {
        .dropout = sasrec->dropout, .weight = shard->weight, .seed = shard->seed};
    const nj_sasrec_batch batch = nj_sequences_fill(sasrec->sequences, shard->numbers, shard->count,
                                                    s->items, s->offset, s->labels);
    return nj_sasrec_gradient(sasrec->model, s->gradient, &batch, &options, gradient);
}

static void pack_part(void *context, size_t part)
{
    nj_sasrec_learner *sasrec = context;
    nj_sasrec_pack_part(sasrec->model, part);
}

static uint32_t count_positions(const void *context, uint32_t number)
{
    const nj_sasrec_learner *sasrec = context;
    return sasrec->sequences->sequences[number].length;
}

static nj_slice name_user(const void *context, uint32_t number)
{
    const nj_sasrec_learner *sasrec = context;
    const nj_sequence *sequence = &sasrec->sequences->sequences[number];
    return nj_user_table_at(sasrec->sequences->users, sequence->user).user;
}

// The weight and bias of a norm lie side by side.
static nj_train_span span_of(const nj_sasrec *model, const nj_sasrec_norm *norm)
{
    return (nj_train_span){norm->weight, 2 * (size_t)model->config.D};
}

static nj_status list_norms(nj_sasrec_learner *sasrec, size_t *out_count, nj_error *err)
{
    const nj_sasrec *model = sasrec->model;
    const size_t count = 1 + 2 * (size_t)model->config.layers;
    sasrec->norms = calloc(count, sizeof *sasrec->norms);
    if (sasrec->norms == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the places of %zu norms", count);
    }
    sasrec->norms[0] = span_of(model, &model->edge_norm);
    for (size_t l = 0; l < model->config.layers; l++) {
        sasrec->norms[1 + 2 * l] = span_of(model, &model->blocks[l].attention_norm);
        sasrec->norms[2 + 2 * l] = span_of(model, &model->blocks[l].dense_norm);
    }
    *out_count = count;
    return NJ_OK;
}

nj_status nj_sasrec_learner_init(nj_sasrec_learner *sasrec, nj_learner *out, nj_error *err)
{
    if (!(sasrec->dropout >= 0 && sasrec->dropout < 1)) {
        return nj_fail(err, NJ_INPUT, "dropout is %g, must be at least 0 and below 1",
                       sasrec->dropout);
    }
    nj_learner learner = {.context = sasrec,
                          .sample_count = sasrec->sequences->count,
                          .epoch_samples = sasrec->sequences->count,
                          .count = sasrec->model->count,
                          .values = sasrec->model->values,
                          .part_count = nj_sasrec_part_count(sasrec->model),
                          .scratch_new = make_scratch,
                          .scratch_free = free_scratch,
                          .count_labels = count_labels,
                          .gradient = add_gradient,
                          .changed = pack_part,
                          .effort = count_positions,
                          .name_user = name_user};
    nj_status status = list_norms(sasrec, &learner.undecayed_count, err);
    learner.undecayed = sasrec->norms;
    if (status == NJ_OK) {
        *out = learner;
    }
    return status;
}

void nj_sasrec_learner_fini(nj_sasrec_learner *sasrec)
{
    free(sasrec->norms);
    sasrec->norms = NULL;
}

nj_digest nj_sasrec_learner_digest(const nj_sasrec_learner *sasrec, const nj_digest *inputs)
{
    const nj_sasrec_config *c = &sasrec->model->config;
    const uint64_t counts[] = {c->N,
                               c->D,
                               c->H,
                               c->F,
                               c->layers,
                               c->S,
                               c->norms_after,
                               sasrec->sequences->held_out,
                               sasrec->sequences->length_max};
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update(&digester, inputs, sizeof *inputs);
    nj_digester_update(&digester, &sasrec->dropout, sizeof sasrec->dropout);
    nj_digester_update(&digester, counts, sizeof counts);
    return nj_digester_final(&digester);
}
