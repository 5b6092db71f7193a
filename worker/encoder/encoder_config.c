#include <inttypes.h>
#include <string.h>

#include "common/base/file.h"
#include "common/codec/json.h"
#include "worker/encoder/encoder_internal.h"

#define FILE_BYTES_MAX ((size_t)16 << 20)
#define MODULES_MAX 16

static nj_status load(const char *folder, const char *name, nj_path *out_path, json_t **out,
                      nj_error *err)
{
    nj_status status = nj_path_join(folder, name, out_path, err);
    return status == NJ_OK ? nj_json_load(out_path->text, FILE_BYTES_MAX, out, err) : status;
}

// *out stays NULL where the file is not there.
static nj_status load_if_there(const char *folder, const char *name, nj_path *out_path,
                               json_t **out, nj_error *err)
{
    nj_status status = nj_path_join(folder, name, out_path, err);
    if (status != NJ_OK || !nj_file_exists(out_path->text)) {
        return status;
    }
    return nj_json_load(out_path->text, FILE_BYTES_MAX, out, err);
}

// ---- config.json ----

static uint32_t read_size(nj_json_keys *keys, const char *key, int64_t most)
{
    return (uint32_t)nj_json_int(keys, key, 1, most);
}

static void check_word(nj_json_keys *keys, const char *key, const char *fallback, const char *word)
{
    const char *got = nj_json_text_or(keys, key, fallback);
    if (keys->status == NJ_OK && strcmp(got, word) != 0) {
        keys->status = nj_fail(keys->err, NJ_INPUT, "%s: \"%s\" is \"%s\", only \"%s\" is known",
                               keys->what, key, got, word);
    }
}

static void read_epsilon(nj_json_keys *keys, nj_encoder_config *config)
{
    const double epsilon = nj_json_real_or(keys, "layer_norm_eps", 1e-12);
    config->epsilon = (float)epsilon;
    if (keys->status == NJ_OK && !(config->epsilon > 0.0f && epsilon <= 1.0)) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"layer_norm_eps\" is %g, must be above 0 and at most 1",
                               keys->what, epsilon);
    }
}

static nj_status read_model(const json_t *json, const char *what, nj_encoder_config *config,
                            nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, json, what, err);
    check_word(&keys, "model_type", "", "bert");
    check_word(&keys, "hidden_act", "gelu", "gelu");
    check_word(&keys, "position_embedding_type", "absolute", "absolute");
    config->D = read_size(&keys, "hidden_size", NJ_ENCODER_WIDTH_MAX);
    config->H = read_size(&keys, "num_attention_heads", NJ_ENCODER_WIDTH_MAX);
    config->F = read_size(&keys, "intermediate_size", NJ_ENCODER_WIDTH_MAX);
    config->V = read_size(&keys, "vocab_size", NJ_ENCODER_VOCABULARY_MAX);
    config->layers = read_size(&keys, "num_hidden_layers", NJ_ENCODER_LAYERS_MAX);
    config->position_count = read_size(&keys, "max_position_embeddings", NJ_ENCODER_POSITIONS_MAX);
    config->type_count = (uint32_t)nj_json_int_or(&keys, "type_vocab_size", 1, UINT16_MAX, 2);
    read_epsilon(&keys, config);
    if (keys.status == NJ_OK && config->D % config->H != 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: \"hidden_size\" %u is no multiple of \"num_attention_heads\" %u", what,
                       config->D, config->H);
    }
    config->E = keys.status == NJ_OK ? config->D / config->H : 0;
    return keys.status;
}

// ---- modules.json ----

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
        status = load(inside.text, "config.json", &path, &json, err);
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

static nj_status read_module(const char *folder, const char *what, const json_t *module,
                             size_t index, nj_encoder_config *config, nj_error *err)
{
    static const char *const ORDER[] = {"Transformer", "Pooling", "Normalize"};
    const char *class = find_class(module);
    const char *part = json_string_value(json_object_get(module, "path"));
    if (index >= sizeof ORDER / sizeof ORDER[0] || strcmp(class, ORDER[index]) != 0) {
        return nj_fail(
            err, NJ_INPUT,
            "%s: module %zu is \"%s\"; known is Transformer, then Pooling, then Normalize "
            "or nothing",
            what, index, class);
    }
    if (part == NULL || (index == 0 && part[0] != '\0')) {
        return nj_fail(err, NJ_INPUT, "%s: module %zu has \"path\" \"%s\", must be \"%s\"", what,
                       index, part == NULL ? "" : part, index == 0 ? "" : "a folder's name");
    }
    if (index == 1) {
        return read_pooling(folder, part, config, err);
    }
    config->is_normalised = config->is_normalised || index == 2;
    return NJ_OK;
}

static nj_status read_modules(const char *folder, nj_encoder_config *config, nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
    nj_status status = load_if_there(folder, "modules.json", &path, &json, err);
    if (status != NJ_OK || json == NULL) {
        return status;
    }
    const size_t count = json_array_size(json);
    if (count < 2 || count > MODULES_MAX) {
        status = nj_fail(err, NJ_INPUT, "%s: has %zu modules, must be an array of 2 or 3",
                         path.text, count);
    }
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        status = read_module(folder, path.text, json_array_get(json, i), i, config, err);
    }
    json_decref(json);
    return status;
}

// ---- what stands before a text, and how long it may be ----

static nj_status check_prompt(const char *folder, nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
    nj_status status =
        load_if_there(folder, "config_sentence_transformers.json", &path, &json, err);
    if (status != NJ_OK || json == NULL) {
        return status;
    }
    const char *name = json_string_value(json_object_get(json, "default_prompt_name"));
    const char *prompt =
        name != NULL ? json_string_value(json_object_get(json_object_get(json, "prompts"), name))
                     : NULL;
    if (prompt != NULL && prompt[0] != '\0') {
        status =
            nj_fail(err, NJ_INPUT,
                    "%s: \"default_prompt_name\" is \"%s\": put its prompt into the texts, and "
                    "null here",
                    path.text, name);
    }
    json_decref(json);
    return status;
}

// The key's number in a file of the folder, 0 where file or key are not there.
static nj_status read_length(const char *folder, const char *file, const char *key, int64_t most,
                             int64_t *out, nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
    nj_json_keys keys;
    *out = 0;
    nj_status status = load_if_there(folder, file, &path, &json, err);
    if (status != NJ_OK || json == NULL) {
        return status;
    }
    nj_json_keys_open(&keys, json, path.text, err);
    *out = nj_json_int_or(&keys, key, 2, most, 0);
    if (keys.status == NJ_OK && nj_json_bool_or(&keys, "do_lower_case", false) &&
        strcmp(key, "max_seq_length") == 0) {
        keys.status = nj_fail(err, NJ_INPUT,
                              "%s: \"do_lower_case\" is true: texts would be changed before the "
                              "tokenizer; set it there, and false here",
                              path.text);
    }
    json_decref(json);
    return keys.status;
}

static nj_status read_lengths(const char *folder, nj_encoder_config *config, nj_error *err)
{
    int64_t told;
    int64_t tokenizer_most = 0;
    nj_status status = read_length(folder, "sentence_bert_config.json", "max_seq_length",
                                   config->position_count, &told, err);
    if (status == NJ_OK && told == 0) {
        status = read_length(folder, "tokenizer_config.json", "model_max_length", INT64_MAX,
                             &tokenizer_most, err);
        told = tokenizer_most > 0 && tokenizer_most < config->position_count
                   ? tokenizer_most
                   : config->position_count;
    }
    config->tokens_max = (uint32_t)told;
    if (status == NJ_OK && config->tokens_max < 2) {
        return nj_fail(err, NJ_INPUT, "%s: texts of %u tokens, must be 2 or more", folder,
                       config->tokens_max);
    }
    return status;
}

nj_status nj_encoder_config_load(const char *folder, nj_encoder_config *out, nj_error *err)
{
    nj_encoder_config config = {.pooling = NJ_POOLING_MEAN};
    nj_path path;
    json_t *json = NULL;
    nj_status status = load(folder, "config.json", &path, &json, err);
    if (status == NJ_OK) {
        status = read_model(json, path.text, &config, err);
    }
    if (status == NJ_OK) {
        status = read_modules(folder, &config, err);
    }
    if (status == NJ_OK) {
        status = check_prompt(folder, err);
    }
    if (status == NJ_OK) {
        status = read_lengths(folder, &config, err);
    }
    if (status == NJ_OK) {
        *out = config;
    }
    json_decref(json);
    return status;
}
