#include <assert.h>
#include <string.h>

#include "worker/decoder_only/lm_internal.h"

// Where the keys or values of the rows of one step lie in one layer: steps 1 .. steps_max - 2 are kept.
static float *find_kept(const nj_lm *model, float *kept, size_t layer, size_t step)
{
    const nj_model_limits *limits = &model->batch.limits;
    const size_t steps = limits->steps_max - 2;
    return kept + (layer * steps + step - 1) * limits->rows_max * nj_lm_key_width(&model->config);
}

static bool is_last(const nj_lm_batch *batch)
{
    return batch->lineage.step + 1 == batch->limits.steps_max;
}

void nj_lm_begin_step(nj_lm *model, uint32_t step, const uint32_t *user, const uint32_t *parent,
                      const uint32_t *token, uint32_t row_count)
{
    nj_lm_batch *batch = &model->batch;
    assert(step < batch->limits.steps_max && row_count <= batch->limits.rows_max);
    nj_lineage_begin(&batch->lineage, step, parent, row_count);
    batch->user = user;
    batch->token = token;
}

// The place for keys or values of the chunk's rows, from row `first` of the step on.
static float *find_own(const nj_lm *model, float *kept, float *last, size_t layer, size_t first)
{
    const nj_lm_batch *batch = &model->batch;
    return is_last(batch) ? last
                          : find_kept(model, kept, layer, batch->lineage.step) +
                                first * nj_lm_key_width(&model->config);
}

static void keep_rows(const nj_lm *model, size_t layer, size_t first, size_t rows)
{
    const nj_lm_batch *batch = &model->batch;
    const size_t width = nj_lm_key_width(&model->config);
    float *keys = find_own(model, batch->step_keys, batch->last_keys, layer, first);
    float *values = find_own(model, batch->step_values, batch->last_values, layer, first);
    for (size_t r = 0; r < rows; r++) {
        memcpy(keys + r * width, batch->k + r * model->HE_row, width * sizeof(float));
        memcpy(values + r * width, batch->v + r * model->HE_row, width * sizeof(float));
    }
}

// Addresses of the tails of rows [i, i + rows) of the chunk: what each row's ancestors of steps 1, 2, ... kept, and its own.
static void find_tails(const nj_lm *model, float *kept, float *last, size_t layer, size_t first,
                       size_t i, size_t rows, const float **out)
{
    const nj_lm_batch *batch = &model->batch;
    const size_t width = nj_lm_key_width(&model->config);
    const uint32_t step = batch->lineage.step;
    const float *own = find_own(model, kept, last, layer, first);
    for (size_t r = i; r < i + rows; r++) {
        const uint32_t *ancestors = nj_lineage_of(&batch->lineage, first + r);
        for (uint32_t s = 1; s < step; s++) {
            *out++ = find_kept(model, kept, layer, s) + ancestors[s] * width;
        }
        *out++ = own + r * width;
    }
}

// Rows [i, i + rows) of the chunk are beams of one user.
static void attend_user(nj_lm *model, size_t layer, size_t first, size_t i, size_t rows)
{
    const nj_lm_batch *batch = &model->batch;
    const uint32_t user = batch->user[first + i];
    find_tails(model, batch->step_keys, batch->last_keys, layer, first, i, rows, batch->tail_keys);
    find_tails(model, batch->step_values, batch->last_values, layer, first, i, rows,
               batch->tail_values);
    const nj_lm_sight sight = {.prefix = nj_lm_prefix_cache(model, layer),
                               .prefix_count = model->prefix_count,
                               .own = nj_lm_prompt_cache(model, layer, user),
                               .own_count = batch->offset[user + 1] - batch->offset[user],
                               .tail_count = batch->lineage.step,
                               .tail_keys = batch->tail_keys,
                               .tail_values = batch->tail_values};
    nj_lm_attend(model, &sight, i, rows);
}

static void attend_rows(nj_lm *model, size_t layer, size_t first, size_t count)
{
    const uint32_t *user = model->batch.user + first;
    size_t rows = 0;
    for (size_t i = 0; i < count; i += rows) {
        rows = 1;
        while (i + rows < count && user[i + rows] == user[i]) {
            rows++;
        }
        attend_user(model, layer, first, i, rows);
    }
}

static void append_tokens(nj_lm *model, uint32_t first, uint32_t count)
{
    nj_lm_batch *batch = &model->batch;
    for (uint32_t r = 0; r < count; r++) {
        const uint32_t b = batch->user[first + r];
        batch->row_position[r] = model->prefix_count + (batch->offset[b + 1] - batch->offset[b]) +
                                 batch->lineage.step - 1;
    }
    nj_lm_embed(model, batch->token + first, count);
    for (size_t l = 0; l < model->config.layers; l++) {
        nj_lm_project(model, &model->layers[l], count);
        keep_rows(model, l, first, count);
        attend_rows(model, l, first, count);
        nj_lm_finish_layer(model, &model->layers[l], count);
    }
}

static void take_prompt_states(nj_lm *model, uint32_t first, uint32_t count)
{
    const nj_lm_batch *batch = &model->batch;
    const size_t D = model->config.D;
    for (uint32_t r = 0; r < count; r++) {
        assert(batch->user[first + r] < batch->B);
        memcpy(batch->x + r * model->D_row, batch->behind + batch->user[first + r] * D,
               D * sizeof(float));
    }
}

void nj_lm_logits(nj_lm *model, uint32_t step, uint32_t first, uint32_t count, float *logits)
{
    const nj_lm_batch *batch = &model->batch;
    assert(step == batch->lineage.step && count <= batch->limits.chunk_rows_max);
    assert(first <= batch->lineage.row_count && count <= batch->lineage.row_count - first);
    if (step == 0) {
        take_prompt_states(model, first, count);
    } else {
        append_tokens(model, first, count);
    }
    nj_lm_head(model, batch->x, model->D_row, count, logits);
}
