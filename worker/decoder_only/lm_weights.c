#include <string.h>

#include "worker/decoder_only/lm_internal.h"

static nj_status want_all(nj_weights_list *list, const nj_lm_config *config,
                          const nj_tensor_set *tensors, nj_error *err)
{
    const size_t vocabulary[] = {config->V, config->D};
    nj_status status =
        nj_weights_want(list, tensors, NJ_LM_EMBEDDING, NJ_LM_EMBEDDING, vocabulary, 2, err);
    if (status == NJ_OK && (config->has_head || nj_tensor_set_find(tensors, NJ_LM_HEAD) != NULL)) {
        status = nj_weights_want(list, tensors, NJ_LM_HEAD, NJ_LM_HEAD, vocabulary, 2, err);
    }
    nj_lm_walk walk = nj_lm_walk_begin(config);
    while (status == NJ_OK && nj_lm_walk_next(&walk)) {
        if (nj_lm_walk_wants(&walk, tensors)) {
            status = nj_weights_want(list, tensors, walk.name, walk.name, walk.shape,
                                     walk.dim_count, err);
        }
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

// Old checkpoints keep the turns of the rotary positions beside the weights.
static bool is_derived(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && strcmp(dot, ".inv_freq") == 0;
}

// Of a layer every tensor means something: one that this model has no place for belongs to another architecture.
static nj_status check_unknown(const nj_weights_list *list, const nj_tensor_set *tensors,
                               nj_error *err)
{
    for (size_t i = 0; i < nj_tensor_set_count(tensors); i++) {
        const nj_tensor *tensor = nj_tensor_set_at(tensors, i);
        if (strncmp(tensor->name, "model.layers.", strlen("model.layers.")) == 0 &&
            !is_derived(tensor->name) && !is_wanted(list, tensor->name)) {
            return nj_fail(err, NJ_INPUT,
                           "%s: tensor \"%s\" has no place in the model that config.json describes",
                           tensor->file, tensor->name);
        }
    }
    return NJ_OK;
}

nj_status nj_lm_weights_convert(const nj_lm_config *config, const nj_tensor_set *tensors,
                                nj_buffer *out, nj_error *err)
{
    nj_weights_list list = {0};
    nj_lm_config wanted = *config;
    nj_status status = nj_lm_projector_read(tensors, &wanted, err);
    if (status == NJ_OK) {
        status = nj_weights_init(nj_lm_tensor_count(&wanted), &list, err);
    }
    if (status == NJ_OK) {
        status = want_all(&list, &wanted, tensors, err);
    }
    if (status == NJ_OK) {
        status = check_unknown(&list, tensors, err);
    }
    if (status == NJ_OK) {
        status = nj_weights_write(&list, out, err);
    }
    nj_weights_fini(&list);
    return status;
}
