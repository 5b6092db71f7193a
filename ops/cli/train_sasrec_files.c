// train_sasrec_files.c - a SASRec as files.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/codec/json.h"
#include "common/input/npy.h"
#include "ops/cli/train_sasrec.h"

#define CONFIG_NAME "config.json"
#define MODEL_NAME "model.safetensors"
#define VECTORS_NAME "item_vectors.npy"
#define CONFIG_BYTES_MAX 65536
#define MODEL_BYTES_MAX ((size_t)1 << 40)
#define MODEL_TYPE "nightjar-sasrec"

// ---- writing ----

static nj_status write_config(const nj_sasrec_config *c, const nj_digest *items, const char *path,
                              nj_error *err)
{
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(items, hex);
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:b, s:s}", "model_type",
                  MODEL_TYPE, "item_count", (json_int_t)c->N, "hidden_size", (json_int_t)c->D,
                  "num_attention_heads", (json_int_t)c->H, "intermediate_size", (json_int_t)c->F,
                  "num_hidden_layers", (json_int_t)c->layers, "max_position_embeddings",
                  (json_int_t)c->S, "norms", c->norms_after ? "after" : "before", "hidden_act",
                  "relu", "tie_word_embeddings", 1, "items_digest", hex);
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(2)) : NULL;
    json_decref(object);
    if (text == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %s", path);
    }
    nj_status status = nj_file_write(path, text, strlen(text), err);
    free(text);
    return status;
}

static nj_status write_model(const nj_sasrec *model, const char *path, nj_error *err)
{
    nj_buffer bytes;
    nj_buffer_init(&bytes, MODEL_BYTES_MAX);
    nj_status status = nj_sasrec_write(model, &bytes, err);
    if (status == NJ_OK) {
        status = nj_file_write(path, bytes.bytes, bytes.size, err);
    }
    nj_buffer_fini(&bytes);
    return status;
}

nj_status nj_sasrec_files_write(const nj_sasrec *model, const nj_digest *items, const char *folder,
                                nj_error *err)
{
    nj_path path;
    const size_t shape[] = {model->config.N, model->config.D};
    nj_status status = nj_path_join(folder, CONFIG_NAME, &path, err);
    if (status == NJ_OK) {
        status = write_config(&model->config, items, path.text, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(folder, VECTORS_NAME, &path, err);
    }
    if (status == NJ_OK) {
        status = nj_npy_write(path.text, NJ_NPY_F32, shape, 2, model->values + model->items, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(folder, MODEL_NAME, &path, err);
    }
    return status == NJ_OK ? write_model(model, path.text, err) : status;
}

// ---- reading ----

static nj_status read_config(const char *path, const nj_digest *items, nj_sasrec_config *out,
                             nj_error *err)
{
    json_t *object = NULL;
    nj_json_keys keys;
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_status status = nj_json_load(path, CONFIG_BYTES_MAX, &object, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_json_keys_open(&keys, object, path, err);
    *out = (nj_sasrec_config){
        .N = (uint32_t)nj_json_int(&keys, "item_count", 1, NJ_SASREC_ITEMS_MAX),
        .D = (uint32_t)nj_json_int(&keys, "hidden_size", 1, NJ_SASREC_WIDTH_MAX),
        .H = (uint32_t)nj_json_int(&keys, "num_attention_heads", 1, NJ_SASREC_WIDTH_MAX),
        .F = (uint32_t)nj_json_int(&keys, "intermediate_size", 1, NJ_SASREC_DENSE_MAX),
        .layers = (uint32_t)nj_json_int(&keys, "num_hidden_layers", 1, NJ_SASREC_LAYERS_MAX),
        .S = (uint32_t)nj_json_int(&keys, "max_position_embeddings", 1, NJ_SASREC_POSITIONS_MAX),
        .norms_after = strcmp(nj_json_text_or(&keys, "norms", "before"), "after") == 0};
    const char *norms = nj_json_text_or(&keys, "norms", "before");
    nj_digest_hex(items, hex);
    const char *theirs = nj_json_text_or(&keys, "items_digest", "");
    status = keys.status;
    if (status == NJ_OK && strcmp(nj_json_text_or(&keys, "model_type", ""), MODEL_TYPE) != 0) {
        status = nj_fail(err, NJ_INPUT, "%s: no \"model_type\": \"" MODEL_TYPE "\"", path);
    } else if (status == NJ_OK && !out->norms_after && strcmp(norms, "before") != 0) {
        status =
            nj_fail(err, NJ_INPUT, "%s: \"norms\" is \"%s\", must be before or after", path, norms);
    } else if (status == NJ_OK && strcmp(theirs, hex) != 0) {
        status = nj_fail(err, NJ_CONFIG,
                         "%s: the model was trained on other items (digest %.16s..., those of "
                         "--ids have %.16s...): give the file of ids that it was trained with",
                         path, theirs, hex);
    }
    json_decref(object);
    return status;
}

// The file has the values that config.json promises: else a few words in it would take any amount of memory.
static nj_status check_count(const char *path, const nj_tensor_set *tensors,
                             const nj_sasrec_config *config, nj_error *err)
{
    size_t found = 0;
    for (size_t i = 0; i < nj_tensor_set_count(tensors); i++) {
        found += nj_tensor_set_at(tensors, i)->element_count;
    }
    return found >= nj_sasrec_count(config)
               ? NJ_OK
               : nj_fail(err, NJ_INPUT,
                         "%s: %zu values, a model of the sizes in " CONFIG_NAME " has %zu", path,
                         found, nj_sasrec_count(config));
}

static nj_status read_model(const char *path, const nj_sasrec_config *config,
                            const nj_kernels *kernels, nj_sasrec **out, nj_error *err)
{
    nj_tensor_set *tensors = NULL;
    nj_status status = nj_tensor_set_open(path, &tensors, err);
    if (status == NJ_OK) {
        status = check_count(path, tensors, config, err);
    }
    if (status == NJ_OK) {
        status = nj_sasrec_new(config, kernels, 0, out, err);
    }
    if (status == NJ_OK) {
        status = nj_sasrec_read(*out, tensors, err);
    }
    nj_tensor_set_close(&tensors);
    return status;
}

nj_status nj_sasrec_files_read(const char *folder, const nj_digest *items,
                               const nj_kernels *kernels, nj_sasrec **out, nj_error *err)
{
    nj_path path;
    nj_sasrec_config config;
    nj_sasrec *model = NULL;
    nj_status status = nj_path_join(folder, CONFIG_NAME, &path, err);
    if (status == NJ_OK) {
        status = read_config(path.text, items, &config, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(folder, MODEL_NAME, &path, err);
    }
    if (status == NJ_OK) {
        status = read_model(path.text, &config, kernels, &model, err);
    }
    if (status == NJ_OK) {
        *out = model;
        model = NULL;
    }
    nj_sasrec_free(&model);
    return status;
}
