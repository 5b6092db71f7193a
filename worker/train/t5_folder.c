#include "worker/train/t5_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/catalogue/trained_on.h"
#include "common/codec/json.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define WEIGHTS_BYTES_MAX ((size_t)1 << 42)
#define EOS 1u // of T5; free where the items' tokens begin behind it

// ---- config.json ----

static nj_status add_trained_on(json_t *config, const nj_t5_folder *folder, nj_error *err)
{
    char text[NJ_TRAINED_ON_BYTES];
    nj_buffer template;
    json_t *parsed = NULL;
    json_t *trained = NULL;
    nj_trained_on_write(folder->catalogue, text);
    nj_buffer_init(&template, CONFIG_BYTES_MAX);
    nj_status status = nj_template_write(folder->template, &template) == NJ_OK
                           ? nj_json_parse(text, strlen(text), "nightjar", &trained, err)
                           : nj_fail(err, NJ_NO_MEMORY, "no memory for a template");
    if (status == NJ_OK) {
        status =
            nj_json_parse((const char *)template.bytes, template.size, "template", &parsed, err);
    }
    if (status == NJ_OK) {
        json_object_set(trained, "template", parsed);
        json_object_set_new(trained, "history_max", json_integer(folder->history_max));
        json_object_set(config, NJ_TRAINED_ON_KEY, trained);
    }
    json_decref(parsed);
    json_decref(trained);
    nj_buffer_fini(&template);
    return status;
}

static json_t *pack_config(const nj_t5_folder *folder)
{
    const nj_t5_config *c = folder->config;
    json_t *config = json_pack(
        "{s:[s], s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:s, s:b, "
        "s:b, s:b, s:I, s:I, s:s}",
        "architectures", "T5ForConditionalGeneration", "model_type", "t5", "is_encoder_decoder", 1,
        "d_model", (json_int_t)c->D, "d_kv", (json_int_t)c->E, "d_ff", (json_int_t)c->F,
        "num_heads", (json_int_t)c->H, "num_layers", (json_int_t)c->encoder_layers,
        "num_decoder_layers", (json_int_t)c->decoder_layers, "vocab_size", (json_int_t)c->V,
        "relative_attention_num_buckets", (json_int_t)c->R, "relative_attention_max_distance",
        (json_int_t)c->distance_max, "layer_norm_epsilon", 1e-6, "dropout_rate", folder->dropout,
        "initializer_factor", folder->initializer_factor, "feed_forward_proj",
        c->gated ? "gated-gelu" : "relu", "tie_word_embeddings", !folder->untied,
        "scale_decoder_outputs", c->scale_outputs, "use_cache", 1, "pad_token_id", (json_int_t)0,
        "decoder_start_token_id", (json_int_t)c->start_token, "dtype", "float32");
    if (config != NULL && folder->catalogue->token_base > EOS) {
        json_object_set_new(config, "eos_token_id", json_integer(EOS));
    } else if (config != NULL) {
        json_object_set_new(config, "eos_token_id", json_null());
    }
    return config;
}

nj_status nj_t5_folder_config(const nj_t5_folder *folder, char **out, nj_error *err)
{
    json_t *config = pack_config(folder);
    nj_status status = config != NULL ? add_trained_on(config, folder, err) : NJ_NO_MEMORY;
    char *text = status == NJ_OK
                     ? json_dumps(config, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(15))
                     : NULL;
    json_decref(config);
    if (text == NULL) {
        return status == NJ_OK || config == NULL
                   ? nj_fail(err, NJ_NO_MEMORY, "no memory for a model's configuration")
                   : status;
    }
    *out = text;
    return NJ_OK;
}

// ---- the files ----

// Every item has L tokens, and no sequence ends before.
static nj_status write_generation(const nj_train_t5 *model, uint32_t level_count, const char *path,
                                  nj_error *err)
{
    nj_buffer text;
    nj_buffer_init(&text, CONFIG_BYTES_MAX);
    nj_status status = nj_buffer_printf(
        &text,
        "{\n  \"decoder_start_token_id\": %u,\n  \"max_new_tokens\": %u,\n  \"min_new_tokens\": "
        "%u,\n  \"pad_token_id\": 0\n}\n",
        model->config.start_token, level_count, level_count);
    status = status == NJ_OK ? nj_file_write(path, text.bytes, text.size, err)
                             : nj_fail(err, status, "no memory for %s", path);
    nj_buffer_fini(&text);
    return status;
}

static nj_status write_weights(const nj_train_t5 *model, const char *path, nj_error *err)
{
    nj_buffer bytes;
    nj_buffer_init(&bytes, WEIGHTS_BYTES_MAX);
    nj_status status = nj_train_t5_write(model, &bytes, err);
    if (status == NJ_OK) {
        status = nj_file_write(path, bytes.bytes, bytes.size, err);
    }
    nj_buffer_fini(&bytes);
    return status;
}

// *out_same: the file has this text. Another one is removed.
static nj_status compare_config(const char *path, const char *config, bool *out_same, nj_error *err)
{
    char *old = NULL;
    size_t size = 0;
    *out_same = nj_file_exists(path) &&
                nj_file_read(path, CONFIG_BYTES_MAX, &old, &size, NULL) == NJ_OK &&
                strcmp(old, config) == 0;
    free(old);
    return *out_same || unlink(path) == 0 || errno == ENOENT
               ? NJ_OK
               : nj_fail_errno(err, NJ_IO, errno, "cannot remove %s", path);
}

nj_status nj_t5_folder_write(const nj_train_t5 *model, const char *config, uint32_t level_count,
                             const char *path, nj_error *err)
{
    nj_path config_path;
    nj_path generation_path;
    nj_path weights_path;
    bool same = false;
    nj_status status = nj_path_join(path, "config.json", &config_path, err);
    if (status == NJ_OK) {
        status = nj_path_join(path, "generation_config.json", &generation_path, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(path, "model.safetensors", &weights_path, err);
    }
    if (status == NJ_OK) {
        status = compare_config(config_path.text, config, &same, err);
    }
    if (status == NJ_OK) {
        status = write_weights(model, weights_path.text, err);
    }
    if (status == NJ_OK && !same) {
        status = write_generation(model, level_count, generation_path.text, err);
    }
    if (status == NJ_OK && !same) {
        status = nj_file_write(config_path.text, config, strlen(config), err);
    }
    return status;
}
