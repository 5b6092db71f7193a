#include "worker/train/t5_learner.h"

#include <stdlib.h>

#include "common/base/checked.h"

// A thread's.
typedef struct {
    nj_train_scratch *gradient;
    uint32_t *tokens; // [samples_max * tokens of one]
    uint32_t *offset; // [samples_max + 1]
    uint32_t *labels; // [samples_max * L]
} scratch;

static void free_scratch(void **memory)
{
    scratch *s = *memory;
    if (s == NULL) {
        return;
    }
    nj_train_scratch_free(&s->gradient);
    free(s->tokens);
    free(s->offset);
    free(s->labels);
    free(s);
    *memory = NULL;
}

static nj_status make_scratch(const void *context, uint32_t samples_max, void **out, nj_error *err)
{
    const nj_t5_learner *t5 = context;
    const uint32_t L = t5->samples->tokens.level_count;
    const size_t tokens_max = nj_train_samples_tokens_max(t5->samples);
    const nj_train_limits limits = {.samples_max = samples_max,
                                    .tokens_max = (uint32_t)(samples_max * tokens_max),
                                    .sequence_max = (uint32_t)tokens_max,
                                    .T = L};
    scratch *s = calloc(1, sizeof *s);
    bool complete = s != NULL;
    if (complete) {
        s->tokens = calloc(limits.tokens_max, sizeof *s->tokens);
        s->offset = calloc((size_t)samples_max + 1, sizeof *s->offset);
        s->labels = calloc((size_t)samples_max * L, sizeof *s->labels);
        complete = s->tokens != NULL && s->offset != NULL && s->labels != NULL;
    }
    nj_status status =
        complete ? nj_train_scratch_new(t5->model, &limits, &s->gradient, err)
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
    (void)numbers;
    const nj_t5_learner *t5 = context;
    return (uint64_t)count * t5->samples->tokens.level_count;
}

static double add_gradient(const void *context, void *memory, const nj_train_shard *shard,
                           float *gradient)
{
    const nj_t5_learner *t5 = context;
    scratch *s = memory;
    const nj_train_options options = {.dropout = t5->dropout,
                                      .label_smoothing = t5->label_smoothing,
                                      .weight = shard->weight,
                                      .seed = shard->seed,
                                      .overwrite = true};
    const nj_train_batch batch = nj_train_samples_fill(t5->samples, shard->numbers, shard->count,
                                                       s->tokens, s->offset, s->labels);
    return nj_train_gradient(t5->model, s->gradient, &batch, &options, gradient);
}

static void pack_part(void *context, size_t part)
{
    nj_t5_learner *t5 = context;
    nj_train_pack_linear(t5->model, part);
}

static uint32_t find_effort(const void *context, uint32_t number)
{
    const nj_t5_learner *t5 = context;
    return nj_train_samples_items(t5->samples, number);
}

static nj_slice name_user(const void *context, uint32_t number)
{
    const nj_t5_learner *t5 = context;
    return nj_train_samples_user(t5->samples, number).user;
}

static bool is_share(double value)
{
    return value >= 0 && value < 1;
}

nj_status nj_t5_learner_init(nj_t5_learner *t5, nj_learner *out, nj_error *err)
{
    if (!is_share(t5->dropout) || !is_share(t5->label_smoothing)) {
        return nj_fail(err, NJ_INPUT,
                       "dropout %g and label smoothing %g must be at least 0 and below 1",
                       t5->dropout, t5->label_smoothing);
    }
    *out = (nj_learner){.context = t5,
                        .sample_count = t5->samples->count,
                        .epoch_samples = t5->samples->count,
                        .count = t5->model->count,
                        .values = t5->model->values,
                        .overwrites = true,
                        .part_count = t5->model->linear_count,
                        .scratch_new = make_scratch,
                        .scratch_free = free_scratch,
                        .count_labels = count_labels,
                        .gradient = add_gradient,
                        .changed = pack_part,
                        .effort = find_effort,
                        .name_user = name_user};
    return NJ_OK;
}

nj_digest nj_t5_learner_digest(const nj_t5_learner *t5, const nj_digest *inputs)
{
    const double numbers[] = {t5->dropout, t5->label_smoothing};
    const uint32_t counts[] = {t5->samples->history_max, t5->samples->held_out};
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update(&digester, inputs, sizeof *inputs);
    nj_digester_update(&digester, numbers, sizeof numbers);
    nj_digester_update(&digester, counts, sizeof counts);
    return nj_digester_final(&digester);
}
