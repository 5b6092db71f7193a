#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/encoder/encoder_internal.h"

static size_t plan_arena(const nj_encoder_config *config, const nj_kernels *kernels)
{
    nj_claim claim = {0};
    nj_linear none;
    for (uint32_t i = 0; i < config->dense_count; i++) {
        const nj_encoder_dense_config *dense = &config->dense[i];
        nj_weights_open_linear(kernels, &claim, NULL, dense->out, dense->in, &none);
    }
    if (config->kind == NJ_ENCODER_T5) {
        return claim.bytes;
    }
    nj_claim_bytes(&claim, 1, config->layers, sizeof(nj_encoder_layer));
    nj_encoder_walk walk = nj_encoder_walk_begin(config);
    while (nj_encoder_walk_next(&walk)) {
        if (walk.is_linear) {
            nj_weights_open_linear(kernels, &claim, NULL, walk.shape[0], walk.shape[1], &none);
        }
    }
    return claim.bytes;
}

// The config alone may ask for any memory; tensors of its shapes are bytes that are there.
static nj_status check_shapes(const nj_encoder_config *config, const nj_tensor_set *weights,
                              nj_error *err)
{
    const nj_tensor *tensor;
    nj_status status = NJ_OK;
    nj_encoder_walk walk = nj_encoder_walk_begin(config);
    while (status == NJ_OK && nj_encoder_walk_next(&walk)) {
        status = nj_tensor_set_expect(weights, walk.name, walk.shape, walk.dim_count, &tensor, err);
    }
    return status;
}

static nj_status open_bert(nj_encoder *encoder, nj_claim *claim, const nj_tensor_set *weights,
                           nj_error *err)
{
    nj_status status = NJ_OK;
    nj_encoder_walk walk = nj_encoder_walk_begin(&encoder->config);
    encoder->layers = nj_claim_bytes(claim, 1, encoder->config.layers, sizeof *encoder->layers);
    while (status == NJ_OK && nj_encoder_walk_next(&walk)) {
        const float *values = NULL;
        status = nj_weights_find(weights, walk.name, walk.shape, walk.dim_count, &values, err);
        void *slot = nj_encoder_walk_slot(&walk, encoder);
        if (status == NJ_OK && walk.is_linear) {
            nj_weights_open_linear(encoder->kernels, claim, values, walk.shape[0], walk.shape[1],
                                   slot);
        } else if (status == NJ_OK) {
            memcpy(slot, &values, sizeof values);
        }
    }
    return status;
}

static nj_status open_dense(nj_encoder *encoder, uint32_t index, nj_claim *claim,
                            const nj_tensor_set *weights, nj_error *err)
{
    const nj_encoder_dense_config *config = &encoder->config.dense[index];
    nj_encoder_dense *dense = &encoder->dense[index];
    const size_t shape[] = {config->out, config->in};
    const float *values = NULL;
    char name[NJ_WEIGHT_NAME_BYTES];
    snprintf(name, sizeof name, NJ_ENCODER_DENSE_WEIGHT, index);
    nj_status status = nj_weights_find(weights, name, shape, 2, &values, err);
    if (status == NJ_OK) {
        nj_weights_open_linear(encoder->kernels, claim, values, config->out, config->in,
                               &dense->weight);
    }
    if (status == NJ_OK && config->has_bias) {
        snprintf(name, sizeof name, NJ_ENCODER_DENSE_BIAS, index);
        status = nj_weights_find(weights, name, shape, 1, &dense->bias, err);
    }
    return status;
}

static nj_status open_model(nj_encoder *encoder, const nj_tensor_set *weights, nj_error *err)
{
    const nj_encoder_config *config = &encoder->config;
    const bool is_bert = config->kind == NJ_ENCODER_BERT;
    nj_claim claim = {.arena = &encoder->arena};
    nj_status status = is_bert ? check_shapes(config, weights, err) : NJ_OK;
    if (status == NJ_OK) {
        status = nj_arena_init(&encoder->arena, plan_arena(config, encoder->kernels), err);
    }
    if (status == NJ_OK) {
        status = is_bert ? open_bert(encoder, &claim, weights, err)
                         : nj_t5_open(&config->t5, weights, encoder->kernels, 0, &encoder->t5, err);
    }
    for (uint32_t i = 0; status == NJ_OK && i < config->dense_count; i++) {
        status = open_dense(encoder, i, &claim, weights, err);
    }
    return status;
}

nj_status nj_encoder_open(const nj_encoder_config *config, const nj_tensor_set *weights,
                          const nj_kernels *kernels, nj_encoder **out, nj_error *err)
{
    nj_encoder *encoder = calloc(1, sizeof *encoder);
    if (encoder == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a model");
    }
    encoder->config = *config;
    encoder->kernels = kernels;
    encoder->D_row = nj_claim_row(config->D);
    encoder->F_row = nj_claim_row(config->F);
    nj_status status = open_model(encoder, weights, err);
    if (status == NJ_OK) {
        *out = encoder;
        encoder = NULL;
    }
    nj_encoder_close(&encoder);
    return status;
}

void nj_encoder_close(nj_encoder **encoder)
{
    if (*encoder != NULL) {
        nj_t5_close(&(*encoder)->t5);
        nj_arena_fini(&(*encoder)->arena);
        free(*encoder);
        *encoder = NULL;
    }
}
