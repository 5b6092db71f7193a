// test_config.c - config.json's keys, their defaults, the forms of rotary positions, and what is refused.
#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "worker/decoder_only/lm.h"

static const char SMALL[] = "{\"model_type\": \"llama\", \"hidden_size\": 24, "
                            "\"intermediate_size\": 40, \"vocab_size\": 17, "
                            "\"num_hidden_layers\": 2, \"num_attention_heads\": 6}";

static json_t *parse(const char *text)
{
    nj_error err = {0};
    json_t *json = NULL;
    assert_ok(nj_json_parse(text, strlen(text), "text", &json, &err), &err);
    return json;
}

// SMALL with the keys of `patch` set over it.
static nj_status read_patched(const char *patch, nj_lm_config *out, nj_error *err)
{
    json_t *json = parse(SMALL);
    json_t *changes = parse(patch);
    json_object_update(json, changes);
    nj_status status = nj_lm_config_read(json, "config.json", out, err);
    json_decref(changes);
    json_decref(json);
    return status;
}

static nj_lm_config accept(const char *patch)
{
    nj_error err = {0};
    nj_lm_config config = {0};
    assert_ok(read_patched(patch, &config, &err), &err);
    return config;
}

static void absent_keys_get_the_defaults_of_transformers(void **state)
{
    (void)state;
    nj_lm_config config = accept("{}");
    assert_int_equal(config.D, 24);
    assert_int_equal(config.H, 6);
    assert_int_equal(config.G, 6);
    assert_int_equal(config.E, 4);
    assert_int_equal(config.position_max, 2048);
    assert_float_equal(config.epsilon, 1e-6f, 0.0f);
    assert_int_equal(config.rope.type, NJ_ROPE_DEFAULT);
    assert_true(config.rope.theta == 10000.0);
}

static void both_forms_of_rotary_positions_are_read(void **state)
{
    (void)state;
    nj_lm_config config = accept(
        "{\"rope_theta\": 500000.0, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}");
    assert_int_equal(config.rope.type, NJ_ROPE_LINEAR);
    assert_true(config.rope.theta == 500000.0 && config.rope.factor == 2.0);
    config = accept(
        "{\"rope_parameters\": {\"rope_type\": \"llama3\", \"rope_theta\": 7.0, \"factor\": 8, "
        "\"original_max_position_embeddings\": 99}}");
    assert_int_equal(config.rope.type, NJ_ROPE_LLAMA3);
    assert_true(config.rope.theta == 7.0 && config.rope.low_factor == 1.0 &&
                config.rope.high_factor == 4.0);
    assert_int_equal(config.rope.position_first, 99);
    config = accept("{\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 7.0}, "
                    "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}");
    assert_int_equal(config.rope.type, NJ_ROPE_LINEAR); // the old form counts
    config = accept("{\"rope_parameters\": {\"rope_theta\": 7.0}, \"rope_scaling\": null}");
    assert_true(config.rope.theta == 7.0);
}

static void each_family_has_its_own_biases(void **state)
{
    (void)state;
    nj_lm_config config = accept("{\"attention_bias\": true, \"partial_rotary_factor\": 1.0}");
    assert_true(config.qkv_bias && config.output_bias);
    assert_false(config.dense_bias || config.head_norms);
    config = accept("{\"mlp_bias\": true, \"quantization_config\": null}");
    assert_true(config.dense_bias && !config.qkv_bias);
    config = accept("{\"model_type\": \"qwen2\", \"mlp_bias\": true}");
    assert_true(config.qkv_bias && !config.output_bias && !config.dense_bias);
    config = accept("{\"model_type\": \"qwen3\"}");
    assert_true(config.head_norms && !config.qkv_bias);
}

static void a_window_that_is_switched_off_does_not_matter(void **state)
{
    (void)state;
    accept("{\"use_sliding_window\": false, \"sliding_window\": 100}");
    accept("{\"use_sliding_window\": true, \"sliding_window\": 2048}");
    accept("{\"use_sliding_window\": true}"); // 4,096, and there are 2,048 positions
    accept("{\"use_sliding_window\": true, \"sliding_window\": null, "
           "\"max_position_embeddings\": 9000}");
}

static void what_is_not_known_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *patch;
        const char *part;
    } CASES[] = {
        {"{\"model_type\": \"gpt_neox\"}", "\"model_type\" is \"gpt_neox\", must be \"llama\""},
        {"{\"hidden_act\": \"gelu\"}", "\"hidden_act\" is \"gelu\", must be \"silu\""},
        {"{\"num_key_value_heads\": 4}", "\"num_attention_heads\" 6 is no multiple of"},
        {"{\"head_dim\": 5}", "\"head_dim\" is 5, must be even"},
        {"{\"head_dim\": 30000}", "is 180000, must be at most 65536"},
        {"{\"rms_norm_eps\": 0}", "\"rms_norm_eps\" is 0"},
        {"{\"rope_scaling\": {\"rope_type\": \"longrope\"}}", "\"rope_type\" is \"longrope\""},
        {"{\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2}}",
         "\"rope_type\" is \"dynamic\""},
        {"{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0.5}}",
         "\"factor\" is 0.5, must be 1 to"},
        {"{\"rope_theta\": -1}", "\"rope_theta\" is -1"},
        {"{\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 2, \"low_freq_factor\": 4}}",
         "\"high_freq_factor\" is 4, must be above"},
        {"{\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 2, \"mscale\": 1}}",
         "\"mscale\""},
        {"{\"rope_scaling\": {\"type\": \"linear\"}}", "\"factor\" is missing"},
        {"{\"rope_parameters\": {\"rope_type\": \"yarn\", \"factor\": null}}",
         "\"factor\" is missing"},
        {"{\"rope_parameters\": \"yarn\"}", "\"rope_parameters\" must be null or one object"},
        {"{\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 5}}}",
         "\"rope_parameters\" must be null or one object"},
        {"{\"use_sliding_window\": true, \"sliding_window\": 100}", "\"sliding_window\" is 100"},
        {"{\"use_sliding_window\": true, \"max_position_embeddings\": 9000}",
         "\"sliding_window\" is 4096"},
        {"{\"sliding_window\": 100}", "\"sliding_window\" is 100"},
        {"{\"partial_rotary_factor\": 0.5}", "\"partial_rotary_factor\" is 0.5, must be 1"},
        {"{\"rope_parameters\": {\"rope_type\": \"default\", \"partial_rotary_factor\": 0.25}}",
         "\"partial_rotary_factor\" is 0.25, must be 1"},
        {"{\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4}}",
         "\"quantization_config\" says that the weights are quantized (\"quant_method\" \"gptq\")"},
        {"{\"vocab_size\": 0}", "vocab_size"},
        {"{\"num_hidden_layers\": 100000}", "num_hidden_layers"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        nj_error err = {0};
        nj_lm_config config = {.D = 77};
        assert_refused(read_patched(CASES[i].patch, &config, &err), NJ_INPUT, &err, CASES[i].part);
        assert_int_equal(config.D, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_keys_get_the_defaults_of_transformers),
        cmocka_unit_test(both_forms_of_rotary_positions_are_read),
        cmocka_unit_test(each_family_has_its_own_biases),
        cmocka_unit_test(a_window_that_is_switched_off_does_not_matter),
        cmocka_unit_test(what_is_not_known_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
