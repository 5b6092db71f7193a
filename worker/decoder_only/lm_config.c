#include <inttypes.h>
#include <string.h>

#include "common/codec/json.h"
#include "worker/decoder_only/lm.h"

static const char *const MODEL_TYPES[] = {"llama", "qwen2", "qwen3"};

static bool is_known(const char *type)
{
    for (size_t i = 0; i < sizeof MODEL_TYPES / sizeof *MODEL_TYPES; i++) {
        if (strcmp(type, MODEL_TYPES[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool nj_lm_knows(const json_t *json)
{
    const char *type = json_string_value(json_object_get(json, "model_type"));
    return type != NULL && is_known(type);
}

static void check_words(nj_json_keys *keys)
{
    const char *type = nj_json_text_or(keys, "model_type", "");
    const char *activation = nj_json_text_or(keys, "hidden_act", "silu");
    if (keys->status == NJ_OK && !is_known(type)) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"model_type\" is \"%.80s\", must be " NJ_LM_MODEL_TYPES,
                               keys->what, type);
    }
    if (keys->status == NJ_OK && strcmp(activation, "silu") != 0) {
        keys->status =
            nj_fail(keys->err, NJ_INPUT, "%s: \"hidden_act\" is \"%.80s\", must be \"silu\"",
                    keys->what, activation);
    }
}

static uint32_t read_size(nj_json_keys *keys, const char *key, int64_t most)
{
    return (uint32_t)nj_json_int(keys, key, 1, most);
}

static void read_heads(nj_json_keys *keys, nj_lm_config *config)
{
    config->H = read_size(keys, "num_attention_heads", NJ_LM_WIDTH_MAX);
    if (keys->status != NJ_OK) {
        return;
    }
    config->G =
        (uint32_t)nj_json_int_or(keys, "num_key_value_heads", 1, NJ_LM_WIDTH_MAX, config->H);
    config->E =
        (uint32_t)nj_json_int_or(keys, "head_dim", 1, NJ_LM_WIDTH_MAX, config->D / config->H);
    if (keys->status != NJ_OK) {
        return;
    }
    if (config->H % config->G != 0) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"num_attention_heads\" %" PRIu32
                               " is no multiple of \"num_key_value_heads\" %" PRIu32,
                               keys->what, config->H, config->G);
    } else if (config->E % 2 != 0 || config->E == 0) {
        keys->status = nj_fail(keys->err, NJ_INPUT, "%s: \"head_dim\" is %" PRIu32 ", must be even",
                               keys->what, config->E);
    } else if ((uint64_t)config->H * config->E > NJ_LM_WIDTH_MAX) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"num_attention_heads\" %" PRIu32 " times \"head_dim\" %" PRIu32
                               " is %" PRIu64 ", must be at most %d",
                               keys->what, config->H, config->E, (uint64_t)config->H * config->E,
                               NJ_LM_WIDTH_MAX);
    }
}

static void read_epsilon(nj_json_keys *keys, nj_lm_config *config)
{
    const double epsilon = nj_json_real_or(keys, "rms_norm_eps", 1e-6);
    config->epsilon = (float)epsilon;
    if (keys->status == NJ_OK && !(config->epsilon > 0.0f && epsilon <= 1.0)) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"rms_norm_eps\" is %g, must be above 0 and at most 1",
                               keys->what, epsilon);
    }
}

// What a checkpoint of each family has: keys of Llama and Qwen3, facts of the code elsewhere.
static void read_biases(nj_json_keys *keys, nj_lm_config *config)
{
    const char *type = nj_json_text_or(keys, "model_type", "");
    const bool is_qwen2 = strcmp(type, "qwen2") == 0;
    const bool asked = nj_json_bool_or(keys, "attention_bias", false);
    config->qkv_bias = is_qwen2 || asked;
    config->output_bias = !is_qwen2 && asked;
    config->dense_bias = strcmp(type, "llama") == 0 && nj_json_bool_or(keys, "mlp_bias", false);
    config->head_norms = strcmp(type, "qwen3") == 0;
}

static void check_quantization(nj_json_keys *keys)
{
    const json_t *how = json_object_get(keys->object, "quantization_config");
    const char *method = json_string_value(json_object_get(how, "quant_method"));
    if (keys->status == NJ_OK && how != NULL && !json_is_null(how)) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"quantization_config\" says that the weights are quantized "
                               "(\"quant_method\" \"%.80s\"); a checkpoint of float32, float16 or "
                               "bfloat16 is needed",
                               keys->what, method != NULL ? method : "");
    }
}

#define WINDOW_DEFAULT 4096 // of Qwen2 and Qwen3 where the key is absent; null is no window

// A sliding window is named in several ways, and often named and switched off.
static void check_window(nj_json_keys *keys, const nj_lm_config *config)
{
    const bool absent = json_object_get(keys->object, "sliding_window") == NULL;
    const bool used =
        nj_json_bool_or(keys, "use_sliding_window", nj_json_has(keys, "sliding_window"));
    const int64_t window =
        nj_json_int_or(keys, "sliding_window", 0, INT32_MAX, absent ? WINDOW_DEFAULT : 0);
    if (keys->status == NJ_OK && used && window > 0 && window < config->position_max) {
        keys->status =
            nj_fail(keys->err, NJ_INPUT,
                    "%s: \"sliding_window\" is %" PRId64
                    " and in use; only models that look back over all positions are known",
                    keys->what, window);
    }
}

nj_status nj_lm_config_read(const json_t *json, const char *what, nj_lm_config *out, nj_error *err)
{
    nj_lm_config config = {0};
    nj_json_keys keys;
    nj_json_keys_open(&keys, json, what, err);
    check_words(&keys);
    config.D = read_size(&keys, "hidden_size", NJ_LM_WIDTH_MAX);
    config.F = read_size(&keys, "intermediate_size", NJ_LM_WIDTH_MAX * 4);
    config.V = read_size(&keys, "vocab_size", NJ_LM_VOCABULARY_MAX);
    config.layers = read_size(&keys, "num_hidden_layers", NJ_LM_LAYERS_MAX);
    config.position_max =
        (uint32_t)nj_json_int_or(&keys, "max_position_embeddings", 1, INT32_MAX, 2048);
    read_heads(&keys, &config);
    read_epsilon(&keys, &config);
    read_biases(&keys, &config);
    check_quantization(&keys);
    config.has_head = !nj_json_bool_or(&keys, "tie_word_embeddings", true);
    check_window(&keys, &config);
    if (keys.status == NJ_OK) {
        nj_rope_config_read(&keys, config.position_max, &config.rope);
    }
    if (keys.status == NJ_OK) {
        *out = config;
    }
    return keys.status;
}
