// test_lora.c - an adapter becomes what PEFT makes of it; what is more than an adapter of low rank is refused by name.
#include "worker/model/lora.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/codec/json.h"
#include "tests/unit/model/tensor_file.h"

#define TOLERANCE 1e-6 // float32 sums of 3 products in another order
#define TENSORS_MAX 8

static void an_adapter_becomes_what_peft_makes_of_it(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_tensor_set *model, *expected;
    nj_lora *lora;
    assert_ok(nj_tensor_set_open(data_path("decoder-only/llama-linear"), &model, &err), &err);
    assert_ok(nj_tensor_set_open(data_path("lora/merged.safetensors"), &expected, &err), &err);
    assert_ok(nj_lora_open(data_path("lora/adapter"), &lora, &err), &err);
    const size_t count = nj_tensor_set_count(model);
    const uint8_t *untouched = nj_tensor_set_find(model, "model.norm.weight")->data;
    assert_ok(nj_lora_merge(lora, model, &err), &err);
    assert_int_equal(nj_tensor_set_count(model), count);
    assert_ptr_equal(nj_tensor_set_find(model, "model.norm.weight")->data, untouched);
    assert_int_equal(nj_tensor_set_count(expected), 5);
    for (size_t i = 0; i < nj_tensor_set_count(expected); i++) {
        const nj_tensor *wanted = nj_tensor_set_at(expected, i);
        const nj_tensor *found = nj_tensor_set_find(model, wanted->name);
        assert_int_equal(found->element_count, wanted->element_count);
        float *a = calloc(2 * wanted->element_count, sizeof *a);
        float *b = a + wanted->element_count;
        assert_ok(nj_tensor_read_f32(wanted, a, &err), &err);
        assert_ok(nj_tensor_read_f32(found, b, &err), &err);
        for (size_t e = 0; e < wanted->element_count; e++) {
            if (!(fabsf(a[e] - b[e]) <= TOLERANCE)) {
                fail_msg("%s: element %zu is %.9g, PEFT's %.9g", wanted->name, e, (double)b[e],
                         (double)a[e]);
            }
        }
        free(a);
    }
    nj_tensor_set_close(&model);
    nj_lora_close(&lora);
    nj_tensor_set_close(&expected);
}

// ---- hand-made adapters ----

static const char CONFIG[] = "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 8}";

// Merges an adapter of these tensors into a model of those. The model is closed unless the caller wants it.
static nj_status merge(void **state, const char *config, nj_tensor_source *adapter, size_t count,
                       nj_tensor_source *base, size_t base_count, float *out, nj_error *err)
{
    nj_tensor_set *model = NULL;
    nj_lora *lora = NULL;
    const char *model_path = write_tensors(state, "model.safetensors", base, base_count);
    write_tensors(state, NJ_LORA_TENSORS, adapter, count);
    sandbox_write(state, NJ_LORA_CONFIG, config, strlen(config));
    assert_ok(nj_tensor_set_open(model_path, &model, err), err);
    nj_status status = nj_lora_open(sandbox_path(state, ""), &lora, err);
    if (status == NJ_OK) {
        status = nj_lora_merge(lora, model, err);
    }
    if (status == NJ_OK && out != NULL) {
        assert_ok(nj_tensor_read_f32(nj_tensor_set_at(model, 0), out, err), err);
    }
    nj_tensor_set_close(&model);
    nj_lora_close(&lora);
    return status;
}

#define NAME_A "base_model.model.model.q.lora_A.weight"
#define NAME_B "base_model.model.model.q.lora_B.weight"

static void check_merged(void **state, const char *config, const char *base_name, float scale)
{
    // A = [1 2 3; 4 5 6], B = [1 2; 3 4], B A = [9 12 15; 19 26 33]
    static const float PRODUCT[] = {9, 12, 15, 19, 26, 33};
    nj_error err = {0};
    nj_tensor_source adapter[] = {tensor_of(NAME_A, 2, 3), tensor_of(NAME_B, 2, 2)};
    nj_tensor_source base[] = {tensor_of(base_name, 2, 3)};
    float merged[6];
    assert_ok(merge(state, config, adapter, 2, base, 1, merged, &err), &err);
    for (size_t i = 0; i < 6; i++) {
        assert_float_equal(merged[i], COUNTING[i] + scale * PRODUCT[i], 1e-4f);
    }
}

static void the_scale_is_alpha_by_rank_or_by_its_root(void **state)
{
    check_merged(state, CONFIG, "model.q.weight", 4.0f);
    check_merged(state,
                 "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 8, "
                 "\"use_rslora\": true}",
                 "model.q.weight", 5.65685425f);
}

static void a_checkpoint_without_its_head_calls_its_tensors_otherwise(void **state)
{
    check_merged(state, CONFIG, "q.weight", 4.0f);
    check_merged(state, CONFIG, "model.model.q.weight", 4.0f);
}

static void check_refused(void **state, const char *config, const char *part)
{
    nj_error err = {0};
    nj_tensor_source adapter[] = {tensor_of(NAME_A, 2, 3), tensor_of(NAME_B, 2, 2)};
    nj_tensor_source base[] = {tensor_of("model.q.weight", 2, 3)};
    assert_refused(merge(state, config, adapter, 2, base, 1, NULL, &err), NJ_INPUT, &err, part);
}

static void other_adapters_are_refused_by_name(void **state)
{
    static const char *const EXTRA[][2] = {
        {"\"use_dora\": true", "\"use_dora\" is in use"},
        {"\"fan_in_fan_out\": true", "\"fan_in_fan_out\" is in use"},
        {"\"rank_pattern\": {\"q\": 3}", "\"rank_pattern\" is in use"},
        {"\"alpha_pattern\": {\"q\": 3}", "\"alpha_pattern\" is in use"},
        {"\"layer_replication\": [[0, 1]]", "\"layer_replication\" is in use"},
        {"\"bias\": \"all\"", "\"bias\" is \"all\", must be \"none\""},
        {"\"init_lora_weights\": \"pissa_niter_4\"", "\"init_lora_weights\" is \"pissa_niter_4\""},
    };
    char config[256];
    for (size_t i = 0; i < sizeof EXTRA / sizeof EXTRA[0]; i++) {
        snprintf(config, sizeof config, "{\"peft_type\": \"LORA\", \"r\": 2, %s}", EXTRA[i][0]);
        check_refused(state, config, EXTRA[i][1]);
    }
    check_refused(state, "{\"peft_type\": \"IA3\", \"r\": 2}",
                  "\"peft_type\" is \"IA3\", must be \"LORA\"");
    check_refused(state, "{\"peft_type\": \"LORA\"}", "\"r\"");
    check_refused(state, "{\"peft_type\": \"LORA\", \"r\": 5}",
                  "has rank 2 and its \"lora_B\" 2, adapter_config.json says 5");
    check_refused(state, "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 1e300}",
                  "lora_A.weight\" times its \"lora_B\" times 5e+299");
    check_merged(state,
                 "{\"peft_type\": \"LORA\", \"r\": 2, \"rank_pattern\": {}, "
                 "\"init_lora_weights\": \"gaussian\", \"use_dora\": false}",
                 "model.q.weight", 4.0f);
}

typedef struct {
    nj_tensor_source adapter[3];
    size_t count;
    const char *part;
} wrong_tensors;

static void tensors_that_do_not_fit_are_refused_by_name(void **state)
{
    const wrong_tensors WRONG[] = {
        {{{0}}, 0, "has no tensors"},
        {{tensor_of(NAME_A, 2, 3)}, 1, "\"" NAME_B "\" is missing"},
        {{tensor_of(NAME_B, 2, 2)}, 1, "\"" NAME_A "\" is missing"},
        {{tensor_of(NAME_A, 2, 4), tensor_of(NAME_B, 2, 2)},
         2,
         "make [2, 4], the checkpoint's \"model.q.weight\" is [2, 3]"},
        {{tensor_of(NAME_A, 2, 3), tensor_of(NAME_B, 2, 0)}, 2, "must have 2 dimensions"},
        {{tensor_of("base_model.model.k.lora_A.weight", 2, 3)}, 1, "belongs to no tensor"},
        {{tensor_of("base_model.model.model.k.weight", 2, 3)}, 1, "belongs to no tensor"},
        {{tensor_of("base_model.model.weight", 2, 3)}, 1, "belongs to no tensor"},
        {{tensor_of("model.q.lora_A.weight", 2, 3)},
         1,
         "does not begin with \"base_model.model.\""},
        {{tensor_of("base_model.model.model.q.lora_embedding_A", 2, 3)},
         1,
         "lora_embedding_A\" is not known here"},
        {{tensor_of("base_model.model.model.embed_tokens.weight", 2, 3)},
         1,
         "has it for its head too"},
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        nj_error err = {0};
        wrong_tensors wrong = WRONG[i];
        nj_tensor_source base[] = {tensor_of("model.q.weight", 2, 3),
                                   tensor_of("model.embed_tokens.weight", 2, 3)};
        assert_refused(merge(state, CONFIG, wrong.adapter, wrong.count, base, 2, NULL, &err),
                       NJ_INPUT, &err, wrong.part);
    }
}

static void a_head_may_come_with_an_embedding_that_was_both(void **state)
{
    nj_error err = {0};
    nj_tensor_source adapter[] = {tensor_of("base_model.model.model.embed_tokens.weight", 2, 3),
                                  tensor_of("base_model.model.lm_head.weight", 2, 2)};
    nj_tensor_source base[] = {tensor_of("model.embed_tokens.weight", 2, 3)};
    float head[6] = {0};
    assert_ok(merge(state, CONFIG, adapter, 2, base, 1, head, &err), &err);
    assert_memory_equal(head, COUNTING, 4 * sizeof *head); // the first by name
    assert_float_equal(head[4], 0.0f, 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_adapter_becomes_what_peft_makes_of_it),
        cmocka_unit_test_setup_teardown(the_scale_is_alpha_by_rank_or_by_its_root, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_checkpoint_without_its_head_calls_its_tensors_otherwise,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(other_adapters_are_refused_by_name, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(tensors_that_do_not_fit_are_refused_by_name, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_head_may_come_with_an_embedding_that_was_both,
                                        sandbox_setup, sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
