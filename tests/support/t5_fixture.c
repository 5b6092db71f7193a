#include "tests/support/t5_fixture.h"

#include "common/base/file.h"
#include "common/codec/json.h"
#include "tests/support/nj_test.h"
#include "tests/support/t5_random.h"

#define SECTION_BYTES_MAX ((size_t)1 << 30)
#define CONFIG_BYTES_MAX ((size_t)1 << 20)

void t5_fixture_open(t5_fixture *fixture, const nj_t5_config *config, const nj_tensor_set *tensors,
                     const nj_kernels *kernels)
{
    nj_error err = {0};
    *fixture = (t5_fixture){.config = *config};
    nj_buffer_init(&fixture->section, SECTION_BYTES_MAX);
    assert_ok(nj_t5_weights_convert(config, tensors, &fixture->section, &err), &err);
    assert_ok(nj_tensor_set_open_bytes(fixture->section.bytes, fixture->section.size, "weights",
                                       &fixture->weights, &err),
              &err);
    assert_ok(nj_t5_open(config, fixture->weights, kernels, NJ_SAVINGS_ALL, &fixture->model, &err),
              &err);
}

void t5_fixture_open_random(t5_fixture *fixture, const nj_t5_config *config,
                            const nj_kernels *kernels, uint64_t seed)
{
    t5_random random;
    nj_buffer bytes;
    nj_tensor_set *tensors;
    nj_buffer_init(&bytes, SECTION_BYTES_MAX);
    t5_random_init(&random, config, false, seed);
    t5_random_open(&random, &bytes, &tensors);
    t5_fixture_open(fixture, config, tensors, kernels);
    nj_tensor_set_close(&tensors);
    t5_random_fini(&random);
    nj_buffer_fini(&bytes);
}

void t5_fixture_open_folder(t5_fixture *fixture, const char *folder, const nj_kernels *kernels)
{
    nj_error err = {0};
    nj_path path;
    json_t *json = NULL;
    nj_t5_config config;
    nj_tensor_set *tensors = NULL;
    assert_ok(nj_path_join(folder, "config.json", &path, &err), &err);
    assert_ok(nj_json_load(path.text, CONFIG_BYTES_MAX, &json, &err), &err);
    assert_ok(nj_t5_config_read(json, path.text, &config, &err), &err);
    assert_ok(nj_tensor_set_open(folder, &tensors, &err), &err);
    t5_fixture_open(fixture, &config, tensors, kernels);
    nj_tensor_set_close(&tensors);
    json_decref(json);
}

void t5_fixture_close(t5_fixture *fixture)
{
    nj_t5_close(&fixture->model);
    nj_tensor_set_close(&fixture->weights);
    nj_buffer_fini(&fixture->section);
}
