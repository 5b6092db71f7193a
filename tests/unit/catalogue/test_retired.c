// test_retired.c - retired items: written, read back, counted; what names a catalogue's SIDs does not change with them.
#include <stdlib.h>
#include <unistd.h>

#include "common/catalogue/catalogue_make.h"
#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define ROWS 4

// Rows 0 and 3 share a SID.
static const int32_t SIDS[] = {1, 2, 0, /**/ 0, 3, 1, /**/ 1, 2, 2, /**/ 1, 2, 0};

static nj_catalogue *make_example(void **state, const char *ids, size_t row_count)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    const char *sids = sandbox_path(state, "sids.npy");
    const nj_codes_per_level K = {{2, 4, 3}, 3};
    const nj_catalogue_options options = {.ids_path =
                                              sandbox_write(state, "ids.txt", ids, strlen(ids))};
    assert_ok(nj_npy_write(sids, NJ_NPY_I32, (size_t[]){row_count, 3}, 2, SIDS, &err), &err);
    assert_ok(nj_catalogue_from_sids(sids, &K, &options, &catalogue, &err), &err);
    return catalogue;
}

static void retire(nj_catalogue *catalogue, const uint8_t marks[ROWS])
{
    uint8_t *owned = malloc(ROWS);
    assert_non_null(owned);
    memcpy(owned, marks, ROWS);
    nj_catalogue_retire_take(catalogue, &owned);
    assert_null(owned);
}

static bool has_file(void **state, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "cat/%s", name);
    return access(sandbox_path(state, path), F_OK) == 0;
}

static void retired_items_are_written_read_back_and_left_out_of_the_counts(void **state)
{
    nj_error err = {0};
    nj_catalogue *back = NULL;
    nj_catalogue_summary summary;
    nj_catalogue *catalogue = make_example(state, "a\nb\nc\nd\n", ROWS);
    retire(catalogue, (uint8_t[]){0, 1, 0, 1});
    assert_ok(nj_catalogue_write(sandbox_path(state, "cat"), catalogue, false, &err), &err);
    assert_ok(nj_catalogue_read(sandbox_path(state, "cat"), &back, &err), &err);

    assert_int_equal(back->retired_count, 2);
    assert_memory_equal(back->sids.retired, ((uint8_t[]){0, 1, 0, 1}), ROWS);
    assert_true(nj_digest_equal(&back->retired_digest, &catalogue->retired_digest));
    assert_true(nj_digest_equal(&back->sids_digest, &catalogue->sids_digest));
    assert_int_equal(back->items.count, ROWS);

    assert_ok(nj_catalogue_show(back, &summary, &err), &err);
    assert_int_equal(summary.item_count, ROWS);
    assert_int_equal(summary.retired_count, 2);
    assert_int_equal(summary.distinct_sid_count, 2);
    assert_int_equal(summary.sharing_item_count, 0); // the item that row 0 shares with is retired
    nj_catalogue_free(&back);
    nj_catalogue_free(&catalogue);
}

static void a_catalogue_with_nothing_retired_is_of_version_1_and_has_no_marks(void **state)
{
    nj_error err = {0};
    nj_catalogue *catalogue = make_example(state, "a\nb\nc\nd\n", ROWS);
    retire(catalogue, (uint8_t[]){0, 1, 0, 0});
    const nj_digest once = catalogue->retired_digest;
    retire(catalogue, (uint8_t[]){0, 0, 0, 0});
    assert_null(catalogue->sids.retired);
    assert_int_equal(catalogue->retired_count, 0);
    assert_false(nj_digest_equal(&once, &catalogue->retired_digest));
    assert_ok(nj_catalogue_write(sandbox_path(state, "cat"), catalogue, false, &err), &err);
    assert_false(has_file(state, "retired.npy"));

    char *json = NULL;
    size_t size = 0;
    assert_ok(nj_file_read(sandbox_path(state, "cat/catalogue.json"), 1 << 20, &json, &size, &err),
              &err);
    assert_non_null(strstr(json, "\"version\": 1,"));
    assert_null(strstr(json, "retired"));
    free(json);
    nj_catalogue_free(&catalogue);
}

static void the_digest_of_a_map_is_of_its_first_rows_and_not_of_what_is_sold(void **state)
{
    nj_catalogue *first = make_example(state, "a\nb\nc\n", 3);
    nj_catalogue *longer = make_example(state, "a\nb\nc\nd\n", 4);
    nj_catalogue *renamed = make_example(state, "a\nB\nc\nd\n", 4);
    const nj_digest learned = nj_catalogue_map_digest(first, 3);
    nj_digest digest = nj_catalogue_map_digest(longer, 3);
    assert_true(nj_digest_equal(&learned, &digest));
    retire(longer, (uint8_t[]){1, 1, 0, 0});
    digest = nj_catalogue_map_digest(longer, 3);
    assert_true(nj_digest_equal(&learned, &digest));

    digest = nj_catalogue_map_digest(longer, 4);
    assert_false(nj_digest_equal(&learned, &digest));
    digest = nj_catalogue_map_digest(renamed, 3);
    assert_false(nj_digest_equal(&learned, &digest));
    longer->codes[5]++;
    digest = nj_catalogue_map_digest(longer, 3);
    assert_false(nj_digest_equal(&learned, &digest));
    nj_catalogue_free(&first);
    nj_catalogue_free(&longer);
    nj_catalogue_free(&renamed);
}

static void where_a_catalogue_comes_from_is_written_with_it_and_goes_with_it(void **state)
{
    nj_error err = {0};
    const char *folder = sandbox_path(state, "cat");
    nj_catalogue *catalogue = make_example(state, "a\nb\nc\nd\n", ROWS);
    const nj_catalogue_origin origin = {nj_slice_from("{}\n"), SIDS};
    assert_ok(nj_catalogue_write_from(folder, catalogue, &origin, false, &err), &err);
    assert_true(has_file(state, NJ_CATALOGUE_REFIT) && has_file(state, NJ_CATALOGUE_OLD_SIDS));
    assert_ok(nj_catalogue_write(folder, catalogue, true, &err), &err);
    assert_false(has_file(state, NJ_CATALOGUE_REFIT) || has_file(state, NJ_CATALOGUE_OLD_SIDS));
    nj_catalogue_free(&catalogue);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(retired_items_are_written_read_back_and_left_out_of_the_counts),
        IN_SANDBOX(a_catalogue_with_nothing_retired_is_of_version_1_and_has_no_marks),
        IN_SANDBOX(the_digest_of_a_map_is_of_its_first_rows_and_not_of_what_is_sold),
        IN_SANDBOX(where_a_catalogue_comes_from_is_written_with_it_and_goes_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
