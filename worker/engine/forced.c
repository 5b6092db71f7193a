#include "worker/engine/forced.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/checked.h"

struct nj_forced {
    nj_generator_config config;
    const nj_kernels *kernels;
    nj_model_limits limits;
    nj_generator *model; // owned
    nj_arena arena;      // the model's scratch, and behind it logits [B, V]
};

static nj_status allocate(nj_forced *f, const nj_tensor_set *weights, nj_error *err)
{
    const nj_generator_use use = {.sequence_max = f->limits.sequence_max,
                                  .steps_max = f->limits.steps_max};
    size_t logits = 0;
    size_t bytes = 0;
    if (!nj_mul_size((size_t)f->config.V * NJ_FORCED_BATCH, sizeof(float), &logits) ||
        !nj_add_size(nj_generator_scratch_bytes(&f->config, &f->limits, 0), nj_arena_cost(logits),
                     &bytes)) {
        bytes = SIZE_MAX;
    }
    nj_status status = nj_arena_init(&f->arena, bytes, err);
    if (status == NJ_OK) {
        status = nj_generator_open(&f->config, weights, f->kernels, NJ_SAVINGS_ALL, &use, &f->model,
                                   err);
    }
    return status;
}

nj_status nj_forced_open(const nj_generator_config *config, const nj_tensor_set *weights,
                         uint32_t S, uint32_t L, nj_forced **out, nj_error *err)
{
    assert(S >= 1 && L >= 1 && L <= NJ_LEVELS_MAX);
    uint32_t tokens_max = 0;
    nj_forced *f = calloc(1, sizeof *f);
    if (f == NULL || __builtin_mul_overflow(S, (uint32_t)NJ_FORCED_BATCH, &tokens_max)) {
        free(f);
        return nj_fail(err, NJ_NO_MEMORY, "no memory to score sequences of %u tokens", S);
    }
    f->config = *config;
    f->limits = (nj_model_limits){.users_max = NJ_FORCED_BATCH,
                                  .tokens_max = tokens_max,
                                  .sequence_max = S,
                                  .rows_max = NJ_FORCED_BATCH,
                                  .chunk_rows_max = NJ_FORCED_BATCH,
                                  .steps_max = L};
    nj_status status = nj_kernels_select("auto", &f->kernels, err);
    if (status == NJ_OK) {
        status = allocate(f, weights, err);
    }
    if (status == NJ_OK) {
        *out = f;
        f = NULL;
    }
    nj_forced_close(&f);
    return status;
}

void nj_forced_close(nj_forced **forced)
{
    nj_forced *f = *forced;
    if (f == NULL) {
        return;
    }
    nj_generator_close(&f->model);
    nj_arena_fini(&f->arena);
    free(f);
    *forced = NULL;
}

void nj_forced_score(nj_forced *forced, const uint32_t *tokens, const uint32_t *offset, uint32_t B,
                     const uint32_t *targets, float *out)
{
    const uint32_t L = forced->limits.steps_max;
    const size_t V = forced->config.V;
    uint32_t row[NJ_FORCED_BATCH]; // row b is user b, and row b of the step before
    uint32_t token[NJ_FORCED_BATCH];
    float normaliser[NJ_FORCED_BATCH];
    assert(B >= 1 && B <= NJ_FORCED_BATCH);
    nj_arena_rewind(&forced->arena, 0);
    float *logits = nj_arena_take(&forced->arena, V * NJ_FORCED_BATCH * sizeof *logits);
    const nj_prompts prompts = {.tokens = tokens, .offset = offset, .B = B};
    const nj_beam_model model =
        nj_generator_begin(forced->model, &forced->limits, &prompts, &forced->arena);
    for (uint32_t t = 0; t < L; t++) {
        for (uint32_t b = 0; b < B; b++) {
            row[b] = b;
            token[b] = t == 0 ? forced->config.start_token : targets[b * L + t - 1];
        }
        const nj_beam_rows rows = {row, row, token, B};
        model.begin_step(model.context, t, &rows);
        model.logits(model.context, t, 0, B, logits);
        forced->kernels->log_sum_exp(B, V, logits, V, normaliser);
        for (uint32_t b = 0; b < B; b++) {
            out[b * L + t] = logits[b * V + targets[b * L + t]] - normaliser[b];
        }
    }
}
