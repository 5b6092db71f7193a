#include <assert.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"

static void embed_tokens(nj_t5 *model, const uint32_t *tokens, size_t count)
{
    size_t D = model->config.D;
    for (size_t i = 0; i < count; i++) {
        assert(tokens[i] < model->config.V);
        memcpy(model->batch.encoded + i * D, model->embedding + tokens[i] * D, D * sizeof(float));
    }
}

// scores[i, j] += bias of (key j) - (query first + i): a slice of the head's table that moves by one a row.
static void add_bias(const nj_t5_batch *batch, size_t h, size_t first, size_t rows, size_t S,
                     size_t ld)
{
    size_t S_max = batch->limits.sequence_max;
    for (size_t i = 0; i < rows; i++) {
        const float *bias = batch->bias + h * (2 * S_max - 1) + (S_max - 1) - (first + i);
        float *row = batch->scores + i * ld;
        for (size_t j = 0; j < S; j++) {
            row[j] += bias[j];
        }
    }
}

// Queries [first, first + rows) of one user, whose rows begin at q, k and v. The mixed values take the place of the queries.
static void attend_block(nj_t5 *model, float *q, const float *k, const float *v, size_t S,
                         size_t first, size_t rows)
{
    const nj_kernels *kernels = model->kernels;
    nj_t5_batch *batch = &model->batch;
    size_t E = model->config.E;
    size_t ld = model->HE_row;
    size_t ld_scores = nj_t5_row(S);
    for (size_t h = 0; h < model->config.H; h++) {
        float *head = q + first * ld + h * E;
        kernels->matmul_nt(rows, S, E, head, ld, k + h * E, ld, batch->scores, ld_scores);
        add_bias(batch, h, first, rows, S, ld_scores);
        kernels->softmax(rows, S, batch->scores, ld_scores);
        kernels->matmul_nn(rows, E, S, batch->scores, ld_scores, v + h * E, ld, head, ld);
    }
}

static void attend_users(nj_t5 *model)
{
    nj_t5_batch *batch = &model->batch;
    for (uint32_t b = 0; b < batch->B; b++) {
        size_t begin = batch->offset[b] * model->HE_row;
        size_t S = batch->offset[b + 1] - batch->offset[b];
        for (size_t first = 0; first < S; first += NJ_T5_BLOCK_ROWS) {
            attend_block(model, batch->q + begin, batch->k + begin, batch->v + begin, S, first,
                         nj_min_size(NJ_T5_BLOCK_ROWS, S - first));
        }
    }
}

static void run_encoder(nj_t5 *model, size_t N)
{
    const nj_kernels *kernels = model->kernels;
    nj_t5_batch *batch = &model->batch;
    size_t D = model->config.D;
    float *x = batch->encoded;
    float *const outputs[] = {batch->q, batch->k, batch->v};
    for (uint32_t l = 0; l < model->config.encoder_layers; l++) {
        const nj_t5_block *block = &model->encoder.blocks[l];
        const nj_linear *const linears[] = {&block->self.q, &block->self.k, &block->self.v};
        nj_t5_project(model, N, x, D, block->self_norm, linears, outputs, 3);
        attend_users(model);
        kernels->linear(N, batch->q, model->HE_row, &block->self.o, true, x, D);
        nj_t5_feed_forward(model, block, N, x, D);
    }
    kernels->rms_norm(N, D, x, D, model->encoder.final_norm, model->config.epsilon, x, D);
}

static void compute_cross(nj_t5 *model, size_t N)
{
    nj_t5_batch *batch = &model->batch;
    size_t D = model->config.D;
    size_t ld = model->HE_row;
    for (size_t l = 0; l < model->config.decoder_layers; l++) {
        const nj_t5_attention *cross = &model->decoder.blocks[l].cross;
        size_t at = l * batch->limits.tokens_max * ld;
        model->kernels->linear(N, batch->encoded, D, &cross->k, false, batch->cross_keys + at, ld);
        model->kernels->linear(N, batch->encoded, D, &cross->v, false, batch->cross_values + at,
                               ld);
    }
}

static void check_batch(const nj_t5_limits *limits, const uint32_t *offset, uint32_t B)
{
    assert(B <= limits->users_max && offset[0] == 0 && offset[B] <= limits->tokens_max);
    assert(limits->sequence_max >= 1);
    assert(limits->steps_max >= 1 && limits->steps_max <= NJ_T5_STEPS_MAX);
    for (uint32_t b = 0; b < B; b++) {
        assert(offset[b + 1] > offset[b]);
        assert(offset[b + 1] - offset[b] <= limits->sequence_max);
    }
}

void nj_t5_begin_batch(nj_t5 *model, const nj_t5_limits *limits, const uint32_t *tokens,
                       const uint32_t *offset, uint32_t B, nj_arena *arena)
{
    check_batch(limits, offset, B);
    nj_t5_claim claim = {.arena = arena};
    model->batch = (nj_t5_batch){.limits = *limits, .B = B};
    nj_t5_claim_batch(model, &claim);
    memcpy(model->batch.offset, offset, ((size_t)B + 1) * sizeof *offset);

    size_t mark = nj_arena_mark(arena);
    nj_t5_claim_encoder(model, &claim);
    nj_t5_bias_expand(model);
    embed_tokens(model, tokens, offset[B]);
    run_encoder(model, offset[B]);
    compute_cross(model, offset[B]);

    nj_arena_rewind(arena, mark); // the decoder's arrays lie where the encoder's were
    nj_t5_claim_decoder(model, &claim);
}

const float *nj_t5_encoder_output(const nj_t5 *model)
{
    return model->batch.encoded;
}
