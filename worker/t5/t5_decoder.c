#include <assert.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"

// Where the keys and values of the rows of one step lie in one layer.
typedef struct {
    float *keys;
    float *values;
} step_cache;

static step_cache get_cache(const nj_t5_batch *batch, size_t ld, size_t layer, size_t step)
{
    size_t kept = batch->limits.steps_max - 1;
    size_t at = (layer * kept + step) * batch->limits.rows_max * ld;
    return (step_cache){batch->keys + at, batch->values + at};
}

// The place for the keys and values of rows from `first` of the running step.
static step_cache get_own_cache(const nj_t5_batch *batch, size_t ld, size_t layer, size_t first)
{
    if (batch->lineage.step + 1 == batch->limits.steps_max) {
        return (step_cache){batch->last_keys, batch->last_values};
    }
    step_cache cache = get_cache(batch, ld, layer, batch->lineage.step);
    return (step_cache){cache.keys + first * ld, cache.values + first * ld};
}

void nj_t5_begin_step(nj_t5 *model, uint32_t step, const uint32_t *user, const uint32_t *parent,
                      const uint32_t *token, uint32_t row_count)
{
    nj_t5_batch *batch = &model->batch;
    assert(step < batch->limits.steps_max && row_count <= batch->limits.rows_max);
    nj_lineage_begin(&batch->lineage, step, parent, row_count);
    if (step == 0) {
        batch->from_start = true;
        for (size_t r = 0; r < row_count; r++) {
            batch->from_start = batch->from_start && token[r] == model->config.start_token;
        }
    }
    batch->user = user;
    batch->token = token;
}

static void embed_rows(const nj_t5 *model, size_t first, size_t count)
{
    const nj_t5_batch *batch = &model->batch;
    size_t D = model->config.D;
    for (size_t i = 0; i < count; i++) {
        uint32_t token = batch->token[first + i];
        assert(token < model->config.V && batch->user[first + i] < batch->B);
        memcpy(batch->x + i * model->D_row, model->embedding + token * D, D * sizeof(float));
    }
}

// Where the keys or values of the steps up to the running one lie for row i of the chunk: its ancestors', from `first_step` on, and its own.
static void find_positions(const nj_t5_batch *batch, size_t ld, size_t row, size_t i,
                           const float *first_step, const float *own)
{
    const uint32_t *ancestors = nj_lineage_of(&batch->lineage, row);
    const size_t step_floats = batch->limits.rows_max * ld;
    for (uint32_t s = 0; s < batch->lineage.step; s++) {
        batch->at[s] = first_step + s * step_floats + ancestors[s] * ld;
    }
    batch->at[batch->lineage.step] = own + i * ld;
}

// Row i of the chunk attends to its ancestors of steps 0 .. step-1 and to itself, in this order.
static void attend_self(const nj_t5 *model, size_t layer, size_t first, size_t count)
{
    const nj_t5_batch *batch = &model->batch;
    const nj_kernels *kernels = model->kernels;
    const size_t ld = model->HE_row;
    const size_t ld_scores = batch->T_row;
    const size_t H = model->config.H;
    const size_t E = model->config.E;
    const size_t T = batch->lineage.step + 1;
    const step_cache kept = get_cache(batch, ld, layer, 0);
    const step_cache own = get_own_cache(batch, ld, layer, first);
    for (size_t i = 0; i < count; i++) {
        float *scores = batch->self_scores + i * H * ld_scores;
        find_positions(batch, ld, first + i, i, kept.keys, own.keys);
        kernels->head_scores(T, H, E, batch->mixed + i * ld, batch->at, scores, ld_scores);
        kernels->add(H, T, batch->decoder_bias + (ld_scores - T), ld_scores, scores, ld_scores);
    }
    kernels->softmax(count * H, T, batch->self_scores, ld_scores);
    for (size_t i = 0; i < count; i++) {
        const float *weights = batch->self_scores + i * H * ld_scores;
        find_positions(batch, ld, first + i, i, kept.values, own.values);
        kernels->head_mix(T, H, E, weights, ld_scores, batch->at, batch->mixed + i * ld);
    }
}

// Rows [i, i + rows) of the chunk are beams of one user: every head is one small product against that user's keys.
static void attend_user(const nj_t5 *model, size_t layer, uint32_t user, size_t i, size_t rows)
{
    const nj_kernels *kernels = model->kernels;
    const nj_t5_batch *batch = &model->batch;
    size_t E = model->config.E;
    size_t ld = model->HE_row;
    size_t S = batch->offset[user + 1] - batch->offset[user];
    size_t columns = nj_t5_columns(S);
    size_t ld_scores = nj_claim_row(columns);
    const float *keys = nj_t5_cross_keys(model, layer, user);
    for (size_t h = 0; h < model->config.H; h++) {
        const float *values = nj_t5_cross_values(model, layer, h, batch->offset[user]);
        float *head = batch->mixed + i * ld + h * E;
        kernels->matmul_nn(rows, columns, E, head, ld, keys + h * E * columns, columns,
                           batch->scores, ld_scores);
        kernels->softmax(rows, S, batch->scores, ld_scores);
        kernels->matmul_nn(rows, E, S, batch->scores, ld_scores, values, E, head, ld);
    }
}

static void attend_cross(const nj_t5 *model, size_t layer, size_t first, size_t count)
{
    const uint32_t *user = model->batch.user + first;
    size_t rows = 0;
    for (size_t i = 0; i < count; i += rows) {
        rows = 1;
        while (i + rows < count && rows < NJ_T5_BLOCK_ROWS && user[i + rows] == user[i]) {
            rows++;
        }
        attend_user(model, layer, user[i], i, rows);
    }
}

// Queries into mixed, keys and values into the step's cache.
static void project_self(const nj_t5 *model, size_t layer, size_t first, size_t count)
{
    const nj_t5_batch *batch = &model->batch;
    const nj_t5_block *block = &model->decoder.blocks[layer];
    const step_cache own = get_own_cache(batch, model->HE_row, layer, first);
    const nj_linear *const linears[] = {&block->self.q, &block->self.k, &block->self.v};
    float *const outputs[] = {batch->mixed, own.keys, own.values};
    if (layer == 0 && model->decoder_tokens.q != NULL) {
        nj_t5_look_up(model, model->decoder_tokens.q, batch->token + first, count, batch->mixed);
        nj_t5_look_up(model, model->decoder_tokens.k, batch->token + first, count, own.keys);
        nj_t5_look_up(model, model->decoder_tokens.v, batch->token + first, count, own.values);
    } else {
        nj_t5_project(model, count, batch->x, model->D_row, block->self_norm, linears, outputs, 3);
    }
}

// Self-attention, and the queries of cross-attention into mixed.
static void finish_self(const nj_t5 *model, size_t layer, size_t first, size_t count)
{
    const nj_t5_batch *batch = &model->batch;
    const nj_t5_block *block = &model->decoder.blocks[layer];
    const nj_linear *const linears[] = {&block->cross.q};
    float *const outputs[] = {batch->mixed};
    attend_self(model, layer, first, count);
    model->kernels->linear(count, batch->mixed, model->HE_row, &block->self.o, true, batch->x,
                           model->D_row);
    nj_t5_project(model, count, batch->x, model->D_row, block->cross_norm, linears, outputs, 1);
}

void nj_t5_enter_decoder(nj_t5 *model, size_t first, size_t count)
{
    embed_rows(model, first, count);
    project_self(model, 0, first, count);
    if (!nj_t5_look_up_prefixes(model, first, count)) {
        finish_self(model, 0, first, count);
    }
}

static void run_rest(const nj_t5 *model, size_t layer, size_t first, size_t count)
{
    const nj_t5_batch *batch = &model->batch;
    const nj_t5_block *block = &model->decoder.blocks[layer];
    attend_cross(model, layer, first, count);
    model->kernels->linear(count, batch->mixed, model->HE_row, &block->cross.o, true, batch->x,
                           model->D_row);
    nj_t5_feed_forward(model, block, count, batch->x, model->D_row);
}

void nj_t5_logits(nj_t5 *model, uint32_t step, uint32_t first, uint32_t count, float *logits)
{
    const nj_kernels *kernels = model->kernels;
    const nj_t5_batch *batch = &model->batch;
    const nj_t5_config *config = &model->config;
    assert(step == batch->lineage.step && count <= batch->limits.chunk_rows_max);
    assert(first <= batch->lineage.row_count && count <= batch->lineage.row_count - first);

    nj_t5_enter_decoder(model, first, count);
    run_rest(model, 0, first, count);
    for (size_t l = 1; l < config->decoder_layers; l++) {
        project_self(model, l, first, count);
        finish_self(model, l, first, count);
        run_rest(model, l, first, count);
    }
    kernels->rms_norm(count, config->D, batch->x, model->D_row, model->decoder.final_norm,
                      config->epsilon, batch->x, model->D_row);
    if (config->scale_outputs) {
        kernels->scale(count, config->D, model->output_scale, batch->x, model->D_row);
    }
    kernels->linear(count, batch->x, model->D_row, &model->head, false, logits, config->V);
}
