#include <assert.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"

static void embed_tokens(nj_t5 *model, const uint32_t *tokens, const uint32_t *words, size_t count)
{
    size_t D = model->config.D;
    for (size_t i = 0; i < count; i++) {
        float *row = model->batch.encoded + i * D;
        assert(tokens[i] < model->config.V);
        memcpy(row, model->embedding + tokens[i] * D, D * sizeof(float));
        if (words != NULL) {
            assert(words[i] < model->word_count);
            model->kernels->add(1, D, model->words + words[i] * D, D, row, D);
        }
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
    size_t ld_scores = nj_claim_row(nj_t5_columns(S));
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
        size_t part = nj_t5_part(S, NJ_T5_BLOCK_ROWS);
        for (size_t first = 0; first < S; first += part) {
            attend_block(model, batch->q + begin, batch->k + begin, batch->v + begin, S, first,
                         nj_min_size(part, S - first));
        }
    }
}

// The table of the first block holds for tokens alone: words change what the block reads.
static void run_encoder(nj_t5 *model, const uint32_t *tokens, const uint32_t *words, size_t N)
{
    const nj_kernels *kernels = model->kernels;
    nj_t5_batch *batch = &model->batch;
    size_t D = model->config.D;
    float *x = batch->encoded;
    float *const outputs[] = {batch->q, batch->k, batch->v};
    for (uint32_t l = 0; l < model->config.encoder_layers; l++) {
        const nj_t5_block *block = &model->encoder.blocks[l];
        const nj_linear *const linears[] = {&block->self.q, &block->self.k, &block->self.v};
        if (l == 0 && words == NULL && model->encoder_tokens.q != NULL) {
            nj_t5_look_up(model, model->encoder_tokens.q, tokens, N, batch->q);
            nj_t5_look_up(model, model->encoder_tokens.k, tokens, N, batch->k);
            nj_t5_look_up(model, model->encoder_tokens.v, tokens, N, batch->v);
        } else {
            nj_t5_project(model, N, x, D, block->self_norm, linears, outputs, 3);
        }
        attend_users(model);
        kernels->linear(N, batch->q, model->HE_row, &block->self.o, true, x, D);
        nj_t5_feed_forward(model, block, N, x, D);
    }
    kernels->rms_norm(N, D, x, D, model->encoder.final_norm, model->config.epsilon, x, D);
}

// The columns behind the user's last token become 0, so that whole registers of keys can be read.
static void compute_user_keys(const nj_t5 *model, size_t layer, uint32_t b)
{
    const nj_t5_batch *batch = &model->batch;
    size_t D = model->config.D;
    size_t HE = (size_t)model->config.H * model->config.E;
    size_t S = batch->offset[b + 1] - batch->offset[b];
    size_t columns = nj_t5_columns(S);
    float *keys = nj_t5_cross_keys(model, layer, b);
    model->kernels->linear_transposed(S, batch->encoded + batch->offset[b] * D, D,
                                      &model->decoder.blocks[layer].cross.k, keys, columns);
    for (size_t i = 0; i < HE && S < columns; i++) {
        memset(keys + i * columns + S, 0, (columns - S) * sizeof *keys);
    }
}

static void compute_cross_keys(const nj_t5 *model)
{
    for (size_t l = 0; l < model->config.decoder_layers; l++) {
        for (uint32_t b = 0; b < model->batch.B; b++) {
            compute_user_keys(model, l, b);
        }
    }
}

// Of all heads of all layers: they read the same rows.
static void compute_cross_values(const nj_t5 *model, size_t N)
{
    enum { TOGETHER_MAX = 64 };
    const nj_linear *linears[TOGETHER_MAX];
    float *values[TOGETHER_MAX];
    size_t D = model->config.D;
    size_t E = model->config.E;
    size_t H = model->config.H;
    size_t heads = model->config.decoder_layers * H;
    for (size_t first = 0; first < heads; first += TOGETHER_MAX) {
        size_t count = nj_min_size(heads - first, TOGETHER_MAX);
        for (size_t i = 0; i < count; i++) {
            size_t layer = (first + i) / H;
            size_t h = (first + i) % H;
            linears[i] = &model->decoder.blocks[layer].cross_v_heads[h];
            values[i] = nj_t5_cross_values(model, layer, h, 0);
        }
        model->kernels->linear_many(N, model->batch.encoded, D, count, linears, values, E);
    }
}

static void check_batch(const nj_model_limits *limits, const uint32_t *offset, uint32_t B)
{
    assert(B <= limits->users_max && offset[0] == 0 && offset[B] <= limits->tokens_max);
    assert(limits->sequence_max >= 1);
    for (uint32_t b = 0; b < B; b++) {
        assert(offset[b + 1] > offset[b]);
        assert(offset[b + 1] - offset[b] <= limits->sequence_max);
    }
}

static void encode(nj_t5 *model, nj_claim *claim, const uint32_t *tokens, const uint32_t *words,
                   size_t count)
{
    nj_t5_claim_encoder(model, claim);
    nj_t5_bias_expand(model);
    embed_tokens(model, tokens, words, count);
    run_encoder(model, tokens, words, count);
}

void nj_t5_begin_batch(nj_t5 *model, const nj_model_limits *limits, const uint32_t *tokens,
                       const uint32_t *words, const uint32_t *offset, uint32_t B, nj_arena *arena)
{
    check_batch(limits, offset, B);
    assert(limits->steps_max >= 1 && limits->steps_max <= NJ_MODEL_STEPS_MAX);
    assert(model->config.decoder_layers > 0);
    nj_claim claim = {.arena = arena};
    model->batch = (nj_t5_batch){.limits = *limits, .B = B};
    nj_t5_claim_batch(model, &claim);
    memcpy(model->batch.offset, offset, ((size_t)B + 1) * sizeof *offset);
    model->batch.column[0] = 0;
    for (uint32_t b = 0; b < B; b++) {
        uint32_t columns = (uint32_t)nj_t5_columns(offset[b + 1] - offset[b]);
        model->batch.column[b + 1] = model->batch.column[b] + columns;
    }

    size_t mark = nj_arena_mark(arena);
    encode(model, &claim, tokens, words, offset[B]);
    compute_cross_keys(model);
    compute_cross_values(model, offset[B]);

    nj_arena_rewind(arena, mark); // the decoder's arrays lie where the encoder's were
    nj_t5_begin_decoder(model, &claim);
}

const float *nj_t5_encoder_output(const nj_t5 *model)
{
    return model->batch.encoded;
}

// The model is read-only but for its batch: a copy of its pointers has a batch of its own.
const float *nj_t5_encode(const nj_t5 *model, const nj_model_limits *limits, const uint32_t *tokens,
                          const uint32_t *offset, uint32_t B, nj_arena *arena)
{
    check_batch(limits, offset, B);
    nj_claim claim = {.arena = arena};
    nj_t5 own = *model;
    own.config.decoder_layers = 0;
    own.batch = (nj_t5_batch){.limits = *limits, .B = B};
    nj_t5_claim_batch(&own, &claim);
    memcpy(own.batch.offset, offset, ((size_t)B + 1) * sizeof *offset);
    encode(&own, &claim, tokens, NULL, offset[B]);
    return own.batch.encoded;
}
