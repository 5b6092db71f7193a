#include <assert.h>
#include <string.h>

#include "worker/encoder/encoder_internal.h"

void nj_encoder_claim_scratch(const nj_encoder_config *config, nj_claim *claim, size_t tokens,
                              size_t longest, nj_encoder_scratch *out)
{
    const size_t columns = nj_encoder_columns(longest);
    const size_t D_row = nj_claim_row(config->D);
    out->x = nj_claim_floats(claim, 1, tokens, D_row);
    out->q = nj_claim_floats(claim, 1, tokens, D_row);
    out->k = nj_claim_floats(claim, 1, tokens, D_row);
    out->v = nj_claim_floats(claim, 1, tokens, D_row);
    out->hidden = nj_claim_floats(claim, 1, tokens, nj_claim_row(config->F));
    out->keys = nj_claim_floats(claim, 1, config->E, columns);
    out->scores = nj_claim_floats(claim, 1, longest, columns);
}

// ---- a batch ----

// Word, then type, then position, in this order, each addition rounded.
static void embed(const nj_encoder *encoder, const uint32_t *tokens, const uint32_t *offset,
                  uint32_t B, const nj_encoder_scratch *scratch)
{
    const nj_kernels *kernels = encoder->kernels;
    const size_t D = encoder->config.D;
    const size_t ld = encoder->D_row;
    for (uint32_t b = 0; b < B; b++) {
        float *x = scratch->x + offset[b] * ld;
        const size_t S = offset[b + 1] - offset[b];
        for (size_t s = 0; s < S; s++) {
            const uint32_t token = tokens[offset[b] + s];
            assert(token < encoder->config.V);
            memcpy(x + s * ld, encoder->words + token * D, D * sizeof(float));
        }
        kernels->add_bias(S, D, encoder->types, x, ld);
        kernels->add(S, D, encoder->positions, D, x, ld);
    }
    kernels->layer_norm(offset[B], D, scratch->x, ld, encoder->norm.weight, encoder->norm.bias,
                        encoder->config.epsilon, scratch->x, ld);
}

static void project(const nj_encoder *encoder, const nj_encoder_layer *layer, size_t rows,
                    const nj_encoder_scratch *scratch)
{
    const nj_encoder_dense *const dense[] = {&layer->q, &layer->k, &layer->v};
    const nj_linear *const linears[] = {&layer->q.weight, &layer->k.weight, &layer->v.weight};
    float *const outputs[] = {scratch->q, scratch->k, scratch->v};
    encoder->kernels->linear_many(rows, scratch->x, encoder->D_row, 3, linears, outputs,
                                  encoder->D_row);
    for (size_t i = 0; i < 3; i++) {
        encoder->kernels->add_bias(rows, encoder->config.D, dense[i]->bias, outputs[i],
                                   encoder->D_row);
    }
}

// x = norm(x + dense(input)).
static void add_dense(const nj_encoder *encoder, const nj_encoder_dense *dense,
                      const nj_encoder_norm *norm, size_t rows, const float *input, size_t ld,
                      float *x)
{
    const nj_kernels *kernels = encoder->kernels;
    const size_t D = encoder->config.D;
    kernels->linear(rows, input, ld, &dense->weight, true, x, encoder->D_row);
    kernels->add_bias(rows, D, dense->bias, x, encoder->D_row);
    kernels->layer_norm(rows, D, x, encoder->D_row, norm->weight, norm->bias,
                        encoder->config.epsilon, x, encoder->D_row);
}

static void run_layer(const nj_encoder *encoder, const nj_encoder_layer *layer,
                      const uint32_t *offset, uint32_t B, const nj_encoder_scratch *scratch)
{
    const nj_kernels *kernels = encoder->kernels;
    const size_t rows = offset[B];
    project(encoder, layer, rows, scratch);
    for (uint32_t b = 0; b < B; b++) {
        nj_encoder_attend(encoder, scratch, offset[b], offset[b + 1] - offset[b]);
    }
    add_dense(encoder, &layer->o, &layer->attention_norm, rows, scratch->q, encoder->D_row,
              scratch->x);
    kernels->linear(rows, scratch->x, encoder->D_row, &layer->up.weight, false, scratch->hidden,
                    encoder->F_row);
    kernels->bias_gelu(rows, encoder->config.F, layer->up.bias, scratch->hidden, encoder->F_row);
    add_dense(encoder, &layer->down, &layer->norm, rows, scratch->hidden, encoder->F_row,
              scratch->x);
}

void nj_encoder_run_bert(const nj_encoder *encoder, const uint32_t *tokens, const uint32_t *offset,
                         uint32_t B, const nj_encoder_scratch *scratch)
{
    embed(encoder, tokens, offset, B, scratch);
    for (uint32_t l = 0; l < encoder->config.layers; l++) {
        run_layer(encoder, &encoder->layers[l], offset, B, scratch);
    }
}
