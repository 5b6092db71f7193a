#include <assert.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"

#define LANES 16

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
    if (batch->step + 1 == batch->limits.steps_max) {
        return (step_cache){batch->last_keys, batch->last_values};
    }
    step_cache cache = get_cache(batch, ld, layer, batch->step);
    return (step_cache){cache.keys + first * ld, cache.values + first * ld};
}

void nj_t5_begin_step(nj_t5 *model, uint32_t step, const uint32_t *user, const uint32_t *parent,
                      const uint32_t *token, uint32_t row_count)
{
    nj_t5_batch *batch = &model->batch;
    assert(step < batch->limits.steps_max && row_count <= batch->limits.rows_max);
    assert(step == 0 || step == batch->step + 1);
    uint32_t *of_parents = batch->ancestors;
    batch->ancestors = batch->ancestors_of;
    batch->ancestors_of = of_parents;
    for (size_t r = 0; step > 0 && r < row_count; r++) {
        assert(parent[r] < batch->row_count);
        uint32_t *row = batch->ancestors + r * NJ_T5_STEPS_MAX;
        memcpy(row, of_parents + (size_t)parent[r] * NJ_T5_STEPS_MAX, (step - 1) * sizeof *row);
        row[step - 1] = parent[r];
    }
    batch->user = user;
    batch->token = token;
    batch->step = step;
    batch->row_count = row_count;
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

// Sum of products in the order of kernels.h's sums: lane j takes elements j, j + 16, ...; the lanes fold as a tree.
static float sum_products(const float *a, const float *b, size_t n)
{
    float lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            lanes[j] += a[i + j] * b[i + j];
        }
    }
    for (size_t j = 0; i + j < n; j++) {
        lanes[j] += a[i + j] * b[i + j];
    }
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t j = 0; j < half; j++) {
            lanes[j] += lanes[j + half];
        }
    }
    return lanes[0];
}

// scores[h] of one row against the keys of one position.
static void score_position(const nj_t5 *model, const float *q, const float *k, uint32_t distance,
                           float *scores)
{
    size_t E = model->config.E;
    const float *bias = model->decoder_bias + distance * model->config.H;
    for (size_t h = 0; h < model->config.H; h++) {
        scores[h * NJ_T5_STEPS_MAX] = sum_products(q + h * E, k + h * E, E) + bias[h];
    }
}

// mixed[h] += weight[h] * values[h]; the first position stores instead.
static void mix_position(const nj_t5 *model, const float *weights, const float *v, bool is_first,
                         float *mixed)
{
    size_t E = model->config.E;
    for (size_t h = 0; h < model->config.H; h++) {
        float weight = weights[h * NJ_T5_STEPS_MAX];
        float *out = mixed + h * E;
        const float *in = v + h * E;
        for (size_t e = 0; e < E; e++) {
            out[e] = (is_first ? 0.0f : out[e]) + weight * in[e];
        }
    }
}

// Row i of the chunk attends to its ancestors of steps 0 .. step-1 and to itself, in this order.
static void attend_self(const nj_t5 *model, size_t layer, size_t first, size_t count)
{
    const nj_t5_batch *batch = &model->batch;
    size_t ld = model->HE_row;
    size_t H = model->config.H;
    uint32_t step = batch->step;
    step_cache caches[NJ_T5_STEPS_MAX];
    for (uint32_t s = 0; s < step; s++) {
        caches[s] = get_cache(batch, ld, layer, s);
    }
    caches[step] = get_own_cache(batch, ld, layer, first);

    for (size_t i = 0; i < count; i++) {
        const uint32_t *ancestors = batch->ancestors + (first + i) * NJ_T5_STEPS_MAX;
        float *scores = batch->self_scores + i * H * NJ_T5_STEPS_MAX;
        for (uint32_t s = 0; s <= step; s++) {
            size_t row = s < step ? ancestors[s] : i;
            score_position(model, batch->mixed + i * ld, caches[s].keys + row * ld, step - s,
                           scores + s);
        }
    }
    model->kernels->softmax(count * H, step + 1, batch->self_scores, NJ_T5_STEPS_MAX);
    for (size_t i = 0; i < count; i++) {
        const uint32_t *ancestors = batch->ancestors + (first + i) * NJ_T5_STEPS_MAX;
        const float *weights = batch->self_scores + i * H * NJ_T5_STEPS_MAX;
        for (uint32_t s = 0; s <= step; s++) {
            size_t row = s < step ? ancestors[s] : i;
            mix_position(model, weights + s, caches[s].values + row * ld, s == 0,
                         batch->mixed + i * ld);
        }
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
    size_t ld_scores = nj_t5_row(S);
    size_t at = (layer * batch->limits.tokens_max + batch->offset[user]) * ld;
    for (size_t h = 0; h < model->config.H; h++) {
        const float *k = batch->cross_keys + at + h * E;
        const float *v = batch->cross_values + at + h * E;
        float *head = batch->mixed + i * ld + h * E;
        kernels->matmul_nt(rows, S, E, head, ld, k, ld, batch->scores, ld_scores);
        kernels->softmax(rows, S, batch->scores, ld_scores);
        kernels->matmul_nn(rows, E, S, batch->scores, ld_scores, v, ld, head, ld);
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

static void run_block(const nj_t5 *model, size_t layer, size_t first, size_t count)
{
    const nj_kernels *kernels = model->kernels;
    const nj_t5_batch *batch = &model->batch;
    const nj_t5_block *block = &model->decoder.blocks[layer];
    float *x = batch->x;
    size_t ldx = model->D_row;
    step_cache own = get_own_cache(batch, model->HE_row, layer, first);

    const nj_linear *const self[] = {&block->self.q, &block->self.k, &block->self.v};
    float *const self_outputs[] = {batch->mixed, own.keys, own.values};
    nj_t5_project(model, count, x, ldx, block->self_norm, self, self_outputs, 3);
    attend_self(model, layer, first, count);
    kernels->linear(count, batch->mixed, model->HE_row, &block->self.o, true, x, ldx);

    const nj_linear *const cross[] = {&block->cross.q};
    float *const cross_outputs[] = {batch->mixed};
    nj_t5_project(model, count, x, ldx, block->cross_norm, cross, cross_outputs, 1);
    attend_cross(model, layer, first, count);
    kernels->linear(count, batch->mixed, model->HE_row, &block->cross.o, true, x, ldx);

    nj_t5_feed_forward(model, block, count, x, ldx);
}

void nj_t5_logits(nj_t5 *model, uint32_t step, uint32_t first, uint32_t count, float *logits)
{
    const nj_kernels *kernels = model->kernels;
    const nj_t5_batch *batch = &model->batch;
    const nj_t5_config *config = &model->config;
    assert(step == batch->step && count <= batch->limits.chunk_rows_max);
    assert(first <= batch->row_count && count <= batch->row_count - first);

    embed_rows(model, first, count);
    for (size_t l = 0; l < config->decoder_layers; l++) {
        run_block(model, l, first, count);
    }
    kernels->rms_norm(count, config->D, batch->x, model->D_row, model->decoder.final_norm,
                      config->epsilon, batch->x, model->D_row);
    if (config->scale_outputs) {
        kernels->scale(count, config->D, model->output_scale, batch->x, model->D_row);
    }
    kernels->linear(count, batch->x, model->D_row, &model->head, false, logits, config->V);
}
