#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/math/vecmath.h"
#include "worker/encoder/encoder_internal.h"

#define LENGTH_MIN 1e-12f // as torch.nn.functional.normalize has it

// Rows that a dense layer reads, and those that it writes for the next.
typedef struct {
    float *from; // [B, ld]
    float *to;   // [B, ld]
    size_t ld;
} dense_rows;

static void claim_rows(const nj_encoder_config *config, nj_claim *claim, size_t B, dense_rows *out)
{
    size_t widest = config->D;
    for (uint32_t i = 0; i < config->dense_count; i++) {
        widest = nj_max_size(widest, config->dense[i].out);
    }
    const size_t texts = config->dense_count > 0 ? B : 0;
    out->ld = nj_claim_row(widest);
    out->from = nj_claim_floats(claim, 1, texts, out->ld);
    out->to = nj_claim_floats(claim, 1, texts, out->ld);
}

static nj_model_limits get_t5_limits(size_t B, size_t tokens, size_t longest)
{
    return (nj_model_limits){.users_max = (uint32_t)B,
                             .tokens_max = (uint32_t)tokens,
                             .sequence_max = (uint32_t)longest};
}

size_t nj_encoder_scratch_bytes(const nj_encoder_config *config, size_t tokens_max)
{
    nj_claim claim = {0};
    nj_encoder_scratch scratch;
    dense_rows rows;
    if (tokens_max > UINT32_MAX) {
        return SIZE_MAX;
    }
    const size_t longest = nj_min_size(tokens_max, config->tokens_max);
    size_t bytes = 0;
    if (config->kind == NJ_ENCODER_T5) {
        const nj_model_limits limits = get_t5_limits(tokens_max, tokens_max, longest);
        bytes = nj_t5_encode_bytes(&config->t5, &limits);
    } else {
        nj_encoder_claim_scratch(config, &claim, tokens_max, longest, &scratch);
    }
    claim_rows(config, &claim, tokens_max, &rows);
    return nj_add_size(claim.bytes, bytes, &bytes) ? bytes : SIZE_MAX;
}

// ---- a text's tokens to its vector ----

static void normalise(const nj_kernels *kernels, size_t width, float *row)
{
    const float *const keys[] = {row};
    float square;
    kernels->head_scores(1, 1, width, row, keys, &square, 1);
    const float length = sqrtf(square);
    kernels->scale(1, width, 1.0f / (length < LENGTH_MIN ? LENGTH_MIN : length), row, width);
}

static void pool(const nj_encoder *encoder, const float *x, size_t ld, size_t S, float *out)
{
    const size_t D = encoder->config.D;
    memcpy(out, x, D * sizeof(float));
    if (encoder->config.pooling == NJ_POOLING_MEAN) {
        for (size_t s = 1; s < S; s++) {
            encoder->kernels->add(1, D, x + s * ld, D, out, D);
        }
        encoder->kernels->scale(1, D, 1.0f / (float)S, out, D);
    }
}

static void activate(const nj_kernels *kernels, nj_dense_activation activation, size_t count,
                     float *row)
{
    if (activation == NJ_DENSE_RELU) {
        kernels->relu(1, count, row, count);
    }
    for (size_t i = 0; i < count && activation == NJ_DENSE_TANH; i++) {
        row[i] = nj_tanh(row[i]);
    }
}

// From rows->from; the last layer's rows are there again.
static void run_dense(const nj_encoder *encoder, uint32_t B, dense_rows *rows)
{
    const nj_kernels *kernels = encoder->kernels;
    for (uint32_t i = 0; i < encoder->config.dense_count; i++) {
        const nj_encoder_dense_config *config = &encoder->config.dense[i];
        const nj_encoder_dense *dense = &encoder->dense[i];
        float *to = rows->to;
        kernels->linear(B, rows->from, rows->ld, &dense->weight, false, to, rows->ld);
        if (dense->bias != NULL) {
            kernels->add_bias(B, config->out, dense->bias, to, rows->ld);
        }
        for (uint32_t b = 0; b < B; b++) {
            activate(kernels, config->activation, config->out, to + b * rows->ld);
        }
        rows->to = rows->from;
        rows->from = to;
    }
}

static void make_vectors(const nj_encoder *encoder, const float *x, size_t ld,
                         const uint32_t *offset, uint32_t B, dense_rows *rows, float *out)
{
    const nj_encoder_config *config = &encoder->config;
    const bool has_dense = config->dense_count > 0;
    float *pooled = has_dense ? rows->from : out;
    const size_t ld_pooled = has_dense ? rows->ld : config->width;
    for (uint32_t b = 0; b < B; b++) {
        pool(encoder, x + offset[b] * ld, ld, offset[b + 1] - offset[b], pooled + b * ld_pooled);
    }
    run_dense(encoder, B, rows);
    for (uint32_t b = 0; b < B; b++) {
        float *row = out + (size_t)b * config->width;
        if (has_dense) {
            memcpy(row, rows->from + b * rows->ld, config->width * sizeof *row);
        }
        if (config->is_normalised) {
            normalise(encoder->kernels, config->width, row);
        }
    }
}

// ---- a batch ----

// What the model gives for each token: [offset[B], *out_ld], in the arena.
static const float *run_model(const nj_encoder *encoder, const uint32_t *tokens,
                              const uint32_t *offset, uint32_t B, size_t longest, nj_arena *arena,
                              size_t *out_ld)
{
    const nj_encoder_config *config = &encoder->config;
    if (encoder->t5 != NULL) {
        const nj_model_limits limits = get_t5_limits(B, offset[B], longest);
        *out_ld = config->D;
        return nj_t5_encode(encoder->t5, &limits, tokens, offset, B, arena);
    }
    nj_claim claim = {.arena = arena};
    nj_encoder_scratch scratch;
    nj_encoder_claim_scratch(config, &claim, offset[B], longest, &scratch);
    nj_encoder_run_bert(encoder, tokens, offset, B, &scratch);
    *out_ld = encoder->D_row;
    return scratch.x;
}

void nj_encoder_run(const nj_encoder *encoder, const uint32_t *tokens, const uint32_t *offset,
                    uint32_t B, nj_arena *arena, float *out)
{
    const size_t mark = nj_arena_mark(arena);
    nj_claim claim = {.arena = arena};
    dense_rows rows;
    size_t longest = 0;
    size_t ld = 0;
    for (uint32_t b = 0; b < B; b++) {
        assert(offset[b + 1] > offset[b]);
        longest = nj_max_size(longest, offset[b + 1] - offset[b]);
    }
    assert(offset[0] == 0 && longest >= 1 && longest <= encoder->config.tokens_max);
    const float *x = run_model(encoder, tokens, offset, B, longest, arena, &ld);
    claim_rows(&encoder->config, &claim, B, &rows);
    make_vectors(encoder, x, ld, offset, B, &rows, out);
    nj_arena_rewind(arena, mark);
}
