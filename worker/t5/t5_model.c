#include <math.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"

static void claim_blocks(nj_t5 *model, nj_claim *claim)
{
    const nj_t5_config *config = &model->config;
    model->encoder.blocks =
        nj_claim_bytes(claim, 1, config->encoder_layers, sizeof *model->encoder.blocks);
    model->decoder.blocks =
        nj_claim_bytes(claim, 1, config->decoder_layers, sizeof *model->decoder.blocks);
    for (uint32_t l = 0; l < config->decoder_layers; l++) {
        nj_linear *heads = nj_claim_bytes(claim, 1, config->H, sizeof *heads);
        if (claim->arena != NULL) {
            model->decoder.blocks[l].cross_v_heads = heads;
        }
    }
    model->encoder_bucket =
        nj_claim_bytes(claim, 1, (size_t)config->distance_max + 1, sizeof *model->encoder_bucket);
}

static void *claim_pack(nj_claim *claim, const nj_kernels *kernels, size_t N, size_t K)
{
    return nj_claim_bytes(claim, 1, 1, kernels->linear_pack_bytes(N, K));
}

static bool wants_pack(const nj_t5_walk *walk, const nj_kernels *kernels)
{
    return walk->packing != NJ_T5_PACK_TRANSPOSED || kernels->packs_transposed;
}

static void plan_linear(const nj_t5_walk *walk, const nj_kernels *kernels, nj_claim *claim)
{
    size_t heads = walk->packing == NJ_T5_PACK_HEADS ? walk->config->H : 1;
    for (size_t h = 0; h < heads && wants_pack(walk, kernels); h++) {
        claim_pack(claim, kernels, walk->shape[0] / heads, walk->shape[1]);
    }
}

// Everything in the model's arena.
static size_t plan_arena(const nj_t5_config *config, const nj_kernels *kernels, nj_savings savings)
{
    nj_t5 draft = {.config = *config};
    nj_claim claim = {0};
    nj_t5_set_rows(&draft);
    claim_blocks(&draft, &claim);
    nj_t5_claim_tables(&draft, savings, &claim);
    if (config->decoder_layers > 0) {
        claim_pack(&claim, kernels, config->V, config->D);
    }
    nj_t5_walk walk = nj_t5_walk_begin(config);
    while (nj_t5_walk_next(&walk)) {
        if (walk.is_linear) {
            plan_linear(&walk, kernels, &claim);
        }
    }
    return claim.bytes;
}

size_t nj_t5_model_bytes(const nj_t5_config *config, const nj_kernels *kernels, nj_savings savings)
{
    size_t bytes;
    return nj_add_size(sizeof(nj_t5), plan_arena(config, kernels, savings), &bytes) ? bytes
                                                                                    : SIZE_MAX;
}

// The slot of the tensor at hand, and the heads' where it is packed by heads.
static void open_walked(nj_t5 *model, nj_claim *claim, const nj_t5_walk *walk, const float *values)
{
    nj_linear *slot = nj_t5_walk_slot(walk, model);
    size_t N = walk->shape[0];
    size_t K = walk->shape[1];
    if (walk->packing != NJ_T5_PACK_HEADS && wants_pack(walk, model->kernels)) {
        nj_weights_open_linear(model->kernels, claim, values, N, K, slot);
        return;
    }
    *slot = (nj_linear){.weight = values, .N = N, .K = K};
    size_t E = model->config.E;
    nj_linear *heads = model->decoder.blocks[walk->slot_block].cross_v_heads;
    for (size_t h = 0; h < model->config.H && walk->packing == NJ_T5_PACK_HEADS; h++) {
        nj_weights_open_linear(model->kernels, claim, values + h * E * K, E, K, &heads[h]);
    }
}

static nj_status open_embedding(nj_t5 *model, nj_claim *claim, const nj_tensor_set *weights,
                                nj_error *err)
{
    const size_t shape[] = {model->config.V, model->config.D};
    nj_status status = nj_weights_find(weights, NJ_T5_EMBEDDING, shape, 2, &model->embedding, err);
    const float *head = model->embedding;
    if (status != NJ_OK || model->config.decoder_layers == 0) {
        return status;
    }
    if (nj_tensor_set_find(weights, NJ_T5_HEAD) != NULL) {
        status = nj_weights_find(weights, NJ_T5_HEAD, shape, 2, &head, err);
    }
    if (status == NJ_OK) {
        nj_weights_open_linear(model->kernels, claim, head, model->config.V, model->config.D,
                               &model->head);
    }
    return status;
}

static nj_status open_words(nj_t5 *model, const nj_tensor_set *weights, nj_error *err)
{
    model->word_count = nj_t5_word_count(weights);
    const size_t shape[] = {model->word_count, model->config.D};
    return nj_tensor_set_find(weights, NJ_T5_WORDS) == NULL
               ? NJ_OK
               : nj_weights_find(weights, NJ_T5_WORDS, shape, 2, &model->words, err);
}

static nj_status open_tensors(nj_t5 *model, nj_claim *claim, const nj_tensor_set *weights,
                              nj_error *err)
{
    nj_status status = open_embedding(model, claim, weights, err);
    if (status == NJ_OK) {
        status = open_words(model, weights, err);
    }
    nj_t5_walk walk = nj_t5_walk_begin(&model->config);
    while (status == NJ_OK && nj_t5_walk_next(&walk)) {
        const float *values = NULL;
        status = nj_weights_find(weights, walk.name, walk.shape, walk.dim_count, &values, err);
        if (status == NJ_OK && walk.is_linear) {
            open_walked(model, claim, &walk, values);
        } else if (status == NJ_OK) {
            const float **slot = nj_t5_walk_slot(&walk, model);
            *slot = values;
        }
    }
    return status;
}

// The config alone may ask for any memory; tensors of its shapes are bytes that are there.
static nj_status check_shapes(const nj_t5_config *config, const nj_tensor_set *weights,
                              nj_error *err)
{
    const size_t shape[] = {config->V, config->D};
    const nj_tensor *tensor;
    nj_status status = nj_tensor_set_expect(weights, NJ_T5_EMBEDDING, shape, 2, &tensor, err);
    nj_t5_walk walk = nj_t5_walk_begin(config);
    while (status == NJ_OK && nj_t5_walk_next(&walk)) {
        status = nj_tensor_set_expect(weights, walk.name, walk.shape, walk.dim_count, &tensor, err);
    }
    return status;
}

nj_status nj_t5_open(const nj_t5_config *config, const nj_tensor_set *weights,
                     const nj_kernels *kernels, nj_savings savings, nj_t5 **out, nj_error *err)
{
    nj_status status = check_shapes(config, weights, err);
    if (status != NJ_OK) {
        return status;
    }
    size_t bytes = plan_arena(config, kernels, savings);
    nj_t5 *model = calloc(1, sizeof *model);
    if (model == NULL || bytes == SIZE_MAX) {
        free(model);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the model's packed weights");
    }
    model->config = *config;
    model->kernels = kernels;
    model->output_scale = (float)(1.0 / sqrt((double)config->D));
    nj_t5_set_rows(model);

    status = nj_arena_init(&model->arena, bytes, err);
    if (status != NJ_OK) {
        goto done;
    }
    nj_claim claim = {.arena = &model->arena};
    claim_blocks(model, &claim);
    nj_t5_claim_tables(model, savings, &claim);
    status = open_tensors(model, &claim, weights, err);
    if (status != NJ_OK) {
        goto done;
    }
    nj_t5_bias_fill(model);
    status = nj_t5_fill_tables(model, err);
    if (status != NJ_OK) {
        goto done;
    }
    *out = model;
    model = NULL;
done:
    nj_t5_close(&model);
    return status;
}

void nj_t5_close(nj_t5 **model)
{
    if (*model != NULL) {
        nj_arena_fini(&(*model)->arena);
        free(*model);
        *model = NULL;
    }
}
