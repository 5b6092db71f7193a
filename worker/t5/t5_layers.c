#include <assert.h>

#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"

void nj_t5_project(const nj_t5 *model, size_t rows, const float *x, size_t ldx, const float *norm,
                   const nj_linear *const *linears, float *const *outputs, size_t count)
{
    const nj_kernels *kernels = model->kernels;
    float *normed = model->batch.normed;
    assert(count <= NJ_T5_PROJECT_MAX);
    size_t part = nj_t5_part(rows, NJ_T5_BLOCK_ROWS);
    for (size_t first = 0; first < rows; first += part) {
        size_t n = nj_min_size(part, rows - first);
        kernels->rms_norm(n, model->config.D, x + first * ldx, ldx, norm, model->config.epsilon,
                          normed, model->D_row);
        float *at[NJ_T5_PROJECT_MAX];
        for (size_t i = 0; i < count; i++) {
            at[i] = outputs[i] + first * model->HE_row;
        }
        kernels->linear_many(n, normed, model->D_row, count, linears, at, model->HE_row);
    }
}

void nj_t5_feed_forward(const nj_t5 *model, const nj_t5_block *block, size_t rows, float *x,
                        size_t ldx)
{
    const nj_kernels *kernels = model->kernels;
    const nj_t5_batch *batch = &model->batch;
    size_t F = model->config.F;
    size_t part = nj_t5_part(rows, NJ_T5_BLOCK_ROWS);
    for (size_t first = 0; first < rows; first += part) {
        size_t n = nj_min_size(part, rows - first);
        float *at = x + first * ldx;
        kernels->rms_norm(n, model->config.D, at, ldx, block->dense_norm, model->config.epsilon,
                          batch->normed, model->D_row);
        const nj_linear *const inner[] = {&block->wi, &block->gate};
        float *const outputs[] = {batch->hidden, batch->gate};
        kernels->linear_many(n, batch->normed, model->D_row, model->config.gated ? 2 : 1, inner,
                             outputs, model->F_row);
        if (model->config.gated) {
            kernels->gated_gelu(n, F, batch->hidden, model->F_row, batch->gate, model->F_row);
        } else {
            kernels->relu(n, F, batch->hidden, model->F_row);
        }
        kernels->linear(n, batch->hidden, model->F_row, &block->wo, true, at, ldx);
    }
}
