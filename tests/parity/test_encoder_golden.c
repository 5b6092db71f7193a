// test_encoder_golden.c - tokens and vectors of sentence-transformers (tests/data/make_sentence_encoder.py), by every set of kernels.
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "common/codec/json.h"
#include "common/text/wordpiece.h"
#include "tests/support/nj_test.h"
#include "worker/encoder/encoder.h"

#define FOLDER NIGHTJAR_SOURCE_DIR "/tests/data/sentence-encoder"
#define TEXTS_MAX 32

typedef struct {
    json_t *texts;
    size_t count;
    nj_encoder_config config;
    nj_wordpiece *tokenizer;
    nj_tensor_set *tensors;
    nj_buffer tokens;
    uint32_t offset[TEXTS_MAX + 1];
} world;

static void tokenize(world *w)
{
    nj_error err = {0};
    size_t index;
    json_t *row;
    nj_buffer_init(&w->tokens, SIZE_MAX / 2);
    json_array_foreach(w->texts, index, row)
    {
        const json_t *text = json_object_get(row, "text");
        const nj_slice slice = {json_string_value(text), json_string_length(text)};
        assert_ok(
            nj_wordpiece_encode(w->tokenizer, slice, w->config.tokens_max, &w->tokens, NULL, &err),
            &err);
        w->offset[index + 1] = (uint32_t)(w->tokens.size / sizeof(uint32_t));
    }
}

static void setup(world *w)
{
    nj_error err = {0};
    *w = (world){0};
    assert_ok(nj_json_load(FOLDER "/texts.json", (size_t)1 << 20, &w->texts, &err), &err);
    w->count = json_array_size(w->texts);
    assert_true(w->count > 10 && w->count <= TEXTS_MAX);
    assert_ok(nj_encoder_config_load(FOLDER, &w->config, &err), &err);
    assert_ok(nj_wordpiece_open(FOLDER, &w->tokenizer, &err), &err);
    assert_ok(nj_tensor_set_open(FOLDER, &w->tensors, &err), &err);
    tokenize(w);
}

static void teardown(world *w)
{
    nj_buffer_fini(&w->tokens);
    nj_tensor_set_close(&w->tensors);
    nj_wordpiece_close(&w->tokenizer);
    json_decref(w->texts);
}

// Texts [first, first + count) as one batch.
static void run(const world *w, const nj_kernels *kernels, size_t first, size_t count, float *out)
{
    nj_error err = {0};
    nj_encoder *encoder = NULL;
    nj_arena arena;
    uint32_t offset[TEXTS_MAX + 1];
    for (size_t i = 0; i <= count; i++) {
        offset[i] = w->offset[first + i] - w->offset[first];
    }
    assert_ok(nj_encoder_open(&w->config, w->tensors, kernels, &encoder, &err), &err);
    assert_ok(nj_arena_init(&arena, nj_encoder_scratch_bytes(&w->config, offset[count]), &err),
              &err);
    nj_encoder_run(encoder, (const uint32_t *)(const void *)w->tokens.bytes + w->offset[first],
                   offset, (uint32_t)count, &arena, out);
    assert_int_equal(nj_arena_mark(&arena), 0);
    nj_arena_fini(&arena);
    nj_encoder_close(&encoder);
}

static void tokens_are_those_of_the_original(void **state)
{
    (void)state;
    world w;
    setup(&w);
    const uint32_t *tokens = (const uint32_t *)(const void *)w.tokens.bytes;
    for (size_t i = 0; i < w.count; i++) {
        const json_t *expected = json_object_get(json_array_get(w.texts, i), "tokens");
        assert_int_equal(w.offset[i + 1] - w.offset[i], json_array_size(expected));
        for (size_t t = 0; t < json_array_size(expected); t++) {
            assert_int_equal(tokens[w.offset[i] + t],
                             json_integer_value(json_array_get(expected, t)));
        }
    }
    teardown(&w);
}

// The numbers of the vectors are below 1: float32 through two layers loses a few units of 6e-8; int8 and bf16 round the factors.
static double tolerance(const nj_kernels *kernels)
{
    return strcmp(kernels->precision, "float32") == 0 ? 2e-6 : 0.03;
}

static void vectors_are_those_of_the_original(void **state)
{
    (void)state;
    world w;
    setup(&w);
    const nj_kernels *kernels;
    float *got = malloc(w.count * w.config.D * sizeof *got);
    for (size_t k = 0; (kernels = nj_kernels_at(k)) != NULL; k++) {
        run(&w, kernels, 0, w.count, got);
        for (size_t i = 0; i < w.count * w.config.D; i++) {
            const json_t *row = json_object_get(json_array_get(w.texts, i / w.config.D), "vector");
            const double expected = json_number_value(json_array_get(row, i % w.config.D));
            if (!(fabs((double)got[i] - expected) <= tolerance(kernels))) {
                fail_msg("%s: text %zu, column %zu is %.9g, theirs %.9g", kernels->name,
                         i / w.config.D, i % w.config.D, (double)got[i], expected);
            }
        }
    }
    free(got);
    teardown(&w);
}

static void a_text_has_the_same_bits_alone_and_in_any_batch_by_any_exact_set(void **state)
{
    (void)state;
    world w;
    setup(&w);
    const nj_kernels *kernels;
    const size_t D = w.config.D;
    float *expected = malloc(w.count * D * sizeof *expected);
    float *got = malloc(w.count * D * sizeof *got);
    run(&w, nj_kernels_at(0), 0, w.count, expected);
    for (size_t k = 0; (kernels = nj_kernels_at(k)) != NULL; k++) {
        if (strcmp(kernels->numeric_class, "exact") != 0) {
            continue;
        }
        for (size_t size = 1; size <= w.count; size += 5) {
            for (size_t i = 0; i + size <= w.count; i += size) {
                run(&w, kernels, i, size, got);
                assert_memory_equal(got, expected + i * D, size * D * sizeof *got);
            }
        }
    }
    free(got);
    free(expected);
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_those_of_the_original),
        cmocka_unit_test(vectors_are_those_of_the_original),
        cmocka_unit_test(a_text_has_the_same_bits_alone_and_in_any_batch_by_any_exact_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
