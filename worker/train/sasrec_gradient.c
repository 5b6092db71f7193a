#include "worker/train/sasrec_gradient.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/train/layer_norm.h"
#include "worker/train/sasrec_internal.h"

// Uses of dropout in a block; each has a key of its own. That of the embeddings stands behind those of any block.
enum { DROP_WEIGHTS, DROP_ATTENTION, DROP_INNER, DROP_DENSE, DROP_USES };
#define DROP_EMBEDDED 0x10000000u

static uint32_t use_of(uint32_t layer, uint32_t use)
{
    return layer * DROP_USES + use;
}

void nj_sasrec_drop(const nj_sasrec_call *c, uint32_t use, size_t count, float *values)
{
    nj_dropout_apply(c->model->kernels, c->dropout, nj_dropout_key(c->options->seed, use), count,
                     values, values);
}

// ---- linear layers and norms ----

static void forward(const nj_sasrec_call *c, const nj_sasrec_linear *linear, const float *X,
                    float *Y)
{
    c->model->kernels->linear(c->rows, X, linear->forward.K, &linear->forward, false, Y,
                              linear->forward.N);
}

// dX = dY W, and the gradient of W += dY^T X.
static void backward(const nj_sasrec_call *c, const nj_sasrec_linear *linear, const float *dY,
                     const float *X, float *dX)
{
    const size_t N = linear->forward.N;
    const size_t K = linear->forward.K;
    const nj_kernels *kernels = c->model->kernels;
    kernels->matmul_nn(c->rows, K, N, dY, N, c->model->values + linear->at, K, dX, K);
    kernels->matmul_tn(N, K, c->rows, dY, N, X, K, c->gradient + linear->at, K);
}

static void norm(const nj_sasrec_call *c, const nj_sasrec_norm *norm, nj_kept_sublayer *kept,
                 const float *x, float *out)
{
    const float *values = c->model->values;
    nj_layer_norm(c->rows, c->model->config.D, x, values + norm->weight, values + norm->bias,
                  NJ_SASREC_EPSILON, kept->hat, kept->inverse, out);
}

static void norm_backward(const nj_sasrec_call *c, const nj_sasrec_norm *norm,
                          const nj_kept_sublayer *kept, const float *dout, bool accumulate,
                          float *dx)
{
    nj_layer_norm_backward(c->rows, c->model->config.D, kept->hat, kept->inverse,
                           c->model->values + norm->weight, dout, c->gradient + norm->weight,
                           c->gradient + norm->bias, accumulate, dx);
}

// ---- sublayers: what stands around attention and the dense layer ----
//
//   norms before   x ─┬─ norm ─► in ─► sublayer ─► drop ─► + ─► x
//                     └────────────────────────────────────┘
//   norms behind   x ─┬─► in ─► sublayer ─► drop ─► + ─ norm ─► x
//                     └─────────────────────────────┘

static void begin_sublayer(const nj_sasrec_call *c, const nj_sasrec_norm *before,
                           nj_kept_sublayer *kept)
{
    if (c->model->config.norms_after) {
        memcpy(kept->in, c->s->x, c->rows * c->model->config.D * sizeof *kept->in);
    } else {
        norm(c, before, kept, c->s->x, kept->in);
    }
}

// The sublayer's result is in scratch's y.
static void end_sublayer(const nj_sasrec_call *c, const nj_sasrec_norm *behind,
                         nj_kept_sublayer *kept, uint32_t use)
{
    const size_t D = c->model->config.D;
    nj_sasrec_drop(c, use, c->rows * D, c->s->y);
    c->model->kernels->add(c->rows, D, c->s->y, D, c->s->x, D);
    if (c->model->config.norms_after) {
        norm(c, behind, kept, c->s->x, c->s->x);
    }
}

// Scratch's y becomes the derivative by the sublayer's result.
static void end_sublayer_backward(const nj_sasrec_call *c, const nj_sasrec_norm *behind,
                                  const nj_kept_sublayer *kept, uint32_t use)
{
    const size_t D = c->model->config.D;
    if (c->model->config.norms_after) {
        norm_backward(c, behind, kept, c->s->x, false, c->s->x);
    }
    memcpy(c->s->y, c->s->x, c->rows * D * sizeof *c->s->y);
    nj_sasrec_drop(c, use, c->rows * D, c->s->y);
}

// Scratch's dn is the derivative by `in`.
static void begin_sublayer_backward(const nj_sasrec_call *c, const nj_sasrec_norm *before,
                                    const nj_kept_sublayer *kept)
{
    const size_t D = c->model->config.D;
    if (c->model->config.norms_after) {
        c->model->kernels->add(c->rows, D, c->s->dn, D, c->s->x, D);
    } else {
        norm_backward(c, before, kept, c->s->dn, true, c->s->x);
    }
}

// ---- blocks ----

static void run_block(const nj_sasrec_call *c, uint32_t layer)
{
    const nj_sasrec_block *block = &c->model->blocks[layer];
    nj_kept_sasrec_block *kept = &c->s->blocks[layer];
    const size_t F = c->model->config.F;
    begin_sublayer(c, &block->attention_norm, &kept->attention);
    forward(c, &block->qkv, kept->attention.in, kept->qkv);
    nj_sasrec_attend(c, kept, use_of(layer, DROP_WEIGHTS));
    forward(c, &block->output, kept->mixed, c->s->y);
    end_sublayer(c, &block->attention_norm, &kept->attention, use_of(layer, DROP_ATTENTION));

    begin_sublayer(c, &block->dense_norm, &kept->dense);
    forward(c, &block->inner, kept->dense.in, kept->h);
    c->model->kernels->relu(c->rows, F, kept->h, F);
    nj_sasrec_drop(c, use_of(layer, DROP_INNER), c->rows * F, kept->h);
    forward(c, &block->outer, kept->h, c->s->y);
    end_sublayer(c, &block->dense_norm, &kept->dense, use_of(layer, DROP_DENSE));
}

static void run_block_backward(const nj_sasrec_call *c, uint32_t layer)
{
    const nj_sasrec_block *block = &c->model->blocks[layer];
    const nj_kept_sasrec_block *kept = &c->s->blocks[layer];
    const size_t F = c->model->config.F;
    end_sublayer_backward(c, &block->dense_norm, &kept->dense, use_of(layer, DROP_DENSE));
    backward(c, &block->outer, c->s->y, kept->h, c->s->dh);
    nj_rows_relu_backward(c->rows * F, kept->h, c->dropout.scale, c->s->dh);
    backward(c, &block->inner, c->s->dh, kept->dense.in, c->s->dn);
    begin_sublayer_backward(c, &block->dense_norm, &kept->dense);

    end_sublayer_backward(c, &block->attention_norm, &kept->attention,
                          use_of(layer, DROP_ATTENTION));
    backward(c, &block->output, c->s->y, kept->mixed, c->s->dn);
    nj_sasrec_attend_backward(c, kept, use_of(layer, DROP_WEIGHTS), c->s->dn);
    backward(c, &block->qkv, c->s->dqkv, kept->attention.in, c->s->dn);
    begin_sublayer_backward(c, &block->attention_norm, &kept->attention);
}

// ---- the whole ----

static void embed(const nj_sasrec_call *c)
{
    const size_t D = c->model->config.D;
    const float *items = c->model->values + c->model->items;
    const float *positions = c->model->values + c->model->positions;
    for (uint32_t b = 0; b < c->batch->B; b++) {
        const uint32_t first = c->batch->offset[b];
        assert(c->batch->offset[b + 1] - first <= c->model->config.S);
        for (uint32_t r = first; r < c->batch->offset[b + 1]; r++) {
            const float *item = items + c->batch->items[r] * D;
            const float *position = positions + (r - first) * D;
            assert(c->batch->items[r] < c->model->config.N);
            for (size_t d = 0; d < D; d++) {
                c->s->x[r * D + d] = item[d] + position[d];
            }
        }
    }
}

static void embed_backward(const nj_sasrec_call *c)
{
    const size_t D = c->model->config.D;
    float *items = c->gradient + c->model->items;
    float *positions = c->gradient + c->model->positions;
    for (uint32_t b = 0; b < c->batch->B; b++) {
        const uint32_t first = c->batch->offset[b];
        for (uint32_t r = first; r < c->batch->offset[b + 1]; r++) {
            const float *dx = c->s->x + r * D;
            for (size_t d = 0; d < D; d++) {
                items[c->batch->items[r] * D + d] += dx[d];
                positions[(r - first) * D + d] += dx[d];
            }
        }
    }
}

// The states of all positions; borrowed from the scratch.
static const float *run_forward(const nj_sasrec_call *c)
{
    const nj_sasrec_norm *edge = &c->model->edge_norm;
    const size_t values = c->rows * c->model->config.D;
    embed(c);
    if (c->model->config.norms_after) {
        norm(c, edge, &c->s->edge, c->s->x, c->s->x);
    }
    nj_sasrec_drop(c, DROP_EMBEDDED, values, c->s->x);
    for (uint32_t l = 0; l < c->model->config.layers; l++) {
        run_block(c, l);
    }
    if (c->model->config.norms_after) {
        return c->s->x;
    }
    norm(c, edge, &c->s->edge, c->s->x, c->s->edge.in);
    return c->s->edge.in;
}

// From the derivative by the states, in scratch's dn.
static void run_backward(const nj_sasrec_call *c)
{
    const nj_sasrec_norm *edge = &c->model->edge_norm;
    const size_t values = c->rows * c->model->config.D;
    if (c->model->config.norms_after) {
        memcpy(c->s->x, c->s->dn, values * sizeof *c->s->x);
    } else {
        norm_backward(c, edge, &c->s->edge, c->s->dn, false, c->s->x);
    }
    for (uint32_t l = c->model->config.layers; l-- > 0;) {
        run_block_backward(c, l);
    }
    nj_sasrec_drop(c, DROP_EMBEDDED, values, c->s->x);
    if (c->model->config.norms_after) {
        norm_backward(c, edge, &c->s->edge, c->s->x, false, c->s->x);
    }
    embed_backward(c);
}

static nj_sasrec_call begin_call(const nj_sasrec *model, nj_sasrec_scratch *scratch,
                                 const nj_sasrec_batch *batch, const nj_sasrec_options *options,
                                 float *gradient)
{
    assert(batch->B <= scratch->limits.samples_max);
    assert(batch->offset[batch->B] <= scratch->limits.rows_max);
    return (nj_sasrec_call){.model = model,
                            .s = scratch,
                            .batch = batch,
                            .options = options,
                            .dropout = nj_dropout_make(options->dropout),
                            .gradient = gradient,
                            .rows = batch->offset[batch->B]};
}

double nj_sasrec_gradient(const nj_sasrec *model, nj_sasrec_scratch *scratch,
                          const nj_sasrec_batch *batch, const nj_sasrec_options *options,
                          float *gradient)
{
    const nj_sasrec_call c = begin_call(model, scratch, batch, options, gradient);
    const float *states = run_forward(&c);
    const double loss = nj_sasrec_head(&c, states, scratch->dn);
    run_backward(&c);
    return loss;
}

void nj_sasrec_encode(const nj_sasrec *model, nj_sasrec_scratch *scratch,
                      const nj_sasrec_batch *batch, float *states)
{
    const size_t D = model->config.D;
    const nj_sasrec_options options = {0};
    const nj_sasrec_call c = begin_call(model, scratch, batch, &options, NULL);
    const float *all = run_forward(&c);
    for (uint32_t b = 0; b < batch->B; b++) {
        memcpy(states + b * D, all + (batch->offset[b + 1] - 1) * D, D * sizeof *states);
    }
}

void nj_sasrec_score(const nj_sasrec *model, size_t rows, const float *states, float *scores)
{
    for (size_t b = 0; b < model->item_block_count; b++) {
        model->kernels->linear(rows, states, model->config.D, &model->item_blocks[b], false,
                               scores + b * NJ_SASREC_ITEM_BLOCK, model->config.N);
    }
}

// ---- memory ----

// What is planned and what is taken are the same lines of code.
typedef struct {
    nj_arena *arena; // NULL: count only
    size_t bytes;
} claim;

static float *claim_floats(claim *c, size_t rows, size_t columns)
{
    const size_t bytes = rows * columns * sizeof(float);
    c->bytes += nj_arena_cost(bytes);
    return c->arena == NULL ? NULL : nj_arena_take(c->arena, bytes);
}

static nj_kept_sublayer claim_sublayer(claim *c, size_t rows, size_t D)
{
    return (nj_kept_sublayer){claim_floats(c, rows, D), claim_floats(c, rows, D),
                              claim_floats(c, rows, 1)};
}

static void claim_all(claim *c, nj_sasrec_scratch *s, const nj_sasrec *model)
{
    const nj_sasrec_config *config = &model->config;
    const size_t rows = s->limits.rows_max;
    const size_t D = config->D;
    for (uint32_t l = 0; l < config->layers; l++) {
        nj_kept_sasrec_block *kept = &s->blocks[l];
        kept->attention = claim_sublayer(c, rows, D);
        kept->qkv = claim_floats(c, rows, 3 * D);
        kept->p = claim_floats(c, rows * config->S, config->H);
        kept->mixed = claim_floats(c, rows, D);
        kept->dense = claim_sublayer(c, rows, D);
        kept->h = claim_floats(c, rows, config->F);
    }
    s->edge = claim_sublayer(c, rows, D);
    s->x = claim_floats(c, rows, D);
    s->y = claim_floats(c, rows, D);
    s->dn = claim_floats(c, rows, D);
    s->dqkv = claim_floats(c, rows, 3 * D);
    s->dh = claim_floats(c, rows, config->F);
    s->weights = claim_floats(c, config->S, config->S);
    s->scores = claim_floats(c, NJ_SASREC_HEAD_ROWS,
                             config->N <= NJ_SASREC_HELD_ITEMS ? config->N : NJ_SASREC_ITEM_BLOCK);
    s->log_sums = claim_floats(c, NJ_SASREC_HEAD_ROWS, model->item_block_count);
    s->part = claim_floats(c, NJ_SASREC_HEAD_ROWS, D);
}

nj_status nj_sasrec_scratch_new(const nj_sasrec *model, const nj_sasrec_limits *limits,
                                nj_sasrec_scratch **out, nj_error *err)
{
    nj_sasrec_scratch *s = calloc(1, sizeof *s);
    nj_status status = NJ_OK;
    if (s != NULL) {
        s->limits = *limits;
        s->blocks = calloc(model->config.layers, sizeof *s->blocks);
    }
    if (s == NULL || s->blocks == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for a SASRec's scratch");
    }
    if (status == NJ_OK) {
        claim plan = {0};
        claim_all(&plan, s, model);
        status = nj_arena_init(&s->arena, plan.bytes, err);
    }
    if (status == NJ_OK) {
        claim taken = {.arena = &s->arena};
        claim_all(&taken, s, model);
        *out = s;
        s = NULL;
    }
    nj_sasrec_scratch_free(&s);
    return status;
}

void nj_sasrec_scratch_free(nj_sasrec_scratch **scratch)
{
    if (*scratch != NULL) {
        nj_arena_fini(&(*scratch)->arena);
        free((*scratch)->blocks);
        free(*scratch);
        *scratch = NULL;
    }
}
