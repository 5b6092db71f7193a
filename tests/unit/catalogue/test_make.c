// test_make.c - catalogues from SIDs that others made: arrays and index.json.
#include "common/catalogue/catalogue_make.h"

#include <stdio.h>

#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

static const nj_catalogue_options PLAIN = {.token_base = 2};

static const char *write_sids(void **state, const int64_t *values, size_t N, size_t L)
{
    nj_error err = {0};
    const char *path = sandbox_path(state, "sids.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_I64, (size_t[]){N, L}, 2, values, &err), &err);
    return path;
}

static const char *write_text(void **state, const char *name, const char *text)
{
    return sandbox_write(state, name, text, strlen(text));
}

static void assert_id(const nj_catalogue *catalogue, size_t index, const char *id)
{
    assert_true(nj_slice_equal(nj_idlist_at(&catalogue->items, index), nj_slice_from(id)));
}

static void an_array_becomes_a_catalogue_with_its_tokens(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    const char *sids = write_sids(state, (int64_t[]){1, 2, 0, /**/ 0, 65535, 3}, 2, 3);
    const nj_codes_per_level K = {{2, 65536, 4}, 3};
    nj_catalogue_options options = {.ids_path = write_text(state, "ids", "x\r\ny\n"),
                                    .token_base = 100};
    assert_ok(nj_catalogue_from_sids(sids, &K, &options, &catalogue, &err), &err);

    assert_int_equal(catalogue->sids.row_count, 2);
    assert_int_equal(catalogue->sids.level_count, 3);
    assert_memory_equal(catalogue->sids.codes, ((uint16_t[]){1, 2, 0, 0, 65535, 3}), 12);
    assert_memory_equal(catalogue->level_token_base, ((uint32_t[]){100, 102, 65638}), 12);
    assert_id(catalogue, 0, "x");
    assert_id(catalogue, 1, "y");
    assert_false(catalogue->has_suffix);
    assert_int_equal(catalogue->codebooks.level_count, 0);
    nj_catalogue_free(&catalogue);
    assert_null(catalogue);
}

static void one_number_of_codes_counts_for_every_level_and_rows_are_their_own_ids(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    const char *sids = write_sids(state, (int64_t[]){1, 2, /**/ 0, 3}, 2, 2);
    const nj_codes_per_level K = {{128}, 1};
    assert_ok(nj_catalogue_from_sids(sids, &K, &PLAIN, &catalogue, &err), &err);

    assert_memory_equal(catalogue->sids.codes_per_level, ((uint32_t[]){128, 128}), 8);
    assert_memory_equal(catalogue->level_token_base, ((uint32_t[]){2, 130}), 8);
    assert_id(catalogue, 0, "0");
    assert_id(catalogue, 1, "1");
    nj_catalogue_free(&catalogue);
}

static void refuse_sids(const char *sids, nj_codes_per_level K, const nj_catalogue_options *options,
                        nj_status expected, const char *says)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    assert_refused(nj_catalogue_from_sids(sids, &K, options, &catalogue, &err), expected, &err,
                   says);
    assert_null(catalogue);
}

static void codes_outside_their_level_are_refused_with_their_place(void **state)
{
    const char *sids = write_sids(state, (int64_t[]){1, 2, /**/ 0, 3}, 2, 2);
    refuse_sids(sids, (nj_codes_per_level){{2, 3}, 2}, &PLAIN, NJ_INPUT,
                "row 1, level 1: code 3, must be 0 to 2");
    sids = write_sids(state, (int64_t[]){1, -1}, 1, 2);
    refuse_sids(sids, (nj_codes_per_level){{4}, 1}, &PLAIN, NJ_INPUT, "row 0, level 1: code -1");
    sids = write_sids(state, (int64_t[]){INT64_MAX, 0}, 1, 2);
    refuse_sids(sids, (nj_codes_per_level){{65536}, 1}, &PLAIN, NJ_INPUT,
                "code 9223372036854775807");
}

static void a_code_behind_the_first_block_of_rows_is_refused_with_its_row(void **state)
{
    enum { ROWS = 9000 };
    static int64_t values[ROWS];
    values[8999] = 2;
    const char *sids = write_sids(state, values, ROWS, 1);
    refuse_sids(sids, (nj_codes_per_level){{2}, 1}, &PLAIN, NJ_INPUT, "row 8999, level 0: code 2");
}

static void numbers_of_codes_that_do_not_fit_the_levels_are_a_usage_error(void **state)
{
    const char *sids = write_sids(state, (int64_t[]){0, 0, 0}, 1, 3);
    refuse_sids(sids, (nj_codes_per_level){{0}, 0}, &PLAIN, NJ_USAGE,
                "--codes-per-level is required");
    refuse_sids(sids, (nj_codes_per_level){{4, 4}, 2}, &PLAIN, NJ_USAGE,
                "has 2 numbers, must be one, or one for each of 3 levels");
    refuse_sids(sids, (nj_codes_per_level){{1}, 1}, &PLAIN, NJ_USAGE,
                "--codes-per-level is 1 for level 0");
    refuse_sids(sids, (nj_codes_per_level){{4, 65537, 4}, 3}, &PLAIN, NJ_USAGE,
                "must be 2 to 65536");
}

static void arrays_of_another_shape_or_kind_are_refused(void **state)
{
    nj_error err = {0};
    const nj_codes_per_level K = {{4}, 1};
    const char *path = sandbox_path(state, "other.npy");
    static const int64_t ZEROS[9] = {0};
    assert_ok(nj_npy_write(path, NJ_NPY_I64, (size_t[]){9}, 1, ZEROS, &err), &err);
    refuse_sids(path, K, &PLAIN, NJ_INPUT, "1 dimensions, SIDs have 2");
    assert_ok(nj_npy_write(path, NJ_NPY_I64, (size_t[]){1, 9}, 2, ZEROS, &err), &err);
    refuse_sids(path, K, &PLAIN, NJ_INPUT, "9 levels, must be 1 to 8");
    assert_ok(nj_npy_write(path, NJ_NPY_I64, (size_t[]){4, 0}, 2, ZEROS, &err), &err);
    refuse_sids(path, K, &PLAIN, NJ_INPUT, "0 levels");
    assert_ok(nj_npy_write(path, NJ_NPY_I64, (size_t[]){0, 4}, 2, ZEROS, &err), &err);
    refuse_sids(path, K, &PLAIN, NJ_INPUT, "0 items");
    assert_ok(nj_npy_write(path, NJ_NPY_F64, (size_t[]){2, 4}, 2, ZEROS, &err), &err);
    refuse_sids(path, K, &PLAIN, NJ_INPUT, "whole numbers are needed");
    refuse_sids(sandbox_path(state, "nowhere.npy"), K, &PLAIN, NJ_NOT_FOUND, "nowhere.npy");
}

static void ids_that_do_not_fit_the_rows_are_refused(void **state)
{
    const char *sids = write_sids(state, (int64_t[]){0, 1, 2}, 3, 1);
    const nj_codes_per_level K = {{4}, 1};
    nj_catalogue_options options = {.ids_path = write_text(state, "short", "a\nb\n")};
    refuse_sids(sids, K, &options, NJ_INPUT, "2 ids, there are 3 items");
    options.ids_path = write_text(state, "twice", "a\nb\na\n");
    refuse_sids(sids, K, &options, NJ_INPUT, "line 3");
    refuse_sids(sids, K, &options, NJ_INPUT, "line 1 too");
    options.ids_path = sandbox_path(state, "absent");
    refuse_sids(sids, K, &options, NJ_NOT_FOUND, "absent");
}

static void tokens_behind_the_last_one_are_refused(void **state)
{
    const char *sids = write_sids(state, (int64_t[]){0, 1}, 1, 2);
    const nj_codes_per_level K = {{65536}, 1};
    nj_catalogue_options options = {.token_base = NJ_TOKEN_MAX - 2 * 65536 + 1};
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    assert_ok(nj_catalogue_from_sids(sids, &K, &options, &catalogue, &err), &err);
    nj_catalogue_free(&catalogue);
    options.token_base++;
    refuse_sids(sids, K, &options, NJ_INPUT, "tokens of level 1 end at 2147483648");
}

static void an_index_gives_all_levels_its_highest_code_and_one(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    const nj_codes_per_level none = {{0}, 0};
    const char *index = write_text(
        state, "index.json", "{\"1\": [\"<a_0>\", \"<b_7>\"], \"0\": [\"<a_3>\", \"<b_1>\"]}");
    assert_ok(nj_catalogue_from_index_json(index, &none, &PLAIN, &catalogue, &err), &err);
    assert_memory_equal(catalogue->sids.codes, ((uint16_t[]){3, 1, 0, 7}), 8);
    assert_memory_equal(catalogue->sids.codes_per_level, ((uint32_t[]){8, 8}), 8);
    assert_memory_equal(catalogue->level_token_base, ((uint32_t[]){2, 10}), 8);
    assert_id(catalogue, 1, "1");
    nj_catalogue_free(&catalogue);

    const nj_codes_per_level K = {{4, 256}, 2};
    assert_ok(nj_catalogue_from_index_json(index, &K, &PLAIN, &catalogue, &err), &err);
    assert_memory_equal(catalogue->level_token_base, ((uint32_t[]){2, 6}), 8);
    nj_catalogue_free(&catalogue);
}

static void an_index_of_zeros_still_has_levels_of_two_codes(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    const nj_codes_per_level none = {{0}, 0};
    const char *index = write_text(state, "index.json", "{\"0\": [\"<a_0>\"]}");
    assert_ok(nj_catalogue_from_index_json(index, &none, &PLAIN, &catalogue, &err), &err);
    assert_int_equal(catalogue->sids.codes_per_level[0], 2);
    nj_catalogue_free(&catalogue);
}

static void an_index_whose_codes_exceed_what_is_stated_is_refused(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    const nj_codes_per_level K = {{4}, 1};
    const char *index = write_text(state, "index.json", "{\"0\": [\"<a_0>\", \"<b_4>\"]}");
    assert_refused(nj_catalogue_from_index_json(index, &K, &PLAIN, &catalogue, &err), NJ_INPUT,
                   &err, "index.json: row 0, level 1: code 4, the level has 4 codes");
    assert_null(catalogue);
}

static void the_beauty_index_made_by_others_has_24_items_that_share_a_sid(void **state)
{
    (void)state;
    const char *path = shared_path("data/beauty/Beauty.index.json");
    if (path == NULL) {
        skip_loudly("data/beauty/Beauty.index.json is absent");
    }
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    nj_catalogue_summary summary;
    const nj_codes_per_level none = {{0}, 0};
    assert_ok(nj_catalogue_from_index_json(path, &none, &PLAIN, &catalogue, &err), &err);
    assert_ok(nj_catalogue_show(catalogue, &summary, &err), &err);

    assert_int_equal(summary.item_count, 12101);
    assert_int_equal(summary.level_count, 4);
    assert_int_equal(summary.codes_per_level[3], 256);
    assert_int_equal(summary.sharing_item_count, 24);
    assert_memory_equal(catalogue->sids.codes, ((uint16_t[]){183, 70, 232, 6}), 8);
    nj_catalogue_free(&catalogue);
}

static void make_of_rows(uint32_t N, nj_catalogue **out)
{
    nj_error err = {0};
    nj_idlist_builder ids;
    nj_idlist_builder_init(&ids);
    for (uint32_t row = 0; row < N; row++) {
        char id[24];
        const int size = snprintf(id, sizeof id, "item-%u", row);
        assert_int_equal(nj_idlist_builder_add(&ids, (nj_slice){id, (size_t)size}), NJ_OK);
    }
    assert_ok(nj_catalogue_from_rows(&ids, "items.tsv", out, &err), &err);
    nj_idlist_builder_fini(&ids);
}

static void assert_rows_are_sids(uint32_t N, uint32_t L, uint32_t first_codes)
{
    nj_catalogue *catalogue = NULL;
    make_of_rows(N, &catalogue);
    const nj_sids *sids = &catalogue->sids;
    assert_int_equal(sids->level_count, L);
    assert_int_equal(sids->codes_per_level[0], first_codes);
    for (uint32_t row = 0; row < N; row++) {
        uint32_t number = 0;
        for (uint32_t l = 0; l < L; l++) {
            number = number * NJ_CODES_MAX + sids->codes[row * L + l];
        }
        assert_int_equal(number, row);
    }
    nj_catalogue_free(&catalogue);
}

static void rows_are_semantic_ids_where_there_are_no_others(void **state)
{
    (void)state;
    nj_catalogue *catalogue = NULL;
    assert_rows_are_sids(1, 1, 2);
    assert_rows_are_sids(3, 1, 3);
    assert_rows_are_sids(NJ_CODES_MAX, 1, NJ_CODES_MAX);
    assert_rows_are_sids(NJ_CODES_MAX + 1, 2, 2);
    assert_rows_are_sids(3 * NJ_CODES_MAX, 2, 3);
    make_of_rows(3, &catalogue);
    assert_id(catalogue, 2, "item-2");
    nj_catalogue_free(&catalogue);
}

static void ids_of_rows_are_there_and_differ(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_idlist_builder ids;
    nj_catalogue *catalogue = NULL;
    nj_idlist_builder_init(&ids);
    assert_refused(nj_catalogue_from_rows(&ids, "items.tsv", &catalogue, &err), NJ_INPUT, &err,
                   "items.tsv: 0 items");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(nj_idlist_builder_add(&ids, nj_slice_from(i == 1 ? "b" : "a")), NJ_OK);
    }
    assert_refused(nj_catalogue_from_rows(&ids, "items.tsv", &catalogue, &err), NJ_INPUT, &err,
                   "items.tsv");
    assert_non_null(strstr(err.text, "3"));
    assert_null(catalogue);
    nj_idlist_builder_fini(&ids);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(an_array_becomes_a_catalogue_with_its_tokens),
        IN_SANDBOX(one_number_of_codes_counts_for_every_level_and_rows_are_their_own_ids),
        IN_SANDBOX(codes_outside_their_level_are_refused_with_their_place),
        IN_SANDBOX(a_code_behind_the_first_block_of_rows_is_refused_with_its_row),
        IN_SANDBOX(numbers_of_codes_that_do_not_fit_the_levels_are_a_usage_error),
        IN_SANDBOX(arrays_of_another_shape_or_kind_are_refused),
        IN_SANDBOX(ids_that_do_not_fit_the_rows_are_refused),
        IN_SANDBOX(tokens_behind_the_last_one_are_refused),
        IN_SANDBOX(an_index_gives_all_levels_its_highest_code_and_one),
        IN_SANDBOX(an_index_of_zeros_still_has_levels_of_two_codes),
        IN_SANDBOX(an_index_whose_codes_exceed_what_is_stated_is_refused),
        cmocka_unit_test(rows_are_semantic_ids_where_there_are_no_others),
        cmocka_unit_test(ids_of_rows_are_there_and_differ),
        cmocka_unit_test(the_beauty_index_made_by_others_has_24_items_that_share_a_sid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
