#include <string.h>

#include "worker/decoder_only/lm_internal.h"

// A walk over a checkpoint, whose names begin as its embedding's does.
static nj_lm_walk walk_checkpoint(const nj_lm_config *config, const nj_tensor_set *tensors)
{
    const char *bare = &NJ_LM_EMBEDDING[sizeof NJ_LM_MODEL - 1];
    nj_lm_walk walk = nj_lm_walk_begin(config);
    walk.bare = nj_tensor_set_find(tensors, NJ_LM_EMBEDDING) == NULL &&
                nj_tensor_set_find(tensors, bare) != NULL;
    return walk;
}

static nj_status want_embedding(nj_weights_list *list, const nj_lm_config *config,
                                const nj_tensor_set *tensors, const nj_lm_walk *walk, nj_error *err)
{
    const size_t shape[] = {config->V, config->D};
    nj_status status = nj_weights_want(list, tensors, nj_lm_walk_stored(walk, NJ_LM_EMBEDDING),
                                       NJ_LM_EMBEDDING, shape, 2, err);
    if (status == NJ_OK && (config->has_head || nj_tensor_set_find(tensors, NJ_LM_HEAD) != NULL)) {
        status = nj_weights_want(list, tensors, NJ_LM_HEAD, NJ_LM_HEAD, shape, 2, err);
    }
    return status;
}

static nj_status want_all(nj_weights_list *list, const nj_lm_config *config,
                          const nj_tensor_set *tensors, nj_error *err)
{
    nj_lm_walk walk = walk_checkpoint(config, tensors);
    nj_status status = want_embedding(list, config, tensors, &walk, err);
    while (status == NJ_OK && nj_lm_walk_next(&walk)) {
        const char *stored = nj_lm_walk_stored(&walk, walk.name);
        if (!nj_lm_walk_wants(&walk, tensors)) {
            continue;
        }
        if (walk.denied) { // first of layer 0, by which it is known
            status = nj_fail(err, NJ_INPUT,
                             "%s: tensor \"%s\" is there, and config.json says that the model has "
                             "none (\"attention_bias\", \"mlp_bias\", \"model_type\")",
                             nj_tensor_set_find(tensors, stored)->file, stored);
        } else {
            status =
                nj_weights_want(list, tensors, stored, walk.name, walk.shape, walk.dim_count, err);
        }
    }
    return status;
}

static bool is_wanted(const nj_weights_list *list, const nj_tensor *tensor)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].tensor == tensor) {
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

static bool is_of_layer(const char *name)
{
    static const char LAYERS[] = "layers.";
    const size_t words =
        strncmp(name, NJ_LM_MODEL, strlen(NJ_LM_MODEL)) == 0 ? strlen(NJ_LM_MODEL) : 0;
    return strncmp(name + words, LAYERS, strlen(LAYERS)) == 0;
}

// Of a layer every tensor means something: one that this model has no place for belongs to another architecture.
static nj_status check_unknown(const nj_weights_list *list, const nj_tensor_set *tensors,
                               nj_error *err)
{
    for (size_t i = 0; i < nj_tensor_set_count(tensors); i++) {
        const nj_tensor *tensor = nj_tensor_set_at(tensors, i);
        if (is_of_layer(tensor->name) && !is_derived(tensor->name) && !is_wanted(list, tensor)) {
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
