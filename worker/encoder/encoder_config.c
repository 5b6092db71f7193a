#include <inttypes.h>
#include <string.h>

#include "common/base/file.h"
#include "common/codec/json.h"
#include "worker/encoder/encoder_internal.h"

#define FILE_BYTES_MAX ((size_t)16 << 20)

nj_status nj_encoder_load_json(const char *folder, const char *name, nj_path *out_path,
                               json_t **out, nj_error *err)
{
    nj_status status = nj_path_join(folder, name, out_path, err);
    return status == NJ_OK ? nj_json_load(out_path->text, FILE_BYTES_MAX, out, err) : status;
}

nj_status nj_encoder_load_json_if_there(const char *folder, const char *name, nj_path *out_path,
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

static nj_status read_bert(const json_t *json, const char *what, nj_encoder_config *config,
                           nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, json, what, err);
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

static nj_status read_t5(const json_t *json, const char *what, nj_encoder_config *config,
                         nj_error *err)
{
    const nj_status status = nj_t5_config_read(json, what, &config->t5, err);
    config->t5.decoder_layers = 0;
    config->D = config->t5.D;
    config->V = config->t5.V;
    config->position_count = NJ_ENCODER_POSITIONS_MAX; // its positions are relative
    return status;
}

static nj_status read_model(const json_t *json, const char *what, nj_encoder_config *config,
                            nj_error *err)
{
    const char *type = json_string_value(json_object_get(json, "model_type"));
    if (type == NULL || (strcmp(type, "bert") != 0 && strcmp(type, NJ_T5_MODEL_TYPE) != 0)) {
        return nj_fail(err, NJ_INPUT,
                       "%s: \"model_type\" is \"%.80s\", only \"bert\" and \"" NJ_T5_MODEL_TYPE
                       "\" are known",
                       what, type == NULL ? "" : type);
    }
    config->kind = type[0] == 'b' ? NJ_ENCODER_BERT : NJ_ENCODER_T5;
    return config->kind == NJ_ENCODER_BERT ? read_bert(json, what, config, err)
                                           : read_t5(json, what, config, err);
}

// ---- what stands before a text, and how long it may be ----

static nj_status check_prompt(const char *folder, nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
    nj_status status = nj_encoder_load_json_if_there(folder, "config_sentence_transformers.json",
                                                     &path, &json, err);
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

// sentence_bert_config.json's number; 0: it does not say.
static nj_status read_told_length(const char *folder, int64_t most, int64_t *out, nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
    nj_json_keys keys;
    *out = 0;
    nj_status status =
        nj_encoder_load_json_if_there(folder, "sentence_bert_config.json", &path, &json, err);
    if (status != NJ_OK || json == NULL) {
        return status;
    }
    nj_json_keys_open(&keys, json, path.text, err);
    *out = nj_json_int_or(&keys, "max_seq_length", 2, most, 0);
    if (nj_json_bool_or(&keys, "do_lower_case", false) && keys.status == NJ_OK) {
        keys.status = nj_fail(err, NJ_INPUT,
                              "%s: \"do_lower_case\" is true: texts would be changed before the "
                              "tokenizer; set it there, and false here",
                              path.text);
    }
    json_decref(json);
    return keys.status;
}

// The tokenizer's number, at most `most`; files that know no limit say 10^30.
static nj_status read_tokenizer_length(const char *folder, int64_t most, int64_t *out,
                                       nj_error *err)
{
    nj_path path;
    json_t *json = NULL;
    nj_json_keys keys;
    *out = most;
    nj_status status = nj_path_join(folder, "tokenizer_config.json", &path, err);
    if (status == NJ_OK && nj_file_exists(path.text)) {
        status = nj_json_load_real(path.text, FILE_BYTES_MAX, &json, err);
    }
    if (status != NJ_OK || json == NULL) {
        return status;
    }
    nj_json_keys_open(&keys, json, path.text, err);
    const double told = nj_json_real_or(&keys, "model_max_length", (double)most);
    if (keys.status == NJ_OK && !(told >= 2)) {
        keys.status = nj_fail(err, NJ_INPUT, "%s: \"model_max_length\" is %g, must be 2 or more",
                              path.text, told);
    }
    *out = told < (double)most ? (int64_t)told : most;
    json_decref(json);
    return keys.status;
}

static nj_status read_lengths(const char *folder, nj_encoder_config *config, nj_error *err)
{
    int64_t told;
    nj_status status = read_told_length(folder, config->position_count, &told, err);
    if (status == NJ_OK && told == 0) {
        status = read_tokenizer_length(folder, config->position_count, &told, err);
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
    nj_status status = nj_encoder_load_json(folder, "config.json", &path, &json, err);
    if (status == NJ_OK) {
        status = read_model(json, path.text, &config, err);
    }
    if (status == NJ_OK) {
        config.width = config.D;
        status = nj_encoder_read_modules(folder, &config, err);
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
