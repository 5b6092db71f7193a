// encoder_weights.c - out of the checkpoints of a folder and of its dense layers: one section, and the digest of what it means.
#include <stdio.h>
#include <string.h>

#include "worker/encoder/encoder_internal.h"

#define PREFIX "bert." // of a checkpoint that has a head too
#define BERT_LAYERS "encoder.layer."
#define T5_LAYERS "encoder.block."
#define FILES_MAX (1 + NJ_ENCODER_DENSE_MAX)

// ---- of a checkpoint ----

static const char *find_prefix(const nj_tensor_set *tensors)
{
    return nj_tensor_set_find(tensors, PREFIX "embeddings.word_embeddings.weight") != NULL ? PREFIX
                                                                                           : "";
}

static nj_status want_bert(nj_weights_list *list, const nj_encoder_config *config,
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
                               const char *layers, nj_error *err)
{
    const size_t prefix = strlen(find_prefix(tensors));
    for (size_t i = 0; i < nj_tensor_set_count(tensors); i++) {
        const nj_tensor *tensor = nj_tensor_set_at(tensors, i);
        const char *name = strlen(tensor->name) > prefix ? tensor->name + prefix : "";
        if (strncmp(name, layers, strlen(layers)) == 0 && !is_wanted(list, name)) {
            return nj_fail(err, NJ_INPUT,
                           "%s: tensor \"%s\" has no place in the model that config.json describes",
                           tensor->file, tensor->name);
        }
    }
    return NJ_OK;
}

static nj_status want_model(nj_weights_list *list, const nj_encoder_config *config,
                            const nj_tensor_set *tensors, nj_error *err)
{
    const bool is_t5 = config->kind == NJ_ENCODER_T5;
    const nj_status status = is_t5 ? nj_t5_weights_want(&config->t5, tensors, list, err)
                                   : want_bert(list, config, tensors, err);
    return status == NJ_OK ? check_unknown(list, tensors, is_t5 ? T5_LAYERS : BERT_LAYERS, err)
                           : status;
}

// ---- of a folder ----

static nj_status want_dense(nj_weights_list *list, const nj_encoder_dense_config *dense,
                            uint32_t index, const nj_tensor_set *tensors, nj_error *err)
{
    const size_t shape[] = {dense->out, dense->in};
    char name[NJ_WEIGHT_NAME_BYTES];
    snprintf(name, sizeof name, NJ_ENCODER_DENSE_WEIGHT, index);
    nj_status status = nj_weights_want(list, tensors, "linear.weight", name, shape, 2, err);
    if (status == NJ_OK && dense->has_bias) {
        snprintf(name, sizeof name, NJ_ENCODER_DENSE_BIAS, index);
        status = nj_weights_want(list, tensors, "linear.bias", name, shape, 1, err);
    }
    return status;
}

// The files stay open in sets[1 + dense_count] until the list has been written.
static nj_status want_all(nj_weights_list *list, const nj_encoder_config *config,
                          const char *folder, nj_tensor_set *sets[FILES_MAX], nj_error *err)
{
    nj_status status = nj_tensor_set_open(folder, &sets[0], err);
    if (status == NJ_OK) {
        status = want_model(list, config, sets[0], err);
    }
    for (uint32_t i = 0; status == NJ_OK && i < config->dense_count; i++) {
        nj_path path;
        status = nj_path_join(folder, config->dense[i].folder, &path, err);
        if (status == NJ_OK) {
            status = nj_tensor_set_open(path.text, &sets[1 + i], err);
        }
        if (status == NJ_OK) {
            status = want_dense(list, &config->dense[i], i, sets[1 + i], err);
        }
    }
    return status;
}

nj_status nj_encoder_weights_load(const nj_encoder_config *config, const char *folder,
                                  nj_buffer *out, nj_error *err)
{
    nj_tensor_set *sets[FILES_MAX] = {NULL};
    nj_weights_list list = {0};
    const size_t room = (config->kind == NJ_ENCODER_T5 ? nj_t5_tensor_count(&config->t5)
                                                       : nj_encoder_tensor_count(config)) +
                        2 * (size_t)config->dense_count;
    nj_status status = nj_weights_init(room, &list, err);
    if (status == NJ_OK) {
        status = want_all(&list, config, folder, sets, err);
    }
    if (status == NJ_OK) {
        status = nj_weights_write(&list, out, err);
    }
    nj_weights_fini(&list);
    for (size_t i = 0; i < FILES_MAX; i++) {
        nj_tensor_set_close(&sets[i]);
    }
    return status;
}

// ---- the digest ----

static void digest_config(const nj_encoder_config *c, nj_digester *digester)
{
    const nj_t5_config *t5 = &c->t5;
    const uint64_t numbers[] = {c->kind,
                                c->D,
                                c->V,
                                c->H,
                                c->F,
                                c->layers,
                                c->type_count,
                                c->position_count,
                                t5->H,
                                t5->E,
                                t5->F,
                                t5->R,
                                t5->encoder_layers,
                                t5->distance_max,
                                t5->gated,
                                c->pooling,
                                c->dense_count,
                                c->is_normalised};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        nj_digester_update_u64(digester, numbers[i]);
    }
    nj_digester_update(digester, &c->epsilon, sizeof c->epsilon);
    nj_digester_update(digester, &t5->epsilon, sizeof t5->epsilon);
    for (uint32_t i = 0; i < c->dense_count; i++) {
        nj_digester_update_u64(digester, c->dense[i].activation);
    }
}

nj_digest nj_encoder_digest(const nj_encoder_config *config, nj_slice section,
                            const nj_kernels *kernels)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update_sized(&digester, kernels->numeric_class, strlen(kernels->numeric_class));
    digest_config(config, &digester);
    nj_digester_update_sized(&digester, section.bytes, section.size);
    return nj_digester_final(&digester);
}
