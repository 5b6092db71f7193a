#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/encoder/encoder_internal.h"

#define PREFIX "bert." // of a checkpoint that has a head too
#define LAYERS "encoder.layer."

static size_t plan_arena(const nj_encoder_config *config, const nj_kernels *kernels)
{
    nj_claim claim = {0};
    nj_linear none;
    nj_claim_bytes(&claim, 1, config->layers, sizeof(nj_encoder_layer));
    nj_encoder_walk walk = nj_encoder_walk_begin(config);
    while (nj_encoder_walk_next(&walk)) {
        if (walk.is_linear) {
            nj_weights_open_linear(kernels, &claim, NULL, walk.shape[0], walk.shape[1], &none);
        }
    }
    return claim.bytes;
}

// ---- out of the checkpoint ----

static const char *find_prefix(const nj_tensor_set *tensors)
{
    return nj_tensor_set_find(tensors, PREFIX "embeddings.word_embeddings.weight") != NULL ? PREFIX
                                                                                           : "";
}

static nj_status want_all(nj_weights_list *list, const nj_encoder_config *config,
                          const nj_tensor_set *tensors, nj_error *err)
{
    const char *prefix = find_prefix(tensors);
    nj_status status = NJ_OK;
    nj_encoder_walk walk = nj_encoder_walk_begin(config);
    while (status == NJ_OK && nj_encoder_walk_next(&walk)) {
        char stored[NJ_WEIGHT_NAME_BYTES + sizeof PREFIX];
        snprintf(stored, sizeof stored, "%s%s", prefix, walk.name);
        status = nj_weights_want(list, tensors, stored, walk.name, walk.shape, walk.dim_count, err);
    }
    return status;
}

static bool is_wanted(const nj_weights_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

// Of a layer every tensor means something: one that this model has no place for belongs to another architecture.
static nj_status check_unknown(const nj_weights_list *list, const nj_tensor_set *tensors,
                               nj_error *err)
{
    const size_t prefix = strlen(find_prefix(tensors));
    for (size_t i = 0; i < nj_tensor_set_count(tensors); i++) {
        const nj_tensor *tensor = nj_tensor_set_at(tensors, i);
        const char *name = strlen(tensor->name) > prefix ? tensor->name + prefix : "";
        if (strncmp(name, LAYERS, strlen(LAYERS)) == 0 && !is_wanted(list, name)) {
            return nj_fail(err, NJ_INPUT,
                           "%s: tensor \"%s\" has no place in the model that config.json describes",
                           tensor->file, tensor->name);
        }
    }
    return NJ_OK;
}

static nj_status read_section(nj_encoder *encoder, const nj_tensor_set *tensors, nj_error *err)
{
    nj_weights_list list = {0};
    nj_status status = nj_weights_init(nj_encoder_tensor_count(&encoder->config), &list, err);
    if (status == NJ_OK) {
        status = want_all(&list, &encoder->config, tensors, err);
    }
    if (status == NJ_OK) {
        status = check_unknown(&list, tensors, err);
    }
    if (status == NJ_OK) {
        status = nj_weights_write(&list, &encoder->section, err);
    }
    if (status == NJ_OK) {
        status = nj_tensor_set_open_bytes(encoder->section.bytes, encoder->section.size,
                                          "the model's weights", &encoder->weights, err);
    }
    nj_weights_fini(&list);
    return status;
}

// ---- into the model ----

static nj_status open_tensors(nj_encoder *encoder, nj_claim *claim, nj_error *err)
{
    nj_status status = NJ_OK;
    nj_encoder_walk walk = nj_encoder_walk_begin(&encoder->config);
    while (status == NJ_OK && nj_encoder_walk_next(&walk)) {
        const float *values = NULL;
        status =
            nj_weights_find(encoder->weights, walk.name, walk.shape, walk.dim_count, &values, err);
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

nj_status nj_encoder_open(const nj_encoder_config *config, const nj_tensor_set *tensors,
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
    nj_buffer_init(&encoder->section, SIZE_MAX / 2);
    nj_status status = read_section(encoder, tensors, err);
    if (status == NJ_OK) {
        status = nj_arena_init(&encoder->arena, plan_arena(config, kernels), err);
    }
    if (status == NJ_OK) {
        nj_claim claim = {.arena = &encoder->arena};
        encoder->layers = nj_claim_bytes(&claim, 1, config->layers, sizeof *encoder->layers);
        status = open_tensors(encoder, &claim, err);
    }
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
        nj_tensor_set_close(&(*encoder)->weights);
        nj_buffer_fini(&(*encoder)->section);
        nj_arena_fini(&(*encoder)->arena);
        free(*encoder);
        *encoder = NULL;
    }
}
