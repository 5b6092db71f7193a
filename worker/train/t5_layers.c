#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "worker/train/t5_internal.h"

nj_train_phase nj_train_enter(const nj_train_call *c, nj_train_phase phase)
{
    nj_train_scratch *s = c->s;
    const nj_train_phase before = s->phase;
    const uint64_t now_ns = nj_clock_mono_ns();
    s->times[before] += now_ns - s->phase_ns;
    s->phase_ns = now_ns;
    s->phase = phase;
    return before;
}

void nj_train_forward(const nj_train_call *c, const nj_train_linear *linear, size_t rows,
                      const float *X, bool accumulate, float *Y)
{
    nj_train_phase before = nj_train_enter(c, NJ_PHASE_FORWARD);
    c->model->kernels->linear(rows, X, linear->forward.K, &linear->forward, accumulate, Y,
                              linear->forward.N);
    nj_train_enter(c, before);
}

void nj_train_backward(const nj_train_call *c, const nj_train_linear *linear, size_t rows,
                       const float *dY, const float *X, bool accumulate, float *dX)
{
    const nj_kernels *kernels = c->model->kernels;
    const size_t N = linear->forward.N;
    const size_t K = linear->forward.K;
    nj_train_phase before = nj_train_enter(c, NJ_PHASE_BACKWARD);
    kernels->linear(rows, dY, N, &linear->backward, accumulate, dX, K);
    nj_train_enter(c, NJ_PHASE_WEIGHTS);
    kernels->matmul_tn(N, K, rows, dY, N, X, K, c->gradient + linear->at, K);
    nj_train_enter(c, before);
}

void nj_train_norm(const nj_train_call *c, nj_kept_norm *kept, size_t rows, const float *x,
                   size_t weight)
{
    size_t D = c->model->config.D;
    memcpy(kept->x, x, rows * D * sizeof *x);
    nj_rows_norm(rows, D, x, c->model->values + weight, c->model->config.epsilon, kept->normed,
                 kept->inverse);
}

void nj_train_norm_backward(const nj_train_call *c, const nj_kept_norm *kept, size_t rows,
                            const float *dnormed, size_t weight, float *dx)
{
    nj_rows_norm_backward(rows, c->model->config.D, kept->x, kept->inverse,
                          c->model->values + weight, dnormed, dx, c->gradient + weight);
}

void nj_train_drop(const nj_train_call *c, uint64_t key, size_t count, float *values)
{
    nj_train_phase before = nj_train_enter(c, NJ_PHASE_DROPOUT);
    nj_dropout_apply(c->model->kernels, c->dropout, key, count, values, values);
    nj_train_enter(c, before);
}

uint64_t nj_train_key(const nj_train_call *c, bool is_decoder, size_t block, nj_drop_use use)
{
    return nj_dropout_key(c->options->seed,
                          (uint32_t)((2 * block + is_decoder) * NJ_DROP_COUNT + use));
}

void nj_train_dense(const nj_train_call *c, const nj_train_block *block, nj_kept_dense *kept,
                    size_t rows, uint64_t inner_key, uint64_t key)
{
    const nj_kernels *kernels = c->model->kernels;
    const size_t F = c->model->config.F;
    nj_train_norm(c, &kept->norm, rows, c->s->x, block->dense_norm);
    nj_train_forward(c, &block->wi, rows, kept->norm.normed, false, kept->h);
    if (c->model->config.gated) {
        memcpy(kept->inner, kept->h, rows * F * sizeof *kept->h);
        nj_train_forward(c, &block->gate, rows, kept->norm.normed, false, kept->gate);
        kernels->gated_gelu(rows, F, kept->h, F, kept->gate, F);
    } else {
        kernels->relu(rows, F, kept->h, F);
    }
    nj_train_drop(c, inner_key, rows * F, kept->h);
    nj_train_forward(c, &block->wo, rows, kept->h, false, c->s->y);
    nj_train_drop(c, key, rows * c->model->config.D, c->s->y);
    kernels->add(rows, c->model->config.D, c->s->y, c->model->config.D, c->s->x,
                 c->model->config.D);
}

void nj_train_dense_backward(const nj_train_call *c, const nj_train_block *block,
                             const nj_kept_dense *kept, size_t rows, uint64_t inner_key,
                             uint64_t key)
{
    nj_train_scratch *s = c->s;
    const size_t D = c->model->config.D;
    const size_t F = c->model->config.F;
    memcpy(s->y, s->x, rows * D * sizeof *s->y);
    nj_train_drop(c, key, rows * D, s->y);
    nj_train_backward(c, &block->wo, rows, s->y, kept->h, false, s->dh);
    if (c->model->config.gated) {
        nj_train_drop(c, inner_key, rows * F, s->dh);
        nj_rows_gated_gelu_backward(rows * F, kept->inner, kept->gate, s->dh, s->dgate);
    } else {
        // A dropped value is 0 like one that relu cut: the same test finds both.
        nj_rows_relu_backward(rows * F, kept->h, c->dropout.scale, s->dh);
    }
    nj_train_backward(c, &block->wi, rows, s->dh, kept->norm.normed, false, s->dn);
    if (c->model->config.gated) {
        nj_train_backward(c, &block->gate, rows, s->dgate, kept->norm.normed, true, s->dn);
    }
    nj_train_norm_backward(c, &kept->norm, rows, s->dn, block->dense_norm, s->x);
}
