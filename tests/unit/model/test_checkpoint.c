// test_checkpoint.c - a model, its adapter and its projector are one set of tensors.
#include "worker/model/checkpoint.h"

#include "tests/unit/model/tensor_file.h"

static nj_status open_with(void **state, nj_tensor_source *projector, size_t count,
                           nj_checkpoint **out, nj_error *err)
{
    const nj_checkpoint_source source = {
        .model_path = data_path("decoder-only/llama-linear"),
        .adapter_path = data_path("lora/adapter"),
        .projector_path = write_tensors(state, "projector.safetensors", projector, count)};
    *out = NULL;
    return nj_checkpoint_open(&source, out, err);
}

static void adapter_and_projector_stand_among_the_models_tensors(void **state)
{
    static const char *const NAMES[2][4] = {
        {"0.weight", "0.bias", "2.weight", "2.bias"},
        {"a.mlp_proj.0.weight", "a.mlp_proj.0.bias", "a.mlp_proj.2.weight", "a.mlp_proj.2.bias"}};
    for (size_t i = 0; i < 2; i++) {
        nj_error err = {0};
        nj_checkpoint *checkpoint;
        nj_tensor_source projector[] = {tensor_of(NAMES[i][0], 2, 3), tensor_of(NAMES[i][1], 2, 0),
                                        tensor_of(NAMES[i][2], 4, 2), tensor_of(NAMES[i][3], 4, 0)};
        assert_ok(open_with(state, projector, 4, &checkpoint, &err), &err);
        const nj_tensor_set *tensors = nj_checkpoint_tensors(checkpoint);
        const nj_tensor *found;
        assert_ok(
            nj_tensor_set_expect(tensors, "projector.0.weight", (size_t[]){2, 3}, 2, &found, &err),
            &err);
        assert_memory_equal(found->data, COUNTING, 6 * sizeof *COUNTING);
        assert_ok(nj_tensor_set_expect(tensors, "projector.2.bias", (size_t[]){4}, 1, &found, &err),
                  &err);
        found = nj_tensor_set_find(tensors, "lm_head.weight"); // the adapter's
        assert_non_null(strstr(found->file, "adapter_model.safetensors"));
        nj_checkpoint_close(&checkpoint);
    }
}

static void another_projector_is_refused(void **state)
{
    nj_error err = {0};
    nj_checkpoint *checkpoint;
    nj_tensor_source deeper[] = {tensor_of("p.0.weight", 2, 3), tensor_of("p.0.bias", 2, 0),
                                 tensor_of("p.2.weight", 2, 2), tensor_of("p.4.weight", 4, 2)};
    assert_refused(open_with(state, deeper, 4, &checkpoint, &err), NJ_INPUT, &err,
                   "\"p.4.weight\" has no place");
    nj_tensor_source ten[] = {tensor_of("p.10.weight", 2, 3)};
    assert_refused(open_with(state, ten, 1, &checkpoint, &err), NJ_INPUT, &err,
                   "\"p.10.weight\" has no place");
    nj_tensor_source twice[] = {tensor_of("p.0.weight", 2, 3), tensor_of("q.0.weight", 2, 3)};
    assert_refused(open_with(state, twice, 2, &checkpoint, &err), NJ_INPUT, &err,
                   "\"q.0.weight\" is there twice");
    nj_tensor_source few[] = {tensor_of("p.0.weight", 2, 3), tensor_of("p.2.weight", 4, 2)};
    assert_refused(open_with(state, few, 2, &checkpoint, &err), NJ_INPUT, &err,
                   "has 2 tensors, must have 4");
    assert_null(checkpoint);
}

static void a_missing_adapter_is_named(void **state)
{
    nj_error err = {0};
    nj_checkpoint *checkpoint = NULL;
    const nj_checkpoint_source source = {.model_path = data_path("decoder-only/llama-linear"),
                                         .adapter_path = sandbox_path(state, "nowhere")};
    assert_refused(nj_checkpoint_open(&source, &checkpoint, &err), NJ_NOT_FOUND, &err,
                   "nowhere/adapter_config.json");
}

static void an_adapter_beside_the_model_is_not_forgotten(void **state)
{
    nj_error err = {0};
    nj_checkpoint *checkpoint = NULL;
    nj_tensor_source tensors[] = {tensor_of("model.q.weight", 2, 3)};
    write_tensors(state, "model.safetensors", tensors, 1);
    const nj_checkpoint_source source = {.model_path = sandbox_path(state, "")};
    assert_ok(nj_checkpoint_open(&source, &checkpoint, &err), &err);
    nj_checkpoint_close(&checkpoint);
    sandbox_write(state, "adapter_config.json", "{}", 2);
    assert_refused(nj_checkpoint_open(&source, &checkpoint, &err), NJ_INPUT, &err,
                   "an adapter lies beside the model: give --lora");
    assert_null(checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(adapter_and_projector_stand_among_the_models_tensors,
                                        sandbox_setup, sandbox_teardown),
        cmocka_unit_test_setup_teardown(another_projector_is_refused, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(an_adapter_beside_the_model_is_not_forgotten, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(a_missing_adapter_is_named, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
