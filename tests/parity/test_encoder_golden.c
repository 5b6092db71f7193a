// test_encoder_golden.c - tokens and vectors of sentence-transformers (tests/data/make_sentence_encoder.py), by every set of kernels.
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "common/codec/json.h"
#include "tests/support/nj_test.h"
#include "worker/encoder/sentence.h"

#define DATA NIGHTJAR_SOURCE_DIR "/tests/data/"
#define TEXTS_MAX 32

typedef struct {
    const char *folder;
    json_t *texts;
    size_t count;
    nj_sentence model; // by the reference kernels
    size_t width;
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
        assert_ok(nj_sentence_tokenize(&w->model, slice, &w->tokens, NULL, &err), &err);
        w->offset[index + 1] = (uint32_t)(w->tokens.size / sizeof(uint32_t));
    }
}

static void open_folder(world *w, const char *folder)
{
    char path[256];
    nj_error err = {0};
    *w = (world){.folder = folder};
    snprintf(path, sizeof path, "%s/texts.json", folder);
    assert_ok(nj_json_load(path, (size_t)1 << 20, &w->texts, &err), &err);
    w->count = json_array_size(w->texts);
    assert_true(w->count > 10 && w->count <= TEXTS_MAX);
    assert_ok(nj_sentence_open(folder, nj_kernels_at(0), &w->model, &err), &err);
    w->width = w->model.config.width;
    tokenize(w);
}

static void close_folder(world *w)
{
    nj_buffer_fini(&w->tokens);
    nj_sentence_close(&w->model);
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
    const nj_encoder_config *config = &w->model.config;
    assert_ok(nj_encoder_open(config, w->model.weights, kernels, &encoder, &err), &err);
    assert_ok(nj_arena_init(&arena, nj_encoder_scratch_bytes(config, offset[count]), &err), &err);
    memset(arena.block, 0xff,
           arena.capacity); // NaN wherever something is read before it is written
    nj_encoder_run(encoder, (const uint32_t *)(const void *)w->tokens.bytes + w->offset[first],
                   offset, (uint32_t)count, &arena, out);
    assert_int_equal(nj_arena_mark(&arena), 0);
    nj_arena_fini(&arena);
    nj_encoder_close(&encoder);
}

static void check_tokens(const world *w)
{
    const uint32_t *tokens = (const uint32_t *)(const void *)w->tokens.bytes;
    for (size_t i = 0; i < w->count; i++) {
        const json_t *expected = json_object_get(json_array_get(w->texts, i), "tokens");
        assert_int_equal(w->offset[i + 1] - w->offset[i], json_array_size(expected));
        for (size_t t = 0; t < json_array_size(expected); t++) {
            assert_int_equal(tokens[w->offset[i] + t],
                             json_integer_value(json_array_get(expected, t)));
        }
    }
}

// The numbers of the vectors are below 1: float32 through two layers loses a few units of 6e-8; int8 and bf16 round the factors, which
// costs most where dense layers of 16 columns follow.
static double tolerance(const nj_kernels *kernels)
{
    return strcmp(kernels->precision, "float32") == 0 ? 2e-6 : 0.06;
}

static void check_vectors(const world *w)
{
    const nj_kernels *kernels;
    float *got = malloc(w->count * w->width * sizeof *got);
    assert_non_null(got);
    for (size_t k = 0; (kernels = nj_kernels_at(k)) != NULL; k++) {
        run(w, kernels, 0, w->count, got);
        for (size_t i = 0; i < w->count * w->width; i++) {
            const json_t *row = json_object_get(json_array_get(w->texts, i / w->width), "vector");
            const double expected = json_number_value(json_array_get(row, i % w->width));
            assert_int_equal(json_array_size(row), w->width);
            if (!(fabs((double)got[i] - expected) <= tolerance(kernels))) {
                fail_msg("%s, %s: text %zu, column %zu is %.9g, theirs %.9g", w->folder,
                         kernels->name, i / w->width, i % w->width, (double)got[i], expected);
            }
        }
    }
    free(got);
}

static void check_bits(const world *w)
{
    const nj_kernels *kernels;
    float *expected = malloc(w->count * w->width * sizeof *expected);
    float *got = malloc(w->count * w->width * sizeof *got);
    assert_true(expected != NULL && got != NULL);
    run(w, nj_kernels_at(0), 0, w->count, expected);
    for (size_t k = 0; (kernels = nj_kernels_at(k)) != NULL; k++) {
        if (strcmp(kernels->numeric_class, "exact") != 0) {
            continue;
        }
        for (size_t size = 1; size <= w->count; size += 5) {
            for (size_t i = 0; i + size <= w->count; i += size) {
                run(w, kernels, i, size, got);
                assert_memory_equal(got, expected + i * w->width, size * w->width * sizeof *got);
            }
        }
    }
    free(got);
    free(expected);
}

static void visit(void (*check)(const world *))
{
    static const char *const FOLDERS[] = {DATA "sentence-encoder", DATA "sentence-t5"};
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        world w;
        open_folder(&w, FOLDERS[i]);
        check(&w);
        close_folder(&w);
    }
}

static void tokens_are_those_of_the_original(void **state)
{
    (void)state;
    visit(check_tokens);
}

static void vectors_are_those_of_the_original(void **state)
{
    (void)state;
    visit(check_vectors);
}

static void a_text_has_the_same_bits_alone_and_in_any_batch_by_any_exact_set(void **state)
{
    (void)state;
    visit(check_bits);
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
