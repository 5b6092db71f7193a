// test_weights.c - which tensors become a section, what is refused, and sections from hostile hands.
#include "tests/support/nj_test.h"
#include "tests/support/t5_fixture.h"
#include "tests/support/t5_random.h"

#include <math.h>
#include <stdlib.h>

#define BYTES_MAX ((size_t)1 << 24)

typedef struct {
    nj_t5_config config;
    t5_random random;
    nj_buffer bytes;        // the checkpoint
    nj_tensor_set *tensors; // over bytes
    nj_buffer section;
} world;

static void begin(world *w, bool gated, bool stores_head)
{
    *w = (world){.config = t5_random_config()};
    w->config.gated = gated;
    t5_random_init(&w->random, &w->config, stores_head, 1);
    nj_buffer_init(&w->bytes, BYTES_MAX);
    nj_buffer_init(&w->section, BYTES_MAX);
}

static void end(world *w)
{
    nj_tensor_set_close(&w->tensors);
    t5_random_fini(&w->random);
    nj_buffer_fini(&w->bytes);
    nj_buffer_fini(&w->section);
}

static nj_status convert(world *w, nj_error *err)
{
    nj_tensor_set_close(&w->tensors);
    nj_buffer_clear(&w->section);
    t5_random_open(&w->random, &w->bytes, &w->tensors);
    return nj_t5_weights_convert(&w->config, w->tensors, &w->section, err);
}

// Opens a model over bytes as a worker does. What opens is closed again.
static nj_status open_section(const nj_t5_config *config, const void *bytes, size_t size,
                              nj_error *err)
{
    nj_tensor_set *set = NULL;
    nj_t5 *model = NULL;
    nj_status status = nj_tensor_set_open_bytes(bytes, size, "weights", &set, err);
    if (status == NJ_OK) {
        status = nj_t5_open(config, set, nj_kernels_at(0), NJ_SAVINGS_ALL, &model, err);
    }
    nj_t5_close(&model);
    nj_tensor_set_close(&set);
    return status;
}

static bool section_has(const world *w, const char *name)
{
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    assert_ok(nj_tensor_set_open_bytes(w->section.bytes, w->section.size, "weights", &set, &err),
              &err);
    bool found = nj_tensor_set_find(set, name) != NULL;
    nj_tensor_set_close(&set);
    return found;
}

static void the_section_holds_every_tensor_of_the_model_unchanged(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        world w;
        nj_error err = {0};
        begin(&w, variant & 1, variant & 2);

        assert_ok(convert(&w, &err), &err);

        nj_tensor_set *set = NULL;
        assert_ok(nj_tensor_set_open_bytes(w.section.bytes, w.section.size, "weights", &set, &err),
                  &err);
        assert_int_equal(nj_tensor_set_count(set), w.random.count);
        for (size_t i = 0; i < w.random.count; i++) {
            const nj_tensor_source *source = &w.random.tensors[i];
            const nj_tensor *tensor;
            assert_ok(nj_tensor_set_expect(set, source->name, source->shape, source->dim_count,
                                           &tensor, &err),
                      &err);
            assert_int_equal(tensor->type, NJ_TENSOR_F32);
            assert_memory_equal(tensor->data, source->data, tensor->data_bytes);
        }
        nj_tensor_set_close(&set);
        end(&w);
    }
}

static void copies_of_the_embedding_and_unused_tensors_are_dropped(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    begin(&w, false, false);
    t5_random_add(&w.random, "encoder.embed_tokens.weight", w.config.V, w.config.D);
    t5_random_add(&w.random, "decoder.embed_tokens.weight", w.config.V, w.config.D);
    float *unused = t5_random_add(&w.random, "decoder.block.9.layer.0.layer_norm.weight", 0, 3);
    unused[1] = NAN;

    assert_ok(convert(&w, &err), &err);

    assert_true(section_has(&w, "shared.weight"));
    assert_false(section_has(&w, "encoder.embed_tokens.weight"));
    assert_false(section_has(&w, "decoder.embed_tokens.weight"));
    assert_false(section_has(&w, "decoder.block.9.layer.0.layer_norm.weight"));
    assert_false(section_has(&w, "lm_head.weight"));
    end(&w);
}

static uint32_t count_words(const world *w)
{
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    assert_ok(nj_tensor_set_open_bytes(w->section.bytes, w->section.size, "weights", &set, &err),
              &err);
    const uint32_t count = nj_t5_word_count(set);
    nj_tensor_set_close(&set);
    return count;
}

static void whole_words_are_kept_where_the_checkpoint_has_them(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    begin(&w, false, false);
    assert_ok(convert(&w, &err), &err);
    assert_int_equal(count_words(&w), 0);
    t5_random_add(&w.random, "encoder.whole_word_embeddings.weight", 31, w.config.D);

    assert_ok(convert(&w, &err), &err);

    assert_int_equal(count_words(&w), 31);
    assert_ok(open_section(&w.config, w.section.bytes, w.section.size, &err), &err);
    end(&w);
}

static void whole_words_of_another_width_are_refused(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    begin(&w, false, false);
    t5_random_add(&w.random, "encoder.whole_word_embeddings.weight", 31, w.config.D + 1);

    assert_refused(
        convert(&w, &err), NJ_INPUT, &err,
        "tensor \"encoder.whole_word_embeddings.weight\": has shape [31, 13], expected [31, 12]");
    end(&w);
}

static void a_copy_in_a_stack_stands_in_for_a_missing_embedding(void **state)
{
    (void)state;
    static const char *const COPIES[] = {"encoder.embed_tokens.weight",
                                         "decoder.embed_tokens.weight"};
    for (size_t i = 0; i < 2; i++) {
        world w;
        nj_error err = {0};
        begin(&w, false, false);
        t5_random_remove(&w.random, "shared.weight");
        const float *values = t5_random_add(&w.random, COPIES[i], w.config.V, w.config.D);

        assert_ok(convert(&w, &err), &err);

        nj_tensor_set *set = NULL;
        assert_ok(nj_tensor_set_open_bytes(w.section.bytes, w.section.size, "weights", &set, &err),
                  &err);
        const nj_tensor *shared = nj_tensor_set_find(set, "shared.weight");
        assert_non_null(shared);
        assert_memory_equal(shared->data, values, shared->data_bytes);
        assert_null(nj_tensor_set_find(set, COPIES[i]));
        nj_tensor_set_close(&set);
        end(&w);
    }
}

static size_t count_tensors(bool gated)
{
    world w;
    begin(&w, gated, true);
    size_t count = w.random.count;
    end(&w);
    return count;
}

static void every_tensor_but_the_head_must_be_there(void **state)
{
    (void)state;
    for (int gated = 0; gated < 2; gated++) {
        size_t count = count_tensors(gated);
        for (size_t i = 0; i < count; i++) {
            world w;
            nj_error err = {0};
            char name[160];
            begin(&w, gated, true);
            snprintf(name, sizeof name, "%s", w.random.tensors[i].name);
            t5_random_remove(&w.random, name);
            if (strcmp(name, "lm_head.weight") == 0) {
                assert_ok(convert(&w, &err), &err);
            } else {
                assert_refused(convert(&w, &err), NJ_INPUT, &err, name);
                assert_non_null(strstr(err.text, "missing"));
                assert_int_equal(w.section.size, 0);
            }
            end(&w);
        }
    }
}

static void a_tensor_of_another_shape_is_refused_with_both_shapes(void **state)
{
    (void)state;
    size_t count = count_tensors(true);
    for (size_t i = 0; i < count; i++) {
        world w;
        nj_error err = {0};
        char name[160];
        char expected[64];
        begin(&w, true, true);
        nj_tensor_source *tensor = &w.random.tensors[i];
        snprintf(name, sizeof name, "%s", tensor->name);
        if (tensor->dim_count == 2) {
            snprintf(expected, sizeof expected, "[%zu, %zu], expected [%zu, %zu]",
                     tensor->shape[0] - 1, tensor->shape[1], tensor->shape[0], tensor->shape[1]);
        } else {
            snprintf(expected, sizeof expected, "[%zu], expected [%zu]", tensor->shape[0] - 1,
                     tensor->shape[0]);
        }
        tensor->shape[0]--;
        assert_refused(convert(&w, &err), NJ_INPUT, &err, name);
        assert_non_null(strstr(err.text, expected));
        end(&w);
    }
}

static void a_number_that_is_not_finite_is_refused_with_its_tensor(void **state)
{
    (void)state;
    size_t count = count_tensors(true);
    for (size_t i = 0; i < count; i++) {
        world w;
        nj_error err = {0};
        char name[160];
        begin(&w, true, true);
        nj_tensor_source *tensor = &w.random.tensors[i];
        snprintf(name, sizeof name, "%s", tensor->name);
        ((float *)(uintptr_t)tensor->data)[2] = i % 2 == 0 ? NAN : -INFINITY;
        assert_refused(convert(&w, &err), NJ_INPUT, &err, name);
        end(&w);
    }
}

static void a_section_for_another_config_is_refused(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    begin(&w, false, false);
    assert_ok(convert(&w, &err), &err);
    assert_ok(open_section(&w.config, w.section.bytes, w.section.size, &err), &err);

    nj_t5_config other = w.config;
    other.V = 18;
    assert_refused(open_section(&other, w.section.bytes, w.section.size, &err), NJ_INPUT, &err,
                   "tensor \"shared.weight\": has shape [17, 12], expected [18, 12]");
    other = w.config;
    other.gated = true;
    assert_refused(open_section(&other, w.section.bytes, w.section.size, &err), NJ_INPUT, &err,
                   "wi_0.weight\": is missing");
    other = w.config;
    other.decoder_layers = 2;
    assert_refused(open_section(&other, w.section.bytes, w.section.size, &err), NJ_INPUT, &err,
                   "decoder.block.1.layer.0.layer_norm.weight\": is missing");
    end(&w);
}

static void a_config_that_asks_for_more_than_the_section_has_takes_no_memory(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    nj_tensor_set *set = NULL;
    nj_t5 *model = NULL;
    begin(&w, false, false);
    assert_ok(convert(&w, &err), &err);
    assert_ok(nj_tensor_set_open_bytes(w.section.bytes, w.section.size, "weights", &set, &err),
              &err);
    nj_t5_config huge = w.config;
    huge.F = NJ_T5_WIDTH_MAX;
    huge.encoder_layers = huge.decoder_layers = NJ_T5_LAYERS_MAX;
    huge.D = huge.E = NJ_T5_WIDTH_MAX;
    huge.H = 1;
    for (size_t i = 0; nj_kernels_at(i) != NULL; i++) { // some take packed copies of every tensor
        assert_refused(nj_t5_open(&huge, set, nj_kernels_at(i), NJ_SAVINGS_ALL, &model, &err),
                       NJ_INPUT, &err, "expected [17, 65536]");
        assert_null(model);
    }
    nj_tensor_set_close(&set);
    end(&w);
}

static void a_section_with_bad_numbers_types_or_addresses_is_refused(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    begin(&w, false, false);
    assert_ok(convert(&w, &err), &err);
    uint8_t *copy = malloc(w.section.size + 1);
    assert_non_null(copy);

    memcpy(copy, w.section.bytes, w.section.size);
    const float nan = NAN;
    memcpy(copy + w.section.size - sizeof nan, &nan, sizeof nan);
    assert_refused(open_section(&w.config, copy, w.section.size, &err), NJ_INPUT, &err,
                   "tensor \"shared.weight\": element 203 of 204 is not finite");

    memcpy(copy, w.section.bytes, w.section.size);
    char *type = memmem(copy, w.section.size, "\"F32\"", 5);
    assert_non_null(type);
    memcpy(type, "\"I32\"", 5);
    assert_refused(open_section(&w.config, copy, w.section.size, &err), NJ_INPUT, &err,
                   "is not float32");

    memcpy(copy + 1, w.section.bytes, w.section.size);
    assert_refused(open_section(&w.config, copy + 1, w.section.size, &err), NJ_INPUT, &err,
                   "begins at an address that is 1 modulo 4");
    free(copy);
    end(&w);
}

static void cut_and_flipped_sections_are_refused_or_open_safely(void **state)
{
    (void)state;
    world w;
    nj_error err = {0};
    begin(&w, false, false);
    assert_ok(convert(&w, &err), &err);
    uint64_t header_bytes;
    memcpy(&header_bytes, w.section.bytes, sizeof header_bytes);
    assert_true(header_bytes + 8 < w.section.size);
    uint8_t *copy = malloc(w.section.size);
    assert_non_null(copy);
    memcpy(copy, w.section.bytes, w.section.size);

    for (size_t size = 0; size < w.section.size; size += size < 16 ? 1 : 61) {
        assert_int_not_equal(open_section(&w.config, copy, size, &err), NJ_OK);
    }
    unsigned refused = 0;
    unsigned tried = 0;
    for (size_t bit = 0; bit < (header_bytes + 8) * 8; bit += 3, tried++) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refused += open_section(&w.config, copy, w.section.size, &err) != NJ_OK;
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused >
                tried / 2); // flips of the padding or of a head that is only optional pass
    free(copy);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_section_holds_every_tensor_of_the_model_unchanged),
        cmocka_unit_test(copies_of_the_embedding_and_unused_tensors_are_dropped),
        cmocka_unit_test(whole_words_are_kept_where_the_checkpoint_has_them),
        cmocka_unit_test(whole_words_of_another_width_are_refused),
        cmocka_unit_test(a_copy_in_a_stack_stands_in_for_a_missing_embedding),
        cmocka_unit_test(every_tensor_but_the_head_must_be_there),
        cmocka_unit_test(a_tensor_of_another_shape_is_refused_with_both_shapes),
        cmocka_unit_test(a_number_that_is_not_finite_is_refused_with_its_tensor),
        cmocka_unit_test(a_section_for_another_config_is_refused),
        cmocka_unit_test(a_config_that_asks_for_more_than_the_section_has_takes_no_memory),
        cmocka_unit_test(a_section_with_bad_numbers_types_or_addresses_is_refused),
        cmocka_unit_test(cut_and_flipped_sections_are_refused_or_open_safely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
