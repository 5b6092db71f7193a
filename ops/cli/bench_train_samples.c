#include "ops/cli/bench_train_samples.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "worker/train/samples.h"
#include "worker/train/t5_flops.h"

// ---- samples ----

static void draw(const uint32_t *lengths, uint32_t length_count, const uint32_t *order,
                 nj_bench_samples *s)
{
    const nj_t5_config *config = &s->model->config;
    uint64_t state = 1;
    for (uint32_t i = 0; i < s->count; i++) {
        const uint32_t length = lengths[order[i] % length_count];
        s->first[i + 1] = s->first[i] + length;
        for (size_t j = s->first[i]; j < s->first[i + 1]; j++) {
            s->tokens[j] = (uint32_t)(nj_rng_next(&state) % config->V);
        }
        s->flops += nj_train_sample_flops(config, length, s->T);
    }
    for (size_t i = 0; i < (size_t)s->count * s->T; i++) {
        s->labels[i] = (uint32_t)(nj_rng_next(&state) % config->V);
    }
}

nj_status nj_bench_samples_init(nj_train_t5 *model, uint32_t count, const uint32_t *lengths,
                                uint32_t length_count, uint32_t T, double dropout,
                                nj_bench_samples *out, nj_error *err)
{
    *out = (nj_bench_samples){.model = model, .dropout = dropout, .count = count, .T = T};
    for (uint32_t i = 0; i < length_count; i++) {
        out->tokens_most = lengths[i] > out->tokens_most ? lengths[i] : out->tokens_most;
    }
    uint32_t *order = calloc(count, sizeof *order);
    out->tokens = calloc((size_t)count * out->tokens_most, sizeof *out->tokens);
    out->labels = calloc((size_t)count * T, sizeof *out->labels);
    out->first = calloc((size_t)count + 1, sizeof *out->first);
    bool complete =
        order != NULL && out->tokens != NULL && out->labels != NULL && out->first != NULL;
    if (complete) {
        nj_train_samples_order(count, 1, 0, order);
        draw(lengths, length_count, order, out);
    }
    free(order);
    return complete ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory for %u samples", count);
}

void nj_bench_samples_fini(nj_bench_samples *samples)
{
    free(samples->tokens);
    free(samples->labels);
    free(samples->first);
    *samples = (nj_bench_samples){0};
}

// ---- the learner ----

// A thread's.
typedef struct {
    nj_train_scratch *gradient;
    nj_train_limits limits;
    uint32_t *tokens; // [limits.tokens_max]
    uint32_t *offset; // [limits.samples_max + 1]
    uint32_t *labels; // [limits.samples_max, T]
} scratch;

static void free_scratch(void **memory)
{
    scratch *s = *memory;
    if (s != NULL) {
        nj_train_scratch_free(&s->gradient);
        free(s->tokens);
        free(s->offset);
        free(s->labels);
        free(s);
        *memory = NULL;
    }
}

static nj_status make_scratch(const void *context, uint32_t samples_max, void **out, nj_error *err)
{
    const nj_bench_samples *samples = context;
    nj_status status = nj_fail(err, NJ_NO_MEMORY, "no memory for shards of %u", samples_max);
    scratch *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return status;
    }
    s->limits = (nj_train_limits){.samples_max = samples_max,
                                  .tokens_max = samples_max * samples->tokens_most,
                                  .sequence_max = samples->tokens_most,
                                  .T = samples->T};
    s->tokens = calloc(s->limits.tokens_max, sizeof *s->tokens);
    s->offset = calloc((size_t)samples_max + 1, sizeof *s->offset);
    s->labels = calloc((size_t)samples_max * samples->T, sizeof *s->labels);
    if (s->tokens != NULL && s->offset != NULL && s->labels != NULL) {
        status = nj_train_scratch_new(samples->model, &s->limits, &s->gradient, err);
    }
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
    const nj_bench_samples *samples = context;
    return (uint64_t)count * samples->T;
}

static double add_gradient(const void *context, void *memory, const nj_train_shard *shard,
                           float *gradient)
{
    const nj_bench_samples *samples = context;
    scratch *s = memory;
    const nj_train_options options = {.dropout = samples->dropout,
                                      .weight = shard->weight,
                                      .seed = shard->seed,
                                      .overwrite = true};
    const nj_train_batch batch = {shard->count, s->tokens, s->offset, s->labels};
    for (uint32_t b = 0; b < shard->count; b++) {
        const size_t sample = shard->numbers[b];
        const size_t length = samples->first[sample + 1] - samples->first[sample];
        memcpy(s->tokens + s->offset[b], samples->tokens + samples->first[sample],
               length * sizeof *s->tokens);
        s->offset[b + 1] = s->offset[b] + (uint32_t)length;
        memcpy(s->labels + (size_t)b * samples->T, samples->labels + sample * samples->T,
               samples->T * sizeof *s->labels);
    }
    return nj_train_gradient(samples->model, s->gradient, &batch, &options, gradient);
}

static uint32_t find_effort(const void *context, uint32_t number)
{
    const nj_bench_samples *samples = context;
    return (uint32_t)(samples->first[number + 1] - samples->first[number]);
}

static void pack_part(void *context, size_t part)
{
    const nj_bench_samples *samples = context;
    nj_train_pack_linear(samples->model, part);
}

nj_learner nj_bench_samples_learner(nj_bench_samples *samples)
{
    return (nj_learner){.context = samples,
                        .sample_count = samples->count,
                        .epoch_samples = samples->count,
                        .count = samples->model->count,
                        .values = samples->model->values,
                        .overwrites = true,
                        .part_count = samples->model->linear_count,
                        .scratch_new = make_scratch,
                        .scratch_free = free_scratch,
                        .count_labels = count_labels,
                        .gradient = add_gradient,
                        .changed = pack_part,
                        .effort = find_effort};
}

const uint64_t *nj_bench_samples_times(const void *memory)
{
    const scratch *s = memory;
    return nj_train_scratch_times(s->gradient);
}
