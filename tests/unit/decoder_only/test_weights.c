// test_weights.c - tensors of a checkpoint: which must be there, which may, and which have no place.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/lm_fixture.h"
#include "tests/support/nj_test.h"
#include "worker/decoder_only/lm.h"

#define TENSORS_MAX 64

// The tensors of a fixture's section, to be changed and converted again.
typedef struct {
    lm_fixture fixture;
    nj_tensor_source sources[TENSORS_MAX];
    size_t count;
} world;

static void setup(world *w, const char *name)
{
    nj_error err = {0};
    const nj_kernels *kernels;
    assert_ok(nj_kernels_select("ref", &kernels, &err), &err);
    lm_fixture_open(name, kernels, &w->fixture);
    w->count = nj_tensor_set_count(w->fixture.weights);
    assert_true(w->count < TENSORS_MAX);
    for (size_t i = 0; i < w->count; i++) {
        const nj_tensor *tensor = nj_tensor_set_at(w->fixture.weights, i);
        w->sources[i] = (nj_tensor_source){.name = tensor->name,
                                           .dim_count = tensor->dim_count,
                                           .data = (const float *)(const void *)tensor->data};
        memcpy(w->sources[i].shape, tensor->shape, sizeof tensor->shape);
    }
}

static nj_tensor_source *find(world *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++) {
        if (strcmp(w->sources[i].name, name) == 0) {
            return &w->sources[i];
        }
    }
    fail_msg("no tensor %s", name);
    return NULL;
}

static nj_status convert(world *w, nj_error *err)
{
    nj_buffer file, section;
    nj_tensor_set *set;
    nj_buffer_init(&file, (size_t)1 << 24);
    nj_buffer_init(&section, (size_t)1 << 24);
    assert_ok(nj_tensors_write(w->sources, w->count, &file, err), err);
    assert_ok(nj_tensor_set_open_bytes(file.bytes, file.size, "checkpoint", &set, err), err);
    nj_status status = nj_lm_weights_convert(&w->fixture.config, set, &section, err);
    nj_tensor_set_close(&set);
    nj_buffer_fini(&section);
    nj_buffer_fini(&file);
    return status;
}

static void a_bias_of_one_layer_alone_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    world w;
    setup(&w, "llama3-biases");
    *find(&w, "model.layers.1.mlp.up_proj.bias") = w.sources[--w.count];
    assert_refused(convert(&w, &err), NJ_INPUT, &err, "model.layers.1.mlp.up_proj.bias");
    lm_fixture_close(&w.fixture);
    setup(&w, "llama3-biases");
    *find(&w, "model.layers.0.mlp.up_proj.bias") = w.sources[--w.count];
    assert_refused(convert(&w, &err), NJ_INPUT, &err,
                   "\"model.layers.1.mlp.up_proj.bias\" has no place");
    lm_fixture_close(&w.fixture);
}

static void a_tensor_of_another_architecture_is_refused_and_old_turns_are_not(void **state)
{
    (void)state;
    nj_error err = {0};
    world w;
    setup(&w, "llama-linear");
    w.sources[w.count] = *find(&w, "model.norm.weight");
    w.sources[w.count++].name = "model.layers.0.self_attn.rotary_emb.inv_freq";
    assert_ok(convert(&w, &err), &err);
    w.sources[w.count] = *find(&w, "model.norm.weight");
    w.sources[w.count++].name = "model.layers.0.pre_feedforward_layernorm.weight";
    assert_refused(convert(&w, &err), NJ_INPUT, &err,
                   "pre_feedforward_layernorm.weight\" has no place");
    lm_fixture_close(&w.fixture);
}

static void biases_and_norms_that_config_json_denies_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *denied;
        size_t offset;
    } DENIED[] = {
        {"llama3-biases", "\"model.layers.0.self_attn.q_proj.bias\" is there, and config.json",
         offsetof(nj_lm_config, qkv_bias)},
        {"llama3-biases", "\"model.layers.0.self_attn.o_proj.bias\" is there, and config.json",
         offsetof(nj_lm_config, output_bias)},
        {"llama3-biases", "\"model.layers.0.mlp.gate_proj.bias\" is there, and config.json",
         offsetof(nj_lm_config, dense_bias)},
        {"qwen3-million", "\"model.layers.0.self_attn.q_norm.weight\" is there, and config.json",
         offsetof(nj_lm_config, head_norms)},
    };
    for (size_t i = 0; i < sizeof DENIED / sizeof DENIED[0]; i++) {
        nj_error err = {0};
        world w;
        setup(&w, DENIED[i].name);
        assert_ok(convert(&w, &err), &err);
        *(bool *)((char *)&w.fixture.config + DENIED[i].offset) = false;
        assert_refused(convert(&w, &err), NJ_INPUT, &err, DENIED[i].denied);
        lm_fixture_close(&w.fixture);
    }
}

static void a_checkpoint_saved_without_its_head_is_read_by_its_shorter_names(void **state)
{
    (void)state;
    nj_error err = {0};
    world w;
    setup(&w, "qwen3-million"); // tied
    for (size_t i = 0; i < w.count; i++) {
        assert_memory_equal(w.sources[i].name, "model.", 6);
        w.sources[i].name += 6;
    }
    assert_ok(convert(&w, &err), &err);
    w.sources[w.count] = *find(&w, "norm.weight");
    w.sources[w.count++].name = "layers.1.something.weight";
    assert_refused(convert(&w, &err), NJ_INPUT, &err, "\"layers.1.something.weight\" has no place");
    lm_fixture_close(&w.fixture);
}

static void a_missing_or_misshapen_tensor_and_a_nan_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    world w;
    setup(&w, "qwen2-yarn");
    nj_tensor_source *norm = find(&w, "model.layers.1.input_layernorm.weight");
    norm->shape[0]--;
    assert_refused(convert(&w, &err), NJ_INPUT, &err, "model.layers.1.input_layernorm.weight");
    norm->shape[0]++;
    float values[32];
    memcpy(values, norm->data, sizeof values);
    values[7] = NAN;
    norm->data = values;
    assert_refused(convert(&w, &err), NJ_INPUT, &err, "model.layers.1.input_layernorm.weight");
    *norm = w.sources[--w.count];
    assert_refused(convert(&w, &err), NJ_INPUT, &err, "model.layers.1.input_layernorm.weight");
    lm_fixture_close(&w.fixture);
}

static void a_head_that_the_config_speaks_of_must_be_there(void **state)
{
    (void)state;
    nj_error err = {0};
    world w;
    setup(&w, "llama-linear"); // not tied
    assert_ok(convert(&w, &err), &err);
    *find(&w, "lm_head.weight") = w.sources[--w.count];
    assert_refused(convert(&w, &err), NJ_INPUT, &err, "lm_head.weight");
    lm_fixture_close(&w.fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bias_of_one_layer_alone_is_refused),
        cmocka_unit_test(a_tensor_of_another_architecture_is_refused_and_old_turns_are_not),
        cmocka_unit_test(biases_and_norms_that_config_json_denies_are_refused),
        cmocka_unit_test(a_checkpoint_saved_without_its_head_is_read_by_its_shorter_names),
        cmocka_unit_test(a_missing_or_misshapen_tensor_and_a_nan_are_refused),
        cmocka_unit_test(a_head_that_the_config_speaks_of_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
