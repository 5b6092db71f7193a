// encoder_modules.c - what becomes of a text's tokens: modules.json, and the folders that it names.
#include <string.h>

#include "common/codec/json.h"
#include "worker/encoder/encoder_internal.h"

#define MODULES_MAX 16

// Of a text's several ways to become one row, those that are switched on.
static void read_old_pooling(nj_json_keys *keys, nj_encoder_config *config)
{
    static const char *const OTHERS[] = {
        "pooling_mode_max_tokens",
        "pooling_mode_mean_sqrt_len_tokens",
        "pooling_mode_weightedmean_tokens",
        "pooling_mode_lasttoken",
    };
    const bool takes_mean = nj_json_bool_or(keys, "pooling_mode_mean_tokens", true);
    const bool takes_cls = nj_json_bool_or(keys, "pooling_mode_cls_token", false);
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        if (nj_json_bool_or(keys, OTHERS[i], false) && keys->status == NJ_OK) {
            keys->status =
                nj_fail(keys->err, NJ_INPUT, "%s: \"%s\" is true; only mean and cls are known",
                        keys->what, OTHERS[i]);
        }
    }
    if (keys->status == NJ_OK && takes_mean == takes_cls) {
        keys->status =
            nj_fail(keys->err, NJ_INPUT,
                    "%s: \"pooling_mode_mean_tokens\" and \"pooling_mode_cls_token\" are "
                    "both %s, must be one of them",
                    keys->what, takes_mean ? "true" : "false");
    }
    config->pooling = takes_cls ? NJ_POOLING_CLS : NJ_POOLING_MEAN;
}

static void read_new_pooling(nj_json_keys *keys, nj_encoder_config *config)
{
    const char *mode = nj_json_text_or(keys, "pooling_mode", "");
    const bool takes_cls = strcmp(mode, "cls") == 0;
    if (keys->status == NJ_OK && !takes_cls && strcmp(mode, "mean") != 0) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"pooling_mode\" is \"%s\", only mean and cls are known",
                               keys->what, mode);
    }
    config->pooling = takes_cls ? NJ_POOLING_CLS : NJ_POOLING_MEAN;
}

static nj_status read_pooling(const char *folder, const char *part, nj_encoder_config *config,
                              nj_error *err)
{
    nj_path inside;
    nj_path path;
    json_t *json = NULL;
    nj_json_keys keys;
    nj_status status = nj_path_join(folder, part, &inside, err);
    if (status == NJ_OK) {
        status = nj_encoder_load_json(inside.text, "config.json", &path, &json, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_json_keys_open(&keys, json, path.text, err);
    if (nj_json_has(&keys, "pooling_mode")) {
        read_new_pooling(&keys, config);
    } else {
        read_old_pooling(&keys, config);
    }
    json_decref(json);
    return keys.status;
}

// The class that a module's type names, without the Python module that it is in.
static const char *find_class(const json_t *module)
{
    const char *type = json_string_value(json_object_get(module, "type"));
    const char *dot = type != NULL ? strrchr(type, '.') : NULL;
    return dot != NULL ? dot + 1 : type != NULL ? type : "";
}

// ---- dense layers ----

static void check_word(nj_json_keys *keys, const char *key, const char *word)
{
    const char *got = nj_json_text_or(keys, key, word);
    if (keys->status == NJ_OK && strcmp(got, word) != 0) {
        keys->status = nj_fail(keys->err, NJ_INPUT, "%s: \"%s\" is \"%.80s\", only \"%s\" is known",
                               keys->what, key, got, word);
    }
}

static nj_dense_activation read_activation(nj_json_keys *keys)
{
    static const char *const NAMES[] = {
        [NJ_DENSE_IDENTITY] = "torch.nn.modules.linear.Identity",
        [NJ_DENSE_TANH] = "torch.nn.modules.activation.Tanh",
        [NJ_DENSE_RELU] = "torch.nn.modules.activation.ReLU",
    };
    const char *name = nj_json_text_or(keys, "activation_function", NAMES[NJ_DENSE_TANH]);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return (nj_dense_activation)i;
        }
    }
    if (keys->status == NJ_OK) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"activation_function\" is \"%.80s\"; known are %s, %s and %s",
                               keys->what, name, NAMES[0], NAMES[1], NAMES[2]);
    }
    return NJ_DENSE_IDENTITY;
}

static nj_status read_dense_keys(const json_t *json, const char *what, uint32_t in,
                                 nj_encoder_dense_config *out, nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, json, what, err);
    out->in = (uint32_t)nj_json_int(&keys, "in_features", 1, NJ_ENCODER_WIDTH_MAX);
    out->out = (uint32_t)nj_json_int(&keys, "out_features", 1, NJ_ENCODER_WIDTH_MAX);
    out->has_bias = nj_json_bool_or(&keys, "bias", true);
    out->activation = read_activation(&keys);
    check_word(&keys, "module_input_name", "sentence_embedding");
    check_word(&keys, "module_output_name", "sentence_embedding");
    if (nj_json_bool_or(&keys, "use_residual", false) && keys.status == NJ_OK) {
        keys.status = nj_fail(err, NJ_INPUT, "%s: \"use_residual\" is true, must be false", what);
    }
    if (keys.status == NJ_OK && out->in != in) {
        keys.status = nj_fail(err, NJ_INPUT, "%s: \"in_features\" is %u, what stands before has %u",
                              what, out->in, in);
    }
    return keys.status;
}

static nj_status read_dense(const char *folder, const char *part, const char *what,
                            nj_encoder_config *config, nj_error *err)
{
    nj_path inside;
    nj_path path;
    json_t *json = NULL;
    if (config->dense_count == NJ_ENCODER_DENSE_MAX || strlen(part) >= NJ_ENCODER_FOLDER_BYTES) {
        return nj_fail(err, NJ_INPUT,
                       "%s: \"%.80s\": at most %d dense layers, with names of at most %d bytes",
                       what, part, NJ_ENCODER_DENSE_MAX, NJ_ENCODER_FOLDER_BYTES - 1);
    }
    nj_status status = nj_path_join(folder, part, &inside, err);
    if (status == NJ_OK) {
        status = nj_encoder_load_json(inside.text, "config.json", &path, &json, err);
    }
    nj_encoder_dense_config *dense = &config->dense[config->dense_count];
    if (status == NJ_OK) {
        status = read_dense_keys(json, path.text, config->width, dense, err);
    }
    if (status == NJ_OK) {
        memcpy(dense->folder, part, strlen(part) + 1);
        config->width = dense->out;
        config->dense_count++;
    }
    json_decref(json);
    return status;
}

// ---- modules.json ----

// Transformer, then Pooling, then Dense any number of times, then Normalize or nothing.
static bool may_stand(const nj_encoder_config *config, size_t index, const char *class)
{
    if (index < 2) {
        return strcmp(class, index == 0 ? "Transformer" : "Pooling") == 0;
    }
    return !config->is_normalised &&
           (strcmp(class, "Dense") == 0 || strcmp(class, "Normalize") == 0);
}

static nj_status read_module(const char *folder, const char *what, const json_t *module,
                             size_t index, nj_encoder_config *config, nj_error *err)
{
    const char *class = find_class(module);
    const char *part = json_string_value(json_object_get(module, "path"));
    if (!may_stand(config, index, class)) {
        return nj_fail(
            err, NJ_INPUT,
            "%s: module %zu is \"%.80s\"; known is Transformer, then Pooling, then Dense "
            "or nothing, then Normalize or nothing",
            what, index, class);
    }
    if (part == NULL || (index == 0 && part[0] != '\0')) {
        return nj_fail(err, NJ_INPUT, "%s: module %zu has \"path\" \"%s\", must be \"%s\"", what,
                       index, part == NULL ? "" : part, index == 0 ? "" : "a folder's name");
    }
    if (index == 1) {
        return read_pooling(folder, part, config, err);
    }
    if (strcmp(class, "Dense") == 0) {
        return read_dense(folder, part, what, config, err);
    }
    config->is_normalised = config->is_normalised || index >= 2;
    return NJ_OK;
}

nj_status nj_encoder_read_modules(const char *folder, nj_encoder_config *config, nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
    nj_status status = nj_encoder_load_json_if_there(folder, "modules.json", &path, &json, err);
    if (status != NJ_OK || json == NULL) {
        return status;
    }
    const size_t count = json_array_size(json);
    if (count < 2 || count > MODULES_MAX) {
        status = nj_fail(err, NJ_INPUT, "%s: has %zu modules, must be an array of 2 to %d",
                         path.text, count, MODULES_MAX);
    }
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        status = read_module(folder, path.text, json_array_get(json, i), i, config, err);
    }
    json_decref(json);
    return status;
}
