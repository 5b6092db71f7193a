#include <stdlib.h>
#include <string.h>

#include "worker/decoder_only/lm_internal.h"

// All but the weights: what depends on sizes alone.
static void claim_tables(nj_lm *model, nj_claim *claim)
{
    const nj_lm_config *config = &model->config;
    const size_t width = nj_lm_key_width(config);
    model->layers = nj_claim_bytes(claim, 1, config->layers, sizeof *model->layers);
    model->cosines = nj_claim_floats(claim, 1, model->position_max, config->E / 2);
    model->sines = nj_claim_floats(claim, 1, model->position_max, config->E / 2);
    const size_t columns = model->prefix_count > 0 ? nj_lm_columns_max(model->prefix_count, 1) : 0;
    model->prefix_keys = nj_claim_floats(claim, config->layers, columns, width);
    model->prefix_values = nj_claim_floats(claim, config->layers, model->prefix_count, width);
}

static size_t plan_arena(const nj_lm_config *config, const nj_kernels *kernels,
                         uint32_t prefix_count, uint32_t position_max)
{
    nj_lm draft = {.config = *config, .prefix_count = prefix_count, .position_max = position_max};
    nj_claim claim = {0};
    nj_linear none;
    claim_tables(&draft, &claim);
    nj_weights_open_linear(kernels, &claim, NULL, config->V, config->D, &none);
    nj_lm_walk walk = nj_lm_walk_begin(config);
    while (nj_lm_walk_next(&walk)) {
        if (walk.is_linear) {
            nj_weights_open_linear(kernels, &claim, NULL, walk.shape[0], walk.shape[1], &none);
        }
    }
    return claim.bytes;
}

size_t nj_lm_model_bytes(const nj_lm_config *config, const nj_kernels *kernels,
                         uint32_t prefix_count, uint32_t position_max)
{
    size_t bytes;
    return nj_add_size(sizeof(nj_lm), plan_arena(config, kernels, prefix_count, position_max),
                       &bytes)
               ? bytes
               : SIZE_MAX;
}

static nj_status open_embedding(nj_lm *model, nj_claim *claim, const nj_tensor_set *weights,
                                nj_error *err)
{
    const size_t shape[] = {model->config.V, model->config.D};
    nj_status status = nj_weights_find(weights, NJ_LM_EMBEDDING, shape, 2, &model->embedding, err);
    const float *head = model->embedding;
    if (status == NJ_OK && nj_tensor_set_find(weights, NJ_LM_HEAD) != NULL) {
        status = nj_weights_find(weights, NJ_LM_HEAD, shape, 2, &head, err);
    }
    if (status == NJ_OK) {
        nj_weights_open_linear(model->kernels, claim, head, model->config.V, model->config.D,
                               &model->head);
    }
    return status;
}

static nj_status open_tensors(nj_lm *model, nj_claim *claim, const nj_tensor_set *weights,
                              nj_error *err)
{
    nj_status status = open_embedding(model, claim, weights, err);
    nj_lm_walk walk = nj_lm_walk_begin(&model->config);
    while (status == NJ_OK && nj_lm_walk_next(&walk)) {
        if (!nj_lm_walk_wants(&walk, weights)) {
            continue;
        }
        const float *values = NULL;
        status = nj_weights_find(weights, walk.name, walk.shape, walk.dim_count, &values, err);
        if (status == NJ_OK && walk.is_linear) {
            nj_weights_open_linear(model->kernels, claim, values, walk.shape[0], walk.shape[1],
                                   nj_lm_walk_slot(&walk, model));
        } else if (status == NJ_OK) {
            const float **slot = nj_lm_walk_slot(&walk, model);
            *slot = values;
        }
    }
    return status;
}

// The config alone may ask for any memory; tensors of its shapes are bytes that are there.
static nj_status check_shapes(const nj_lm_config *config, const nj_tensor_set *weights,
                              nj_error *err)
{
    const size_t shape[] = {config->V, config->D};
    const nj_tensor *tensor;
    nj_status status = nj_tensor_set_expect(weights, NJ_LM_EMBEDDING, shape, 2, &tensor, err);
    nj_lm_walk walk = nj_lm_walk_begin(config);
    while (status == NJ_OK && nj_lm_walk_next(&walk)) {
        if (nj_lm_walk_wants(&walk, weights)) {
            status =
                nj_tensor_set_expect(weights, walk.name, walk.shape, walk.dim_count, &tensor, err);
        }
    }
    return status;
}

static nj_status check_positions(const nj_lm_config *config, uint32_t position_max, nj_error *err)
{
    if (position_max > config->position_max || position_max > NJ_LM_POSITIONS_MAX) {
        return nj_fail(err, NJ_CONFIG,
                       "prompts of %u positions with their SIDs, the model was made for %u",
                       position_max, config->position_max);
    }
    return NJ_OK;
}

nj_status nj_lm_open(const nj_lm_config *config, const nj_tensor_set *weights,
                     const nj_kernels *kernels, const uint32_t *prefix, uint32_t prefix_count,
                     uint32_t position_max, const nj_lm_vectors *vectors, nj_lm **out,
                     nj_error *err)
{
    nj_status status = check_positions(config, position_max, err);
    if (status == NJ_OK) {
        status = nj_lm_vectors_check(config, vectors, err);
    }
    if (status == NJ_OK) {
        status = check_shapes(config, weights, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    const size_t bytes = plan_arena(config, kernels, prefix_count, position_max);
    nj_lm *model = calloc(1, sizeof *model);
    if (model == NULL || bytes == SIZE_MAX) {
        free(model);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the model's packed weights");
    }
    model->config = *config;
    model->kernels = kernels;
    model->position_max = position_max;
    model->prefix_count = prefix_count;
    model->vectors = vectors != NULL ? *vectors : (nj_lm_vectors){0};
    nj_lm_set_rows(model);
    status = nj_arena_init(&model->arena, bytes, err);
    if (status != NJ_OK) {
        goto done;
    }
    nj_claim claim = {.arena = &model->arena};
    claim_tables(model, &claim);
    memset(model->layers, 0,
           config->layers * sizeof *model->layers); // what is optional is not there
    status = open_tensors(model, &claim, weights, err);
    if (status != NJ_OK) {
        goto done;
    }
    nj_rope_fill(&config->rope, config->E, position_max, model->cosines, model->sines);
    status = nj_lm_fill_prefix(model, prefix, err);
    if (status != NJ_OK) {
        goto done;
    }
    *out = model;
    model = NULL;
done:
    nj_lm_close(&model);
    return status;
}

void nj_lm_close(nj_lm **model)
{
    if (*model != NULL) {
        nj_arena_fini(&(*model)->arena);
        free(*model);
        *model = NULL;
    }
}
