#include "worker/train/t5_gradient.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "worker/train/t5_internal.h"

// Uses of dropout outside of blocks, behind those of any block.
#define KEY_EMBEDDED 0x10000000u
#define KEY_LAST 0x20000000u

static uint64_t key_of(const nj_train_call *c, bool is_decoder, uint32_t use)
{
    return nj_dropout_key(c->options->seed, use + is_decoder);
}

// ---- embedding ----

static void embed(const nj_train_call *c, const uint32_t *tokens, size_t rows, bool is_decoder)
{
    const size_t D = c->model->config.D;
    const float *table = c->model->values + c->model->embedding;
    for (size_t i = 0; i < rows; i++) {
        assert(tokens[i] < c->model->config.V);
        memcpy(c->s->x + i * D, table + tokens[i] * D, D * sizeof *table);
    }
    nj_train_drop(c, key_of(c, is_decoder, KEY_EMBEDDED), rows * D, c->s->x);
}

static void embed_backward(const nj_train_call *c, const uint32_t *tokens, size_t rows,
                           bool is_decoder)
{
    const size_t D = c->model->config.D;
    float *gradient = c->gradient + c->model->embedding;
    nj_train_drop(c, key_of(c, is_decoder, KEY_EMBEDDED), rows * D, c->s->x);
    for (size_t i = 0; i < rows; i++) {
        for (size_t d = 0; d < D; d++) {
            gradient[tokens[i] * D + d] += c->s->x[i * D + d];
        }
    }
}

// ---- attention with its norm and its place in the stream ----

// `memory`: what keys and values are made of, NULL for self-attention (the normed stream).
static void run_attention(const nj_train_call *c, const nj_train_attention *attention,
                          const nj_attention_shape *shape, nj_kept_attention *kept, size_t norm,
                          const float *memory, uint64_t key)
{
    const size_t D = c->model->config.D;
    const size_t HE = (size_t)c->model->config.H * c->model->config.E;
    const size_t q_first = shape->q_offset[shape->first];
    const size_t k_first = shape->k_offset[shape->first];
    const size_t q_rows = nj_train_rows(shape->q_offset, shape);
    const size_t k_rows = nj_train_rows(shape->k_offset, shape);
    const nj_kept_norm own = nj_train_norm_from(c, &kept->norm, q_first);
    float *x = c->s->x + q_first * D;
    nj_train_norm(c, &own, q_rows, x, norm);
    const float *source = memory != NULL ? memory + k_first * D : own.normed;
    nj_train_forward(c, &attention->q, q_rows, own.normed, false, kept->q + q_first * HE);
    nj_train_forward(c, &attention->k, k_rows, source, false, kept->k + k_first * HE);
    nj_train_forward(c, &attention->v, k_rows, source, false, kept->v + k_first * HE);
    nj_train_attend(c, shape, kept);
    nj_train_forward(c, &attention->o, q_rows, kept->mixed + q_first * HE, false, c->s->y);
    nj_train_drop(c, nj_dropout_key(key, (uint32_t)shape->first), q_rows * D, c->s->y);
    c->model->kernels->add(q_rows, D, c->s->y, D, x, D);
}

// With `memory`, its derivative in scratch's de grows.
static void run_attention_backward(const nj_train_call *c, const nj_train_attention *attention,
                                   const nj_attention_shape *shape, const nj_kept_attention *kept,
                                   size_t norm, const float *memory, uint64_t key)
{
    nj_train_scratch *s = c->s;
    const size_t D = c->model->config.D;
    const size_t HE = (size_t)c->model->config.H * c->model->config.E;
    const size_t q_first = shape->q_offset[shape->first];
    const size_t k_first = shape->k_offset[shape->first];
    const size_t q_rows = nj_train_rows(shape->q_offset, shape);
    const size_t k_rows = nj_train_rows(shape->k_offset, shape);
    const nj_kept_norm own = nj_train_norm_from(c, &kept->norm, q_first);
    const bool first = shape->first == 0;
    float *dx = s->x + q_first * D;
    memcpy(s->y, dx, q_rows * D * sizeof *s->y);
    nj_train_drop(c, nj_dropout_key(key, (uint32_t)shape->first), q_rows * D, s->y);
    nj_train_backward(c, &attention->o, first, q_rows, s->y, kept->mixed + q_first * HE, false,
                      s->da);
    nj_train_attend_backward(c, shape, kept);
    const float *source = memory != NULL ? memory + k_first * D : own.normed;
    float *dsource = memory != NULL ? s->de + k_first * D : s->dn;
    nj_train_backward(c, &attention->q, first, q_rows, s->dq, own.normed, false, s->dn);
    nj_train_backward(c, &attention->k, first, k_rows, s->dk, source, true, dsource);
    nj_train_backward(c, &attention->v, first, k_rows, s->dv, source, true, dsource);
    nj_train_norm_backward(c, &own, q_rows, s->dn, norm, dx);
}

static nj_attention_shape encoder_shape(const nj_train_call *c, size_t block)
{
    return (nj_attention_shape){.q_offset = c->batch->offset,
                                .k_offset = c->batch->offset,
                                .bias = &c->s->encoder_bias,
                                .key = nj_train_key(c, false, block, NJ_DROP_SELF_WEIGHTS)};
}

// The next samples of the encoder that go through self-attention together: their queries, keys and values stay in the second cache.
static bool next_samples(const nj_train_call *c, nj_attention_shape *shape)
{
    const size_t H = c->model->config.H;
    const uint32_t *offset = shape->q_offset;
    for (size_t b = shape->first; b < shape->first + shape->count; b++) {
        const size_t S = offset[b + 1] - offset[b];
        shape->weights += H * S * S;
    }
    shape->first += shape->count;
    shape->count = 0;
    while (shape->first + shape->count < c->batch->B &&
           nj_train_rows(offset, shape) < NJ_TRAIN_PART_ROWS) {
        shape->count++;
    }
    return shape->count > 0;
}

static nj_attention_shape decoder_shape(const nj_train_call *c, size_t block)
{
    return (nj_attention_shape){.q_offset = c->s->steps,
                                .k_offset = c->s->steps,
                                .count = c->batch->B,
                                .causal = true,
                                .bias = &c->s->decoder_bias,
                                .key = nj_train_key(c, true, block, NJ_DROP_SELF_WEIGHTS)};
}

static nj_attention_shape cross_shape(const nj_train_call *c, size_t block)
{
    return (nj_attention_shape){.q_offset = c->s->steps,
                                .k_offset = c->batch->offset,
                                .count = c->batch->B,
                                .key = nj_train_key(c, true, block, NJ_DROP_CROSS_WEIGHTS)};
}

// ---- stacks ----

// The norm behind the last block; its result, dropped, stays in `normed`.
static void finish_stack(const nj_train_call *c, const nj_train_stack *stack, nj_kept_stack *kept,
                         size_t rows, bool is_decoder)
{
    nj_train_norm(c, &kept->last, rows, c->s->x, stack->final_norm);
    nj_train_drop(c, key_of(c, is_decoder, KEY_LAST), rows * c->model->config.D, kept->last.normed);
}

// From the derivative by that result, which is changed, to that by the stream.
static void finish_stack_backward(const nj_train_call *c, const nj_train_stack *stack,
                                  const nj_kept_stack *kept, size_t rows, bool is_decoder,
                                  float *dlast)
{
    const size_t D = c->model->config.D;
    nj_train_drop(c, key_of(c, is_decoder, KEY_LAST), rows * D, dlast);
    memset(c->s->x, 0, rows * D * sizeof *c->s->x);
    nj_train_norm_backward(c, &kept->last, rows, dlast, stack->final_norm, c->s->x);
}

static void run_encoder(const nj_train_call *c)
{
    nj_train_bias_spread(c, &c->s->encoder_bias, c->model->encoder.bias);
    embed(c, c->batch->tokens, c->N_encoder, false);
    for (uint32_t l = 0; l < c->model->encoder.block_count; l++) {
        const nj_train_block *block = &c->model->encoder.blocks[l];
        nj_kept_block *kept = &c->s->encoder.blocks[l];
        nj_attention_shape shape = encoder_shape(c, l);
        while (next_samples(c, &shape)) {
            run_attention(c, &block->self, &shape, &kept->self, block->self_norm, NULL,
                          nj_train_key(c, false, l, NJ_DROP_SELF));
        }
        nj_train_dense(c, block, &kept->dense, c->N_encoder,
                       nj_train_key(c, false, l, NJ_DROP_INNER),
                       nj_train_key(c, false, l, NJ_DROP_DENSE));
    }
    finish_stack(c, &c->model->encoder, &c->s->encoder, c->N_encoder, false);
}

static void run_encoder_backward(const nj_train_call *c)
{
    finish_stack_backward(c, &c->model->encoder, &c->s->encoder, c->N_encoder, false, c->s->de);
    for (uint32_t l = c->model->encoder.block_count; l-- > 0;) {
        const nj_train_block *block = &c->model->encoder.blocks[l];
        const nj_kept_block *kept = &c->s->encoder.blocks[l];
        nj_attention_shape shape = encoder_shape(c, l);
        nj_train_dense_backward(c, block, &kept->dense, c->N_encoder,
                                nj_train_key(c, false, l, NJ_DROP_INNER),
                                nj_train_key(c, false, l, NJ_DROP_DENSE));
        while (next_samples(c, &shape)) {
            run_attention_backward(c, &block->self, &shape, &kept->self, block->self_norm, NULL,
                                   nj_train_key(c, false, l, NJ_DROP_SELF));
        }
    }
    nj_train_bias_gather(c, &c->s->encoder_bias, c->model->encoder.bias);
    embed_backward(c, c->batch->tokens, c->N_encoder, false);
}

static void run_decoder(const nj_train_call *c)
{
    const float *encoded = c->s->encoder.last.normed;
    nj_train_bias_spread(c, &c->s->decoder_bias, c->model->decoder.bias);
    embed(c, c->s->inputs, c->N_decoder, true);
    for (uint32_t l = 0; l < c->model->decoder.block_count; l++) {
        const nj_train_block *block = &c->model->decoder.blocks[l];
        nj_kept_block *kept = &c->s->decoder.blocks[l];
        nj_attention_shape self = decoder_shape(c, l);
        nj_attention_shape cross = cross_shape(c, l);
        run_attention(c, &block->self, &self, &kept->self, block->self_norm, NULL,
                      nj_train_key(c, true, l, NJ_DROP_SELF));
        run_attention(c, &block->cross, &cross, &kept->cross, block->cross_norm, encoded,
                      nj_train_key(c, true, l, NJ_DROP_CROSS));
        nj_train_dense(c, block, &kept->dense, c->N_decoder,
                       nj_train_key(c, true, l, NJ_DROP_INNER),
                       nj_train_key(c, true, l, NJ_DROP_DENSE));
    }
    finish_stack(c, &c->model->decoder, &c->s->decoder, c->N_decoder, true);
}

// From the derivative by the decoder's output, in scratch's dn.
static void run_decoder_backward(const nj_train_call *c)
{
    const float *encoded = c->s->encoder.last.normed;
    memset(c->s->de, 0, c->N_encoder * c->model->config.D * sizeof *c->s->de);
    finish_stack_backward(c, &c->model->decoder, &c->s->decoder, c->N_decoder, true, c->s->dn);
    for (uint32_t l = c->model->decoder.block_count; l-- > 0;) {
        const nj_train_block *block = &c->model->decoder.blocks[l];
        const nj_kept_block *kept = &c->s->decoder.blocks[l];
        nj_attention_shape self = decoder_shape(c, l);
        nj_attention_shape cross = cross_shape(c, l);
        nj_train_dense_backward(c, block, &kept->dense, c->N_decoder,
                                nj_train_key(c, true, l, NJ_DROP_INNER),
                                nj_train_key(c, true, l, NJ_DROP_DENSE));
        run_attention_backward(c, &block->cross, &cross, &kept->cross, block->cross_norm, encoded,
                               nj_train_key(c, true, l, NJ_DROP_CROSS));
        run_attention_backward(c, &block->self, &self, &kept->self, block->self_norm, NULL,
                               nj_train_key(c, true, l, NJ_DROP_SELF));
    }
    nj_train_bias_gather(c, &c->s->decoder_bias, c->model->decoder.bias);
    embed_backward(c, c->s->inputs, c->N_decoder, true);
}

// ---- loss ----

// logits [V] becomes its own derivative; returns the loss.
static double judge_row(const nj_train_call *c, uint32_t label, float log_sum, float *logits)
{
    const size_t V = c->model->config.V;
    const double smooth = c->options->label_smoothing;
    const float even = (float)(smooth / (double)V);
    const float weight = c->options->weight;
    double loss = (1.0 - smooth) * ((double)log_sum - (double)logits[label]);
    double sum = 0;
    for (size_t v = 0; v < V && smooth > 0; v++) {
        sum += (double)log_sum - (double)logits[v];
    }
    for (size_t v = 0; v < V; v++) {
        float target = even + (v == label ? (float)(1.0 - smooth) : 0.0f);
        logits[v] = weight * (expf(logits[v] - log_sum) - target);
    }
    return loss + smooth / (double)V * sum;
}

// The loss of all labels; its derivative by the decoder's output goes into scratch's dn.
static double run_head(const nj_train_call *c)
{
    const nj_train_t5 *model = c->model;
    const nj_kernels *kernels = model->kernels;
    nj_train_scratch *s = c->s;
    const size_t D = model->config.D;
    const size_t V = model->config.V;
    double loss = 0;
    float log_sum[NJ_TRAIN_HEAD_ROWS];
    memcpy(s->y, s->decoder.last.normed, c->N_decoder * D * sizeof *s->y);
    kernels->scale(c->N_decoder, D, model->output_scale, s->y, D);
    for (size_t first = 0; first < c->N_decoder; first += NJ_TRAIN_HEAD_ROWS) {
        size_t n = nj_min_size(NJ_TRAIN_HEAD_ROWS, c->N_decoder - first);
        kernels->linear(n, s->y + first * D, D, &model->head.forward, false, s->logits, V);
        kernels->log_sum_exp(n, V, s->logits, V, log_sum);
        for (size_t r = 0; r < n; r++) {
            uint32_t label = c->batch->labels[first + r];
            assert(label < V);
            loss += judge_row(c, label, log_sum[r], s->logits + r * V);
        }
        kernels->linear(n, s->logits, V, &model->head.backward, false, s->dn + first * D, D);
        if (first == 0 && c->options->overwrite) {
            memset(c->gradient + model->head.at, 0, V * D * sizeof *c->gradient);
        }
        kernels->matmul_tn(V, D, n, s->logits, V, s->y + first * D, D, c->gradient + model->head.at,
                           D);
    }
    kernels->scale(c->N_decoder, D, model->output_scale, s->dn, D);
    return loss;
}

// ---- a call ----

static bool is_linear(const nj_train_t5 *model, size_t at)
{
    for (size_t i = 0; i < model->linear_count; i++) {
        if (model->linears[i]->at == at) {
            return true;
        }
    }
    return false;
}

// What no nj_train_backward clears: norms, biases, an embedding that is not the head.
static void clear_others(const nj_train_call *c)
{
    const nj_train_t5 *model = c->model;
    for (size_t i = 0; i < model->tensor_count; i++) {
        const nj_parameter *tensor = &model->tensors[i];
        if (!is_linear(model, tensor->at)) {
            memset(c->gradient + tensor->at, 0,
                   tensor->shape[0] * tensor->shape[1] * sizeof *c->gradient);
        }
    }
}

static void set_inputs(const nj_train_call *c)
{
    const size_t T = c->s->limits.T;
    for (uint32_t b = 0; b < c->batch->B; b++) {
        c->s->steps[b + 1] = (uint32_t)((b + 1) * T);
        c->s->inputs[b * T] = c->model->config.start_token;
        memcpy(c->s->inputs + b * T + 1, c->batch->labels + b * T, (T - 1) * sizeof *c->s->inputs);
    }
    c->s->steps[0] = 0;
}

double nj_train_gradient(const nj_train_t5 *model, nj_train_scratch *scratch,
                         const nj_train_batch *batch, const nj_train_options *options,
                         float *gradient)
{
    const nj_train_limits *limits = &scratch->limits;
    assert(batch->B <= limits->samples_max && batch->offset[batch->B] <= limits->tokens_max);
    for (uint32_t b = 0; b < batch->B; b++) {
        assert(batch->offset[b + 1] > batch->offset[b]);
        assert(batch->offset[b + 1] - batch->offset[b] <= limits->sequence_max);
    }
    nj_train_call c = {.model = model,
                       .s = scratch,
                       .batch = batch,
                       .options = options,
                       .dropout = nj_dropout_make(options->dropout),
                       .gradient = gradient,
                       .N_encoder = batch->offset[batch->B],
                       .N_decoder = (size_t)batch->B * limits->T};
    scratch->phase = NJ_PHASE_REST;
    scratch->phase_ns = nj_clock_thread_ns();
    set_inputs(&c);
    if (options->overwrite) {
        clear_others(&c);
    }
    run_encoder(&c);
    run_decoder(&c);
    nj_train_enter(&c, NJ_PHASE_HEAD);
    double loss = run_head(&c);
    nj_train_enter(&c, NJ_PHASE_REST);
    run_decoder_backward(&c);
    run_encoder_backward(&c);
    nj_train_enter(&c, NJ_PHASE_REST);
    return loss;
}
