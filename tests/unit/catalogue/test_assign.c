// test_assign.c - SIDs from embeddings: a drawn example, the counter at its limit, real embeddings, refusals.
#include "common/catalogue/catalogue_assign.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/catalogue/encode_rows.h"
#include "common/catalogue/tokens.h"
#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static const nj_catalogue_options PLAIN = {.token_base = 2};

// Two levels of three codes on the plane: level 0 is coarse, level 1 fine.
static const float BOOKS[] = {0, 0, 10, 0, 0, 10, /**/ 0, 0, 1, 0, 0, 1};
// Rows 0, 2 and 4 are nearest to 10 0 and then to 0 1; row 1 to 0 10 and 1 0; row 3 to 0 0 and 0 0.
static const float ITEMS[] = {10,   1,         /**/ 1.2f, 10,        /**/ 10,
                              0.9f, /**/ 0.1f, 0.1f,      /**/ 9.9f, 1.1f};

static const char *write_floats(void **state, const char *name, const float *values,
                                const size_t *shape, size_t dim_count)
{
    nj_error err = {0};
    const char *path = sandbox_path(state, name);
    assert_ok(nj_npy_write(path, NJ_NPY_F32, shape, dim_count, values, &err), &err);
    return path;
}

static nj_assign_config write_example(void **state)
{
    return (nj_assign_config){
        .embeddings_path = write_floats(state, "items.npy", ITEMS, (size_t[]){5, 2}, 2),
        .codebooks_path = write_floats(state, "books.npy", BOOKS, (size_t[]){2, 3, 2}, 3),
        .kernels = nj_kernels_at(0)};
}

static void refuse(const nj_assign_config *config, const nj_catalogue_options *options,
                   const char *says)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    assert_refused(nj_catalogue_assign(config, options, NULL, &catalogue, &err), NJ_INPUT, &err,
                   says);
    assert_null(catalogue);
}

static void equal_codes_are_counted_in_row_order(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    nj_quant_error error;
    nj_catalogue_summary summary;
    nj_assign_config config = write_example(state);
    assert_ok(nj_catalogue_assign(&config, &PLAIN, &error, &catalogue, &err), &err);

    assert_memory_equal(
        catalogue->sids.codes,
        ((uint16_t[]){1, 2, 0, /**/ 2, 1, 0, /**/ 1, 2, 1, /**/ 0, 0, 0, /**/ 1, 2, 2}), 30);
    assert_memory_equal(catalogue->sids.codes_per_level, ((uint32_t[]){3, 3, 3}), 12);
    assert_memory_equal(catalogue->level_token_base, ((uint32_t[]){2, 5, 8}), 12);
    assert_true(catalogue->has_suffix);
    assert_int_equal(error.row_count, 5);
    assert_true(fabs(nj_quant_error_mean(&error, 1) - (0.04 + 0.01 + 0.02 + 0.02) / 5) < 1e-6);
    assert_ok(nj_catalogue_show(catalogue, &summary, &err), &err);
    assert_int_equal(summary.collision_item_count, 3);
    assert_int_equal(summary.sharing_item_count, 0);
    assert_int_equal(summary.embedding_width, 2);
    nj_catalogue_free(&catalogue);
}

static void without_a_suffix_equal_codes_stay_equal(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    nj_catalogue_summary summary;
    nj_assign_config config = write_example(state);
    config.collisions.policy = NJ_COLLISIONS_LEAVES;
    assert_ok(nj_catalogue_assign(&config, &PLAIN, NULL, &catalogue, &err), &err);

    assert_memory_equal(catalogue->sids.codes, ((uint16_t[]){1, 2, 2, 1, 1, 2, 0, 0, 1, 2}), 20);
    assert_false(catalogue->has_suffix);
    assert_ok(nj_catalogue_show(catalogue, &summary, &err), &err);
    assert_int_equal(summary.sharing_item_count, 3);
    assert_int_equal(summary.largest_leaf_item_count, 3);
    nj_catalogue_free(&catalogue);
}

static void a_counter_that_reaches_k_is_refused_with_its_prefix(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    static const float SAME[] = {10, 1, 10, 1, 10, 1, 10, 1};
    nj_assign_config config = write_example(state);
    config.embeddings_path = write_floats(state, "three.npy", SAME, (size_t[]){3, 2}, 2);
    assert_ok(nj_catalogue_assign(&config, &PLAIN, NULL, &catalogue, &err), &err);
    nj_catalogue_free(&catalogue);

    config.embeddings_path = write_floats(state, "four.npy", SAME, (size_t[]){4, 2}, 2);
    refuse(&config, &PLAIN, "4 items share the codes 1 2, the collision counter has 3 codes");
    config.collisions.policy = NJ_COLLISIONS_LEAVES;
    assert_ok(nj_catalogue_assign(&config, &PLAIN, NULL, &catalogue, &err), &err);
    nj_catalogue_free(&catalogue);
}

static void half_precision_embeddings_give_the_codes_of_their_values(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    static const uint16_t HALVES[] = {0x4900, 0x3c00,      /**/ 0x3c00,
                                      0x4900, /**/ 0x0000, 0x8000}; // 10 1, 1 10, 0 -0
    static const float FLOATS[] = {10, 1, /**/ 1, 10, /**/ 0, -0.0f};
    nj_assign_config config = write_example(state);
    config.embeddings_path = sandbox_path(state, "half.npy");
    assert_ok(nj_npy_write(config.embeddings_path, NJ_NPY_F16, (size_t[]){3, 2}, 2, HALVES, &err),
              &err);
    assert_ok(nj_catalogue_assign(&config, &PLAIN, NULL, &catalogue, &err), &err);
    assert_memory_equal(catalogue->sids.codes, ((uint16_t[]){1, 2, 0, 2, 1, 0, 0, 0, 0}), 18);
    nj_digest halves = catalogue->embeddings_digest;
    nj_catalogue_free(&catalogue);

    // The fingerprint names values, not how they are stored.
    config.embeddings_path = write_floats(state, "float.npy", FLOATS, (size_t[]){3, 2}, 2);
    assert_ok(nj_catalogue_assign(&config, &PLAIN, NULL, &catalogue, &err), &err);
    assert_true(catalogue->has_embeddings);
    assert_true(nj_digest_equal(&halves, &catalogue->embeddings_digest));
    nj_catalogue_free(&catalogue);
}

static void a_catalogue_lends_its_codebooks_to_the_next(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    nj_catalogue *again = NULL;
    nj_catalogue *back = NULL;
    nj_assign_config config = write_example(state);
    const char *folder = sandbox_path(state, "cat");
    assert_ok(nj_catalogue_assign(&config, &PLAIN, NULL, &catalogue, &err), &err);
    assert_ok(nj_catalogue_write(folder, catalogue, false, &err), &err);
    config.codebooks_path = folder;
    assert_ok(nj_catalogue_assign(&config, &PLAIN, NULL, &again, &err), &err);
    assert_ok(nj_catalogue_read(folder, &back, &err), &err);

    assert_memory_equal(again->sids.codes, catalogue->sids.codes, 30);
    assert_true(nj_digest_equal(&again->codebooks_digest, &catalogue->codebooks_digest));
    assert_int_equal(back->codebooks.level_count, 2);
    assert_int_equal(back->codebooks.D, 2);
    assert_memory_equal(back->codebooks.vectors[0], BOOKS, 24);
    assert_memory_equal(back->codebooks.vectors[1], BOOKS + 6, 24);
    assert_true(back->has_suffix);
    assert_true(back->has_embeddings);
    assert_true(nj_digest_equal(&back->embeddings_digest, &catalogue->embeddings_digest));
    nj_catalogue_free(&back);
    nj_catalogue_free(&again);
    nj_catalogue_free(&catalogue);
}

static void a_catalogue_without_codebooks_lends_none(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    nj_assign_config config = write_example(state);
    const char *sids = sandbox_path(state, "sids.npy");
    const char *folder = sandbox_path(state, "cat");
    const nj_codes_per_level K = {{4}, 1};
    assert_ok(nj_npy_write(sids, NJ_NPY_I32, (size_t[]){1, 1}, 2, (int32_t[]){0}, &err), &err);
    assert_ok(nj_catalogue_from_sids(sids, &K, &PLAIN, &catalogue, &err), &err);
    assert_ok(nj_catalogue_write(folder, catalogue, false, &err), &err);
    nj_catalogue_free(&catalogue);
    config.codebooks_path = folder;
    refuse(&config, &PLAIN, "without codebooks");
}

static void shapes_that_do_not_fit_are_refused_with_both_numbers(void **state)
{
    nj_assign_config config = write_example(state);
    const char *good = config.embeddings_path;
    config.embeddings_path = write_floats(state, "wide.npy", ITEMS, (size_t[]){3, 3}, 2);
    refuse(&config, &PLAIN, "embeddings are 3 wide, the codebooks of");
    refuse(&config, &PLAIN, "books.npy 2");
    config.embeddings_path = write_floats(state, "flat.npy", ITEMS, (size_t[]){10}, 1);
    refuse(&config, &PLAIN, "1 dimensions, embeddings have 2");
    config.embeddings_path = write_floats(state, "none.npy", ITEMS, (size_t[]){0, 2}, 2);
    refuse(&config, &PLAIN, "0 items");

    config.embeddings_path = good;
    config.codebooks_path = write_floats(state, "flatbooks.npy", BOOKS, (size_t[]){6, 2}, 2);
    refuse(&config, &PLAIN, "2 dimensions, codebooks have 3");
    config.codebooks_path = write_floats(state, "one.npy", BOOKS, (size_t[]){2, 1, 2}, 3);
    refuse(&config, &PLAIN, "shape [2, 1, 2], must be");
    config.codebooks_path = write_floats(state, "empty.npy", BOOKS, (size_t[]){0, 2, 2}, 3);
    refuse(&config, &PLAIN, "shape [0, 2, 2]");
}

static void eight_levels_leave_no_room_for_a_counter(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    static const float ZEROS[8 * 2 * 2] = {0};
    nj_assign_config config = write_example(state);
    config.codebooks_path = write_floats(state, "deep.npy", ZEROS, (size_t[]){8, 2, 2}, 3);
    refuse(&config, &PLAIN, "8 levels and a collision counter make 9, the limit is 8");
    config.collisions.policy = NJ_COLLISIONS_LEAVES;
    assert_ok(nj_catalogue_assign(&config, &PLAIN, NULL, &catalogue, &err), &err);
    assert_int_equal(catalogue->sids.level_count, 8);
    nj_catalogue_free(&catalogue);
}

static void values_that_are_not_finite_are_refused_with_their_place(void **state)
{
    nj_assign_config config = write_example(state);
    float items[10];
    memcpy(items, ITEMS, sizeof items);
    items[7] = NAN;
    config.embeddings_path = write_floats(state, "nan.npy", items, (size_t[]){5, 2}, 2);
    refuse(&config, &PLAIN, "nan.npy: row 3, column 1");
    items[7] = 0;
    items[8] = -INFINITY;
    config.embeddings_path = write_floats(state, "inf.npy", items, (size_t[]){5, 2}, 2);
    refuse(&config, &PLAIN, "inf.npy: row 4, column 0");

    config = write_example(state);
    float books[12];
    memcpy(books, BOOKS, sizeof books);
    books[9] = NAN;
    config.codebooks_path = write_floats(state, "nanbooks.npy", books, (size_t[]){2, 3, 2}, 3);
    refuse(&config, &PLAIN, "nanbooks.npy: element [1, 1, 1]");
}

static void ids_that_do_not_fit_the_embeddings_are_refused(void **state)
{
    nj_assign_config config = write_example(state);
    nj_catalogue_options options = {.ids_path = sandbox_write(state, "ids", "a\nb\n", 4)};
    refuse(&config, &options, "ids: 2 ids, there are 5 items");
    options.ids_path = sandbox_write(state, "twice", "a\nb\nc\nb\ne\n", 10);
    refuse(&config, &options, "line 4");
}

// More rows than a block of embeddings holds, with an odd width.
static void many_blocks_give_what_one_block_gives(void **state)
{
    enum { D = 1021, N = 5000, PERIOD = 7 };
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    float *items = malloc(sizeof(float) * N * D);
    float *books = malloc(sizeof(float) * PERIOD * D);
    assert_non_null(items);
    assert_non_null(books);
    assert_true((size_t)N * D * sizeof(float) > NJ_ENCODE_SHARD_BYTES);
    for (size_t i = 0; i < (size_t)PERIOD * D; i++) {
        books[i] = (float)(i * 2654435761u % 1000u) / 1000.0f;
    }
    for (size_t row = 0; row < N; row++) {
        memcpy(items + row * D, books + row % PERIOD * D, D * sizeof *items);
    }
    nj_assign_config config = {
        .embeddings_path = write_floats(state, "items.npy", items, (size_t[]){N, D}, 2),
        .codebooks_path = write_floats(state, "books.npy", books, (size_t[]){1, PERIOD, D}, 3),
        .collisions = {.policy = NJ_COLLISIONS_LEAVES},
        .kernels = nj_kernels_at(0)};
    assert_ok(nj_catalogue_assign(&config, &PLAIN, NULL, &catalogue, &err), &err);
    for (size_t row = 0; row < N; row++) {
        assert_int_equal(catalogue->sids.codes[row], row % PERIOD);
    }
    nj_catalogue_free(&catalogue);
    free(books);
    free(items);
}

static void the_beauty_embeddings_give_the_beauty_sids_with_every_set_of_kernels(void **state)
{
    (void)state;
    const char *sids_path = shared_path("fixtures/beauty-tiger/sids.npy");
    if (sids_path == NULL) {
        skip_loudly("fixtures/beauty-tiger is absent");
    }
    nj_error err = {0};
    nj_catalogue *expected = NULL;
    const nj_codes_per_level K = {{256}, 1};
    const nj_catalogue_options options = {
        .ids_path = shared_path("fixtures/beauty-tiger/items.txt"), .token_base = 2};
    nj_assign_config config = {.embeddings_path = shared_path("fixtures/beauty-tiger/item_emb.npy"),
                               .codebooks_path =
                                   shared_path("fixtures/beauty-tiger/codebooks.npy")};
    assert_ok(nj_catalogue_from_sids(sids_path, &K, &options, &expected, &err), &err);
    for (size_t set = 0; nj_kernels_at(set) != NULL; set++) {
        if (strcmp(nj_kernels_at(set)->precision, "float32") != 0) {
            continue; // a catalogue is assigned by exact kernels
        }
        nj_catalogue *catalogue = NULL;
        nj_quant_error error;
        config.kernels = nj_kernels_at(set);
        assert_ok(nj_catalogue_assign(&config, &options, &error, &catalogue, &err), &err);
        assert_int_equal(catalogue->sids.row_count, 12101);
        assert_memory_equal(catalogue->sids.codes, expected->sids.codes,
                            12101 * 4 * sizeof(uint16_t));
        assert_true(nj_digest_equal(&catalogue->sids_digest, &expected->sids_digest));
        assert_true(nj_digest_equal(&catalogue->items_digest, &expected->items_digest));
        assert_true(nj_quant_error_mean(&error, 2) < nj_quant_error_mean(&error, 1));
        assert_true(nj_quant_error_mean(&error, 1) < nj_quant_error_mean(&error, 0));
        assert_ok(nj_vocabulary_check(&catalogue->sids, catalogue->level_token_base,
                                      &catalogue->template, 1026, &err),
                  &err);
        nj_catalogue_free(&catalogue);
    }
    nj_catalogue_free(&expected);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(equal_codes_are_counted_in_row_order),
        IN_SANDBOX(without_a_suffix_equal_codes_stay_equal),
        IN_SANDBOX(a_counter_that_reaches_k_is_refused_with_its_prefix),
        IN_SANDBOX(half_precision_embeddings_give_the_codes_of_their_values),
        IN_SANDBOX(a_catalogue_lends_its_codebooks_to_the_next),
        IN_SANDBOX(a_catalogue_without_codebooks_lends_none),
        IN_SANDBOX(shapes_that_do_not_fit_are_refused_with_both_numbers),
        IN_SANDBOX(eight_levels_leave_no_room_for_a_counter),
        IN_SANDBOX(values_that_are_not_finite_are_refused_with_their_place),
        IN_SANDBOX(ids_that_do_not_fit_the_embeddings_are_refused),
        IN_SANDBOX(many_blocks_give_what_one_block_gives),
        cmocka_unit_test(the_beauty_embeddings_give_the_beauty_sids_with_every_set_of_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
