#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "worker/train/t5_internal.h"

nj_train_phase nj_train_enter(const nj_train_call *c, nj_train_phase phase)
{
    nj_train_scratch *s = c->s;
    const nj_train_phase before = s->phase;
    const uint64_t now_ns = nj_clock_thread_ns();
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

void nj_train_backward(const nj_train_call *c, const nj_train_linear *linear, bool first,
                       size_t rows, const float *dY, const float *X, bool accumulate, float *dX)
{
    const nj_kernels *kernels = c->model->kernels;
    const size_t N = linear->forward.N;
    const size_t K = linear->forward.K;
    nj_train_phase before = nj_train_enter(c, NJ_PHASE_BACKWARD);
    kernels->linear(rows, dY, N, &linear->backward, accumulate, dX, K);
    nj_train_enter(c, NJ_PHASE_WEIGHTS);
    if (first && c->options->overwrite) {
        memset(c->gradient + linear->at, 0, N * K * sizeof *c->gradient);
    }
    kernels->matmul_tn(N, K, rows, dY, N, X, K, c->gradient + linear->at, K);
    nj_train_enter(c, before);
}

nj_kept_norm nj_train_norm_from(const nj_train_call *c, const nj_kept_norm *kept, size_t first)
{
    const size_t at = first * c->model->config.D;
    return (nj_kept_norm){kept->x + at, kept->normed + at, kept->inverse + first};
}

void nj_train_norm(const nj_train_call *c, const nj_kept_norm *kept, size_t rows, const float *x,
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

// A part of the rows of a dense layer: what it makes stays in the second cache until it is used.
typedef struct {
    size_t first;
    size_t rows;
    uint64_t inner_key; // of its own
} dense_part;

static bool next_part(size_t rows, uint64_t inner_key, dense_part *part)
{
    part->first += part->rows;
    part->rows = nj_min_size(NJ_TRAIN_PART_ROWS, rows - part->first);
    part->inner_key = nj_dropout_key(inner_key, (uint32_t)(part->first / NJ_TRAIN_PART_ROWS));
    return part->rows > 0;
}

// y = wo of the activation.
static void run_part(const nj_train_call *c, const nj_train_block *block, const nj_kept_dense *kept,
                     const dense_part *part)
{
    const nj_kernels *kernels = c->model->kernels;
    const size_t D = c->model->config.D;
    const size_t F = c->model->config.F;
    const float *normed = kept->norm.normed + part->first * D;
    float *h = kept->h + part->first * F;
    nj_train_forward(c, &block->wi, part->rows, normed, false, h);
    if (c->model->config.gated) {
        float *gate = kept->gate + part->first * F;
        memcpy(kept->inner + part->first * F, h, part->rows * F * sizeof *h);
        nj_train_forward(c, &block->gate, part->rows, normed, false, gate);
        kernels->gated_gelu(part->rows, F, h, F, gate, F);
    } else {
        kernels->relu(part->rows, F, h, F);
    }
    nj_train_drop(c, part->inner_key, part->rows * F, h);
    nj_train_forward(c, &block->wo, part->rows, h, false, c->s->y + part->first * D);
}

void nj_train_dense(const nj_train_call *c, const nj_train_block *block, nj_kept_dense *kept,
                    size_t rows, uint64_t inner_key, uint64_t key)
{
    const size_t D = c->model->config.D;
    nj_train_norm(c, &kept->norm, rows, c->s->x, block->dense_norm);
    for (dense_part part = {0}; next_part(rows, inner_key, &part);) {
        run_part(c, block, kept, &part);
    }
    nj_train_drop(c, key, rows * D, c->s->y);
    c->model->kernels->add(rows, D, c->s->y, D, c->s->x, D);
}

// From the derivative by y to that by the norm's result, in scratch's dn.
static void run_part_backward(const nj_train_call *c, const nj_train_block *block,
                              const nj_kept_dense *kept, const dense_part *part)
{
    nj_train_scratch *s = c->s;
    const size_t D = c->model->config.D;
    const size_t F = c->model->config.F;
    const float *normed = kept->norm.normed + part->first * D;
    const float *h = kept->h + part->first * F;
    float *dn = s->dn + part->first * D;
    const bool first = part->first == 0;
    nj_train_backward(c, &block->wo, first, part->rows, s->y + part->first * D, h, false, s->dh);
    if (c->model->config.gated) {
        nj_train_drop(c, part->inner_key, part->rows * F, s->dh);
        nj_rows_gated_gelu_backward(part->rows * F, kept->inner + part->first * F,
                                    kept->gate + part->first * F, s->dh, s->dgate);
    } else {
        // A dropped value is 0 like one that relu cut: the same test finds both.
        nj_rows_relu_backward(part->rows * F, h, c->dropout.scale, s->dh);
    }
    nj_train_backward(c, &block->wi, first, part->rows, s->dh, normed, false, dn);
    if (c->model->config.gated) {
        nj_train_backward(c, &block->gate, first, part->rows, s->dgate, normed, true, dn);
    }
}

void nj_train_dense_backward(const nj_train_call *c, const nj_train_block *block,
                             const nj_kept_dense *kept, size_t rows, uint64_t inner_key,
                             uint64_t key)
{
    nj_train_scratch *s = c->s;
    const size_t D = c->model->config.D;
    memcpy(s->y, s->x, rows * D * sizeof *s->y);
    nj_train_drop(c, key, rows * D, s->y);
    for (dense_part part = {0}; next_part(rows, inner_key, &part);) {
        run_part_backward(c, block, kept, &part);
    }
    nj_train_norm_backward(c, &kept->norm, rows, s->dn, block->dense_norm, s->x);
}
