#include <inttypes.h>
#include <string.h>

#include "common/codec/json.h"
#include "worker/t5/t5.h"

#define ARCHITECTURE "T5ForConditionalGeneration"

static bool lists_architecture(const json_t *json)
{
    const json_t *list = json_object_get(json, "architectures");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name != NULL && strcmp(name, ARCHITECTURE) == 0) {
            return true;
        }
    }
    return false;
}

static void check_model_type(nj_json_keys *keys)
{
    const char *type = nj_json_text_or(keys, "model_type", NULL);
    if (keys->status != NJ_OK) {
        return;
    }
    if (type == NULL && !lists_architecture(keys->object)) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"model_type\" is missing and \"architectures\" does not name "
                               "\"" ARCHITECTURE "\"",
                               keys->what);
    } else if (type != NULL && strcmp(type, NJ_T5_MODEL_TYPE) != 0) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"model_type\" is \"%.80s\", must be \"" NJ_T5_MODEL_TYPE "\"",
                               keys->what, type);
    }
}

static uint32_t read_size(nj_json_keys *keys, const char *key, int64_t most)
{
    return (uint32_t)nj_json_int(keys, key, 1, most);
}

static uint32_t read_number_or(nj_json_keys *keys, const char *key, int64_t least, int64_t most,
                               int64_t fallback)
{
    return (uint32_t)nj_json_int_or(keys, key, least, most, fallback);
}

static void read_sizes(nj_json_keys *keys, nj_t5_config *config)
{
    config->D = read_size(keys, "d_model", NJ_T5_WIDTH_MAX);
    config->H = read_size(keys, "num_heads", NJ_T5_WIDTH_MAX);
    config->E = read_size(keys, "d_kv", NJ_T5_WIDTH_MAX);
    config->F = read_size(keys, "d_ff", NJ_T5_WIDTH_MAX);
    config->V = read_size(keys, "vocab_size", NJ_T5_VOCABULARY_MAX);
    config->encoder_layers = read_size(keys, "num_layers", NJ_T5_LAYERS_MAX);
    config->decoder_layers =
        read_number_or(keys, "num_decoder_layers", 1, NJ_T5_LAYERS_MAX, config->encoder_layers);
    config->position_max = read_number_or(keys, "n_positions", 0, NJ_T5_POSITIONS_MAX, 0);

    uint64_t inner = (uint64_t)config->H * config->E;
    if (keys->status == NJ_OK && inner > NJ_T5_WIDTH_MAX) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"num_heads\" %" PRIu32 " times \"d_kv\" %" PRIu32
                               " is %" PRIu64 ", must be at most %d",
                               keys->what, config->H, config->E, inner, NJ_T5_WIDTH_MAX);
    }
}

// The decoder's near half has R/2 buckets of one distance each; the far half divides by log(distance_max / (R/2)).
static void read_position_bias(nj_json_keys *keys, nj_t5_config *config)
{
    config->R = read_number_or(keys, "relative_attention_num_buckets", NJ_T5_BUCKETS_MIN,
                               NJ_T5_BUCKETS_MAX, 32);
    config->distance_max =
        read_number_or(keys, "relative_attention_max_distance", 1, NJ_T5_DISTANCE_MAX, 128);
    if (keys->status == NJ_OK && config->distance_max <= config->R / 2) {
        keys->status =
            nj_fail(keys->err, NJ_INPUT,
                    "%s: \"relative_attention_max_distance\" is %" PRIu32
                    ", must be more than half of \"relative_attention_num_buckets\" %" PRIu32,
                    keys->what, config->distance_max, config->R);
    }
}

// transformers stores is_gated_act and dense_act_fn beside feed_forward_proj, which decides; where they say something else,
// the file describes a model that we would compute wrongly.
static void read_activation(nj_json_keys *keys, nj_t5_config *config)
{
    const char *projection = nj_json_text_or(keys, "feed_forward_proj", "relu");
    bool gated = strcmp(projection, "gated-gelu") == 0;
    if (keys->status == NJ_OK && !gated && strcmp(projection, "relu") != 0) {
        keys->status =
            nj_fail(keys->err, NJ_INPUT,
                    "%s: \"feed_forward_proj\" is \"%.80s\", must be \"relu\" or \"gated-gelu\"",
                    keys->what, projection);
    }
    const char *function = gated ? "gelu_new" : "relu";
    const char *stored_function = nj_json_text_or(keys, "dense_act_fn", function);
    bool stored_gated = nj_json_bool_or(keys, "is_gated_act", gated);
    if (keys->status == NJ_OK && strcmp(stored_function, function) != 0) {
        keys->status = nj_fail(
            keys->err, NJ_INPUT,
            "%s: \"dense_act_fn\" is \"%.80s\", but \"feed_forward_proj\" \"%s\" means \"%s\"",
            keys->what, stored_function, projection, function);
    }
    if (keys->status == NJ_OK && stored_gated != gated) {
        keys->status = nj_fail(
            keys->err, NJ_INPUT,
            "%s: \"is_gated_act\" is %s, but \"feed_forward_proj\" \"%s\" means %s", keys->what,
            stored_gated ? "true" : "false", projection, gated ? "true" : "false");
    }
    config->gated = gated;
}

static void read_epsilon(nj_json_keys *keys, nj_t5_config *config)
{
    double epsilon = nj_json_real_or(keys, "layer_norm_epsilon", 1e-6);
    config->epsilon = (float)epsilon;
    if (keys->status == NJ_OK && !(config->epsilon > 0.0f && epsilon <= 1.0)) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"layer_norm_epsilon\" is %g, must be above 0 and at most 1",
                               keys->what, epsilon);
    }
}

// Scaling and tying are separate rules: the head is found among the tensors, whatever tie_word_embeddings says.
static void read_output(nj_json_keys *keys, nj_t5_config *config)
{
    bool tied = nj_json_bool_or(keys, "tie_word_embeddings", true);
    config->scale_outputs = nj_json_bool_or(keys, "scale_decoder_outputs", tied);
    if (keys->status != NJ_OK) {
        return;
    }
    int64_t token_max = (int64_t)config->V - 1;
    uint32_t pad = 0;
    if (!nj_json_has(keys, "decoder_start_token_id")) {
        pad = read_number_or(keys, "pad_token_id", 0, token_max, 0);
    }
    config->start_token = read_number_or(keys, "decoder_start_token_id", 0, token_max, pad);
}

nj_status nj_t5_config_read(const json_t *json, const char *what, nj_t5_config *out, nj_error *err)
{
    nj_t5_config config = {0};
    nj_json_keys keys;
    nj_json_keys_open(&keys, json, what, err);
    check_model_type(&keys);
    read_sizes(&keys, &config);
    read_position_bias(&keys, &config);
    read_activation(&keys, &config);
    read_epsilon(&keys, &config);
    read_output(&keys, &config);
    if (keys.status == NJ_OK) {
        *out = config;
    }
    return keys.status;
}
