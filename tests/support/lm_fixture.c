#include "tests/support/lm_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define SECTION_BYTES_MAX ((size_t)1 << 24)

const char *const LM_CASES[] = {"qwen2-yarn", "llama3-biases", "llama-linear", "qwen3-million",
                                NULL};
const uint32_t LM_PROMPT_TOKENS[LM_PROMPTS] = {1, 17, 300};

static const char *find_part(const char *name, const char *part)
{
    static char path[512];
    char below[256];
    snprintf(below, sizeof below, "decoder-only/%s%s", name, part);
    snprintf(path, sizeof path, "%s", data_path(below));
    return path;
}

static void read_arrays(const char *name, lm_fixture *out)
{
    nj_error err = {0};
    nj_npy npy;
    assert_ok(nj_npy_open(find_part(name, "/tokens.npy"), &npy, &err), &err);
    out->token_stride = (uint32_t)npy.shape[1];
    const size_t count = npy.shape[0] * npy.shape[1];
    int64_t *wide = calloc(count, sizeof *wide);
    out->tokens = calloc(count, sizeof *out->tokens);
    assert_ok(nj_npy_read_i64(&npy, 0, count, wide, &err), &err);
    for (size_t i = 0; i < count; i++) {
        out->tokens[i] = (uint32_t)wide[i];
    }
    free(wide);
    nj_npy_close(&npy);
    assert_ok(nj_npy_open(find_part(name, "/logits.npy"), &npy, &err), &err);
    const size_t floats = npy.shape[0] * npy.shape[1] * npy.shape[2];
    out->logits = calloc(floats, sizeof *out->logits);
    assert_ok(nj_npy_read_f32(&npy, 0, floats, out->logits, &err), &err);
    nj_npy_close(&npy);
}

void lm_fixture_open(const char *name, const nj_kernels *kernels, lm_fixture *out)
{
    nj_error err = {0};
    nj_tensor_set *stored;
    *out = (lm_fixture){.kernels = kernels};
    assert_ok(nj_json_load(find_part(name, "/config.json"), 1 << 20, &out->json, &err), &err);
    assert_ok(nj_lm_config_read(out->json, "config.json", &out->config, &err), &err);
    assert_ok(nj_tensor_set_open(find_part(name, ""), &stored, &err), &err);
    nj_buffer_init(&out->section, SECTION_BYTES_MAX);
    assert_ok(nj_lm_weights_convert(&out->config, stored, &out->section, &err), &err);
    nj_tensor_set_close(&stored);
    assert_ok(nj_tensor_set_open_bytes(out->section.bytes, out->section.size, "weights",
                                       &out->weights, &err),
              &err);
    read_arrays(name, out);
}

void lm_fixture_close(lm_fixture *fixture)
{
    nj_tensor_set_close(&fixture->weights);
    nj_buffer_fini(&fixture->section);
    json_decref(fixture->json);
    free(fixture->tokens);
    free(fixture->logits);
}

nj_lm *lm_fixture_model(const lm_fixture *fixture, uint32_t prompt, uint32_t prefix_count)
{
    nj_error err = {0};
    nj_lm *model = NULL;
    assert_ok(nj_lm_open(&fixture->config, fixture->weights, fixture->kernels,
                         fixture->tokens + (size_t)prompt * fixture->token_stride, prefix_count,
                         fixture->token_stride, NULL, &model, &err),
              &err);
    return model;
}
