// test_config.c - config.json's keys, their defaults, and what is refused.
#include "common/codec/json.h"
#include "tests/support/nj_test.h"
#include "worker/t5/t5.h"

#include <stdlib.h>

static const char SMALL[] = "{\"model_type\": \"t5\", \"d_model\": 12, \"d_kv\": 5, \"d_ff\": 20, "
                            "\"num_layers\": 2, \"num_heads\": 3, \"vocab_size\": 17}";

static json_t *parse(const char *text)
{
    nj_error err = {0};
    json_t *json = NULL;
    assert_ok(nj_json_parse(text, strlen(text), "text", &json, &err), &err);
    return json;
}

// SMALL with the keys of `patch` set over it; null in the patch removes the key.
static nj_status read_patched(const char *patch, nj_t5_config *out, nj_error *err)
{
    json_t *json = parse(SMALL);
    json_t *changes = parse(patch);
    const char *key;
    json_t *value;
    json_object_foreach(changes, key, value)
    {
        if (json_is_null(value)) {
            json_object_del(json, key);
        } else {
            json_object_set(json, key, value);
        }
    }
    nj_status status = nj_t5_config_read(json, "config.json", out, err);
    json_decref(changes);
    json_decref(json);
    return status;
}

static nj_t5_config accept(const char *patch)
{
    nj_error err = {0};
    nj_t5_config config = {0};
    assert_ok(read_patched(patch, &config, &err), &err);
    return config;
}

static void absent_keys_get_the_defaults_of_transformers(void **state)
{
    (void)state;
    nj_t5_config config = accept("{}");

    assert_int_equal(config.D, 12);
    assert_int_equal(config.H, 3);
    assert_int_equal(config.E, 5);
    assert_int_equal(config.F, 20);
    assert_int_equal(config.V, 17);
    assert_int_equal(config.encoder_layers, 2);
    assert_int_equal(config.decoder_layers, 2);
    assert_int_equal(config.R, 32);
    assert_int_equal(config.distance_max, 128);
    assert_int_equal(config.start_token, 0);
    assert_int_equal(config.position_max, 0);
    assert_float_equal(config.epsilon, 1e-6f, 0.0f);
    assert_false(config.gated);
    assert_true(config.scale_outputs);
}

static void stated_keys_are_taken(void **state)
{
    (void)state;
    nj_t5_config config =
        accept("{\"num_decoder_layers\": 5, \"relative_attention_num_buckets\": 7, "
               "\"relative_attention_max_distance\": 20, \"n_positions\": 512, "
               "\"layer_norm_epsilon\": 0.001, \"decoder_start_token_id\": 16, "
               "\"feed_forward_proj\": \"gated-gelu\", \"is_gated_act\": true, "
               "\"dense_act_fn\": \"gelu_new\"}");

    assert_int_equal(config.encoder_layers, 2);
    assert_int_equal(config.decoder_layers, 5);
    assert_int_equal(config.R, 7);
    assert_int_equal(config.distance_max, 20);
    assert_int_equal(config.position_max, 512);
    assert_float_equal(config.epsilon, 0.001f, 0.0f);
    assert_int_equal(config.start_token, 16);
    assert_true(config.gated);
}

static void a_key_that_is_null_counts_as_absent(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_t5_config config = {0};
    json_t *json = parse(SMALL);
    static const char *const KEYS[] = {"num_decoder_layers", "scale_decoder_outputs",
                                       "n_positions",        "decoder_start_token_id",
                                       "pad_token_id",       "feed_forward_proj",
                                       "tie_word_embeddings"};
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        json_object_set_new(json, KEYS[i], json_null());
    }

    assert_ok(nj_t5_config_read(json, "config.json", &config, &err), &err);

    assert_int_equal(config.decoder_layers, 2);
    assert_true(config.scale_outputs);
    json_decref(json);
}

static void scaling_follows_its_own_key_and_tying_only_where_that_is_absent(void **state)
{
    (void)state;
    assert_true(accept("{\"tie_word_embeddings\": true}").scale_outputs);
    assert_false(accept("{\"tie_word_embeddings\": false}").scale_outputs);
    assert_false(
        accept("{\"tie_word_embeddings\": true, \"scale_decoder_outputs\": false}").scale_outputs);
    assert_true(
        accept("{\"tie_word_embeddings\": false, \"scale_decoder_outputs\": true}").scale_outputs);
}

static void the_start_token_falls_back_to_the_pad_token_and_then_to_zero(void **state)
{
    (void)state;
    assert_int_equal(accept("{\"pad_token_id\": 3}").start_token, 3);
    assert_int_equal(accept("{\"pad_token_id\": 3, \"decoder_start_token_id\": 4}").start_token, 4);
    assert_int_equal(accept("{\"pad_token_id\": -1, \"decoder_start_token_id\": 4}").start_token,
                     4);
}

static void the_architecture_stands_in_for_a_missing_model_type(void **state)
{
    (void)state;
    accept("{\"model_type\": null, \"architectures\": [\"X\", \"T5ForConditionalGeneration\"]}");
}

typedef struct {
    const char *patch;
    const char *message;
} refusal;

static const refusal REFUSALS[] = {
    {"{\"model_type\": \"mt5\"}", "config.json: \"model_type\" is \"mt5\", must be \"t5\""},
    {"{\"model_type\": 5}", "\"model_type\" is not text"},
    {"{\"model_type\": null}", "\"model_type\" is missing and \"architectures\" does not name"},
    {"{\"model_type\": null, \"architectures\": [\"T5EncoderModel\", 7]}", "is missing"},
    {"{\"model_type\": null, \"architectures\": \"T5ForConditionalGeneration\"}", "is missing"},
    {"{\"d_model\": null}", "\"d_model\" is missing"},
    {"{\"d_model\": 0}", "\"d_model\" is 0, must be 1 to 65536"},
    {"{\"d_model\": 65537}", "\"d_model\" is 65537, must be 1 to 65536"},
    {"{\"d_model\": 12.5}", "\"d_model\" is not a whole number"},
    {"{\"d_kv\": null}", "\"d_kv\" is missing"},
    {"{\"d_kv\": -1}", "\"d_kv\" is -1"},
    {"{\"num_heads\": null}", "\"num_heads\" is missing"},
    {"{\"num_heads\": 4096, \"d_kv\": 17}",
     "\"num_heads\" 4096 times \"d_kv\" 17 is 69632, must be at most 65536"},
    {"{\"d_ff\": null}", "\"d_ff\" is missing"},
    {"{\"d_ff\": 9223372036854775807}", "\"d_ff\" is 9223372036854775807, must be 1 to 65536"},
    {"{\"vocab_size\": null}", "\"vocab_size\" is missing"},
    {"{\"vocab_size\": 16777217}", "\"vocab_size\" is 16777217, must be 1 to 16777216"},
    {"{\"num_layers\": null}", "\"num_layers\" is missing"},
    {"{\"num_layers\": 257}", "\"num_layers\" is 257, must be 1 to 256"},
    {"{\"num_decoder_layers\": 0}", "\"num_decoder_layers\" is 0, must be 1 to 256"},
    {"{\"n_positions\": -1}", "\"n_positions\" is -1"},
    {"{\"relative_attention_num_buckets\": 3}",
     "\"relative_attention_num_buckets\" is 3, must be 4 to 4096"},
    {"{\"relative_attention_num_buckets\": 4097}", "is 4097, must be 4 to 4096"},
    {"{\"relative_attention_max_distance\": 65537}", "is 65537, must be 1 to 65536"},
    {"{\"relative_attention_max_distance\": 16}",
     "\"relative_attention_max_distance\" is 16, must be more than half of "
     "\"relative_attention_num_buckets\" 32"},
    {"{\"feed_forward_proj\": \"gated-silu\"}",
     "\"feed_forward_proj\" is \"gated-silu\", must be \"relu\" or \"gated-gelu\""},
    {"{\"feed_forward_proj\": \"gelu\"}", "\"feed_forward_proj\" is \"gelu\""},
    {"{\"dense_act_fn\": \"silu\"}",
     "\"dense_act_fn\" is \"silu\", but \"feed_forward_proj\" \"relu\" means \"relu\""},
    {"{\"feed_forward_proj\": \"gated-gelu\", \"dense_act_fn\": \"gelu\"}", "means \"gelu_new\""},
    {"{\"is_gated_act\": true}",
     "\"is_gated_act\" is true, but \"feed_forward_proj\" \"relu\" means false"},
    {"{\"is_gated_act\": 1}", "\"is_gated_act\" is not true or false"},
    {"{\"layer_norm_epsilon\": 0}", "\"layer_norm_epsilon\" is 0, must be above 0 and at most 1"},
    {"{\"layer_norm_epsilon\": 1e-300}", "\"layer_norm_epsilon\" is 1e-300"},
    {"{\"layer_norm_epsilon\": 2}", "\"layer_norm_epsilon\" is 2"},
    {"{\"layer_norm_epsilon\": \"small\"}", "\"layer_norm_epsilon\" is not a number"},
    {"{\"tie_word_embeddings\": \"no\"}", "\"tie_word_embeddings\" is not true or false"},
    {"{\"scale_decoder_outputs\": 0}", "\"scale_decoder_outputs\" is not true or false"},
    {"{\"decoder_start_token_id\": 17}", "\"decoder_start_token_id\" is 17, must be 0 to 16"},
    {"{\"decoder_start_token_id\": -1}", "\"decoder_start_token_id\" is -1, must be 0 to 16"},
    {"{\"pad_token_id\": 17}", "\"pad_token_id\" is 17, must be 0 to 16"},
};

static void every_refusal_names_the_key_the_rule_and_the_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSALS / sizeof REFUSALS[0]; i++) {
        nj_error err = {0};
        nj_t5_config config = {.D = 777};
        assert_refused(read_patched(REFUSALS[i].patch, &config, &err), NJ_INPUT, &err,
                       REFUSALS[i].message);
        assert_int_equal(config.D, 777);
    }
}

static void sizes_at_their_limits_are_accepted(void **state)
{
    (void)state;
    nj_t5_config config = accept("{\"d_model\": 65536, \"d_ff\": 65536, \"num_heads\": 4096, "
                                 "\"d_kv\": 16, \"vocab_size\": 16777216, \"num_layers\": 256, "
                                 "\"relative_attention_num_buckets\": 4096, "
                                 "\"relative_attention_max_distance\": 2049}");
    assert_int_equal(config.H * config.E, NJ_T5_WIDTH_MAX);
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"[]", "\"t5\"", "5", "null"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        nj_error err = {0};
        nj_t5_config config;
        json_error_t where;
        json_t *json = json_loads(TEXTS[i], JSON_DECODE_ANY, &where);
        assert_non_null(json);
        assert_refused(nj_t5_config_read(json, "config.json", &config, &err), NJ_INPUT, &err,
                       "config.json: not a JSON object");
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_keys_get_the_defaults_of_transformers),
        cmocka_unit_test(stated_keys_are_taken),
        cmocka_unit_test(a_key_that_is_null_counts_as_absent),
        cmocka_unit_test(scaling_follows_its_own_key_and_tying_only_where_that_is_absent),
        cmocka_unit_test(the_start_token_falls_back_to_the_pad_token_and_then_to_zero),
        cmocka_unit_test(the_architecture_stands_in_for_a_missing_model_type),
        cmocka_unit_test(every_refusal_names_the_key_the_rule_and_the_numbers),
        cmocka_unit_test(sizes_at_their_limits_are_accepted),
        cmocka_unit_test(what_is_no_object_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
