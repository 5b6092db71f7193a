// test_refresh.c - a refresh, case by case: who stays, comes, goes and comes back, and what is refused.
#include "common/catalogue/catalogue_refresh.h"

#include <math.h>
#include <stdlib.h>

#include "common/catalogue/catalogue_assign.h"
#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define WIDTH 2
#define L 3

// Codes: level 0 by the first column (0 or 10), level 1 by the second (0 or 1); two codes each, and a counter of four.
static const float BOOKS[] = {0, 0, 10, 0, /**/ 0, 0, 0, 1};
static const float OLD[] = {0, 0, /**/ 10, 1, /**/ 10, 1.25f, /**/ 0, 1};
static const uint16_t OLD_SIDS[] = {0, 0, 0, /**/ 1, 1, 0, /**/ 1, 1, 1, /**/ 0, 1, 0};

static const char *write_floats(void **state, const char *name, const float *values, size_t rows,
                                size_t width)
{
    nj_error err = {0};
    const char *path = sandbox_path(state, name);
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){rows, width}, 2, values, &err), &err);
    return path;
}

static nj_catalogue *make_old_with(void **state, nj_collisions policy)
{
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    const char *books = sandbox_path(state, "books.npy");
    assert_ok(nj_npy_write(books, NJ_NPY_F32, (size_t[]){2, 2, 2}, 3, BOOKS, &err), &err);
    const nj_catalogue_options options = {.ids_path =
                                              sandbox_write(state, "old.txt", "a\nb\nc\nd\n", 8)};
    const nj_assign_config config = {
        .embeddings_path = write_floats(state, "old.npy", OLD, 4, WIDTH),
        .codebooks_path = books,
        .collisions = {.policy = policy, .suffix_codes = policy == NJ_COLLISIONS_SUFFIX ? 4 : 0}};
    assert_ok(nj_catalogue_assign(&config, &options, NULL, &catalogue, &err), &err);
    return catalogue;
}

static nj_catalogue *make_old(void **state)
{
    nj_catalogue *catalogue = make_old_with(state, NJ_COLLISIONS_SUFFIX);
    assert_memory_equal(catalogue->codes, OLD_SIDS, sizeof OLD_SIDS);
    return catalogue;
}

// `points` [rows, D] or NULL: without embeddings.
static nj_status refresh(void **state, nj_catalogue *catalogue, const char *ids,
                         const float *points, size_t rows, nj_refresh_config config,
                         nj_refresh_report *report, nj_error *err)
{
    config.ids_path = sandbox_write(state, "ids.txt", ids, strlen(ids));
    if (points != NULL) {
        config.embeddings_path = write_floats(state, "tonight.npy", points, rows, WIDTH);
    }
    return nj_catalogue_refresh(catalogue, &config, report, err);
}

static const nj_refresh_config ANY = {.retired_percent_max = 100};

static void assert_id(const nj_catalogue *catalogue, size_t row, const char *id)
{
    assert_true(nj_slice_equal(nj_idlist_at(&catalogue->items, row), nj_slice_from(id)));
}

static void assert_sid(const nj_catalogue *catalogue, size_t row, const uint16_t sid[L])
{
    assert_memory_equal(catalogue->codes + row * L, sid, L * sizeof *sid);
}

static void old_rows_stay_first_and_new_items_follow_in_tonights_order(void **state)
{
    nj_error err = {0};
    nj_refresh_report report;
    nj_catalogue *catalogue = make_old(state);
    const nj_digest learned = nj_catalogue_map_digest(catalogue, 4);
    // y and b share their codes with c, which is gone; x is alone.
    const float points[] = {10, 1, /**/ 10, 0, /**/ 10, 1.5f, /**/ 0, 0.25f};
    assert_ok(refresh(state, catalogue, "y\nx\nb\na\n", points, 4, ANY, &report, &err), &err);

    assert_int_equal(catalogue->sids.row_count, 6);
    assert_memory_equal(catalogue->codes, OLD_SIDS, sizeof OLD_SIDS);
    assert_id(catalogue, 3, "d");
    assert_id(catalogue, 4, "y");
    assert_id(catalogue, 5, "x");
    assert_sid(catalogue, 4, (uint16_t[]){1, 1, 2}); // 1 is c's for ever
    assert_sid(catalogue, 5, (uint16_t[]){1, 0, 0});
    assert_memory_equal(catalogue->sids.retired, ((uint8_t[]){0, 0, 1, 1, 0, 0}), 6);
    const nj_digest still = nj_catalogue_map_digest(catalogue, 4);
    assert_true(nj_digest_equal(&learned, &still));

    assert_int_equal(report.old_count, 4);
    assert_int_equal(report.tonight_count, 4);
    assert_int_equal(report.kept_count, 2);
    assert_int_equal(report.added_count, 2);
    assert_int_equal(report.returned_count, 0);
    assert_int_equal(report.retired_count, 2);
    assert_int_equal(report.gone_count, 2);
    assert_false(report.same_embeddings);
    nj_refresh_report_fini(&report);
    nj_catalogue_free(&catalogue);
}

static void an_item_that_comes_back_has_the_sid_that_it_had(void **state)
{
    nj_error err = {0};
    nj_refresh_report report;
    nj_catalogue *catalogue = make_old(state);
    assert_ok(refresh(state, catalogue, "a\nd\n", NULL, 0, ANY, &report, &err), &err);
    assert_int_equal(catalogue->retired_count, 2);
    assert_ok(refresh(state, catalogue, "c\na\nd\n", NULL, 0, ANY, &report, &err), &err);
    assert_int_equal(report.returned_count, 1);
    assert_int_equal(report.retired_count, 0);
    assert_int_equal(report.gone_count, 1);
    assert_memory_equal(catalogue->sids.retired, ((uint8_t[]){0, 1, 0, 0}), 4);
    assert_memory_equal(catalogue->codes, OLD_SIDS, sizeof OLD_SIDS);
    assert_ok(refresh(state, catalogue, "d\nc\nb\na\n", NULL, 0, ANY, &report, &err), &err);
    assert_null(catalogue->sids.retired);
    nj_catalogue_free(&catalogue);
}

static void drift_counts_items_whose_codes_would_be_others_and_moves_none(void **state)
{
    nj_error err = {0};
    nj_refresh_report report;
    nj_catalogue *catalogue = make_old(state);
    // a has gone to the other end of level 0, d to the other of level 1; b and c moved a little.
    const float points[] = {10, 0, /**/ 10, 1, /**/ 10, 1.5f, /**/ 0, 0};
    assert_ok(refresh(state, catalogue, "a\nb\nc\nd\n", points, 4, ANY, &report, &err), &err);
    assert_memory_equal(catalogue->codes, OLD_SIDS, sizeof OLD_SIDS);
    assert_true(report.drift.measured);
    assert_int_equal(report.drift.row_count, 4);
    assert_int_equal(report.drift.moved_count, 2);
    assert_int_equal(report.drift.moved_at[0], 1);
    assert_int_equal(report.drift.moved_at[1], 1);
    assert_true(report.drift.growth_sum == 101.0);                     // 100 of a, 1 of d
    assert_true(nj_quant_error_mean(&report.drift.best, 1) == 0.0625); // 0.25 of c

    const nj_refresh_config without = {.retired_percent_max = 100, .without_drift = true};
    assert_ok(refresh(state, catalogue, "a\nb\nc\nd\n", points, 4, without, &report, &err), &err);
    assert_false(report.drift.measured);
    assert_true(report.same_embeddings);
    nj_catalogue_free(&catalogue);
}

static void a_list_that_lacks_too_many_items_is_refused(void **state)
{
    nj_error err = {0};
    nj_refresh_report report = {0};
    nj_catalogue *catalogue = make_old(state);
    nj_refresh_config config = {.retired_percent_max = 49};
    assert_refused(refresh(state, catalogue, "a\nb\n", NULL, 0, config, &report, &err), NJ_REFUSED,
                   &err, "2 of 4 items that are sold are missing (50.0 %), --max-retired is 49");
    assert_int_equal(report.retired_count, 2);
    assert_int_equal(catalogue->retired_count, 0);
    config.retired_percent_max = 50;
    assert_ok(refresh(state, catalogue, "a\nb\n", NULL, 0, config, &report, &err), &err);
    // The next night counts what is sold by then: 1 of 2.
    assert_ok(refresh(state, catalogue, "b\nc\n", NULL, 0, config, &report, &err), &err);
    nj_catalogue_free(&catalogue);
}

static void what_cannot_be_refreshed_is_refused_and_nothing_changes(void **state)
{
    static const struct {
        const char *ids;
        size_t rows; // 0: without embeddings
        size_t nan;  // place of a NaN, + 1
        const char *says;
    } CASES[] = {
        {"a\nb\nc\n", 4, 0, "tonight.npy: 4 rows, "},
        {"a\nb\nc\nd\ne\n", 4, 0, "has 5 ids"},
        {"a\nb\nc\na\n", 4, 0, "line 4: id \"a\" stands on line 1 too"},
        {"a\nb\nc\nx\n", 0, 0, "line 4: \"x\" is new, as are 0 others"},
        {"a\n\nb\n", 0, 0, "line 2"},
        {"a\nb\nc\nd\n", 4, 6, "row 2, column 1: is not a number"},
        {"w\nx\ny\nz\n", 4, 0, "the collision counter has 4"},
    };
    nj_error err = {0};
    nj_refresh_report report;
    nj_catalogue *catalogue = make_old(state);
    const nj_digest before = nj_catalogue_map_digest(catalogue, 4);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        float points[] = {10, 1, /**/ 10, 1, /**/ 10, 1, /**/ 10, 1};
        if (CASES[i].nan > 0) {
            points[CASES[i].nan - 1] = NAN;
        }
        assert_refused(refresh(state, catalogue, CASES[i].ids, CASES[i].rows > 0 ? points : NULL,
                               CASES[i].rows, ANY, &report, &err),
                       NJ_INPUT, &err, CASES[i].says);
        const nj_digest after = nj_catalogue_map_digest(catalogue, 4);
        assert_int_equal(catalogue->sids.row_count, 4);
        assert_true(nj_digest_equal(&before, &after));
    }
    const char *ids = sandbox_write(state, "ids.txt", "a\nb\n", 4);
    const float wide[] = {0, 0, 0, 0, 0, 0};
    nj_refresh_config config = {.ids_path = ids,
                                .embeddings_path = write_floats(state, "wide.npy", wide, 2, 3),
                                .retired_percent_max = 100};
    assert_refused(nj_catalogue_refresh(catalogue, &config, &report, &err), NJ_INPUT, &err,
                   "embeddings are 3 wide, the codebooks' are 2");
    config.sids_path = ids;
    assert_refused(nj_catalogue_refresh(catalogue, &config, &report, &err), NJ_USAGE, &err,
                   "not both");
    nj_catalogue_free(&catalogue);
}

// Without a counter 0 0, 0 1 and 1 1 are taken: 1 0 is all that is left.
static void without_a_counter_a_new_item_gets_a_sid_that_nobody_has_had(void **state)
{
    nj_error err = {0};
    nj_refresh_report report;
    const float points[] = {0, 0.25f, /**/ 10, 1};
    nj_catalogue *catalogue = make_old_with(state, NJ_COLLISIONS_LEAVES);
    assert_int_equal(catalogue->sids.level_count, 2);
    assert_ok(refresh(state, catalogue, "x\nb\n", points, 2, ANY, &report, &err), &err);
    assert_memory_equal(catalogue->codes + 8, ((uint16_t[]){1, 0}), 4);
    assert_int_equal(report.collisions.moved_count, 1);
    // a, c and d are retired, but what they had stays theirs.
    assert_refused(refresh(state, catalogue, "y\nb\n", points, 2, ANY, &report, &err), NJ_INPUT,
                   &err, "SIDs");
    nj_catalogue_free(&catalogue);
}

static void with_shared_leaves_new_items_share_among_themselves(void **state)
{
    nj_error err = {0};
    nj_refresh_report report;
    const float points[] = {10, 0, /**/ 10, 0.25f};
    nj_refresh_config config = ANY;
    nj_catalogue *catalogue = make_old_with(state, NJ_COLLISIONS_LEAVES);
    config.share = true;
    assert_ok(refresh(state, catalogue, "x\ny\n", points, 2, config, &report, &err), &err);
    assert_memory_equal(catalogue->codes + 8, ((uint16_t[]){1, 0, 1, 0}), 8);
    nj_catalogue_free(&catalogue);
}

// ---- given SIDs ----

static nj_status refresh_sids(void **state, nj_catalogue *catalogue, const char *ids,
                              const int32_t *sids, size_t rows, bool share,
                              nj_refresh_report *report, nj_error *err)
{
    nj_error io = {0};
    const char *path = sandbox_path(state, "given.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_I32, (size_t[]){rows, L}, 2, sids, &io), &io);
    const nj_refresh_config config = {.ids_path = sandbox_write(state, "ids.txt", ids, strlen(ids)),
                                      .sids_path = path,
                                      .share = share,
                                      .retired_percent_max = 100};
    return nj_catalogue_refresh(catalogue, &config, report, err);
}

static void given_sids_name_new_items_and_must_be_those_of_the_others(void **state)
{
    nj_error err = {0};
    nj_refresh_report report;
    nj_catalogue *catalogue = make_old(state);
    const int32_t good[] = {1, 0, 3, /**/ 1, 1, 0};
    const int32_t moved[] = {1, 0, 3, /**/ 1, 1, 2};
    const int32_t taken[] = {0, 1, 0, /**/ 1, 1, 0};
    const int32_t high[] = {0, 2, 0, /**/ 1, 1, 0};
    assert_refused(refresh_sids(state, catalogue, "x\nb\n", moved, 2, false, &report, &err),
                   NJ_INPUT, &err, "row 1: item \"b\" is given 1 1 2, the SID it has is 1 1 0");
    assert_refused(refresh_sids(state, catalogue, "x\nb\n", taken, 2, false, &report, &err),
                   NJ_INPUT, &err,
                   "item \"x\" is given 0 1 0, which is the SID of item \"d\" (retired)");
    assert_refused(refresh_sids(state, catalogue, "x\nb\n", high, 2, false, &report, &err),
                   NJ_INPUT, &err, "row 0, level 1: code 2, must be 0 to 1");
    assert_refused(refresh_sids(state, catalogue, "x\n", good, 2, false, &report, &err), NJ_INPUT,
                   &err, "2 rows, ");
    assert_ok(refresh_sids(state, catalogue, "x\nb\n", good, 2, false, &report, &err), &err);
    assert_sid(catalogue, 4, (uint16_t[]){1, 0, 3});
    assert_int_equal(catalogue->retired_count, 3);
    nj_catalogue_free(&catalogue);

    catalogue = make_old(state);
    assert_ok(refresh_sids(state, catalogue, "x\nb\n", taken, 2, true, &report, &err), &err);
    assert_sid(catalogue, 4, (uint16_t[]){0, 1, 0});
    nj_catalogue_free(&catalogue);
}

// ---- refit ----

typedef struct {
    const float *values; // [2, 2, D]
    uint32_t start[5 * 2];
    size_t start_count;
    nj_status status;
} lesson;

static nj_status learn(void *context, const uint32_t *start_codes, nj_fitted *out, nj_error *err)
{
    lesson *given = context;
    memcpy(given->start, start_codes, given->start_count * sizeof *given->start);
    if (given->status != NJ_OK) {
        return nj_fail(err, given->status, "nothing was learned");
    }
    float *values = malloc(8 * sizeof *values);
    assert_non_null(values);
    memcpy(values, given->values, 8 * sizeof *values);
    *out = (nj_fitted){.codebooks = {.kind = NJ_QUANT_RESIDUAL,
                                     .level_count = 2,
                                     .D = WIDTH,
                                     .K = {2, 2},
                                     .vectors = {values, values + 4}},
                       .codebook_values = values};
    return NJ_OK;
}

// The new books are the old ones with level 0 in another order and level 1 at other places: the parting line between its codes is at
// 1.1, so that d has another code and with it a counter of its own.
static void a_refit_is_numbered_after_the_old_codes(void **state)
{
    static const float FRESH[] = {10, 0, 0, 0, /**/ 0, 0.4f, 0, 1.8f};
    nj_error err = {0};
    nj_refresh_report report;
    lesson given = {.values = FRESH, .start_count = 8};
    nj_catalogue *catalogue = make_old(state);
    const nj_digest old_sids = catalogue->sids_digest;
    nj_refresh_config config = ANY;
    config.learn = learn;
    config.learn_context = &given;
    // c is not there tonight; x is new. c had 1 1 as b has, so it goes where b goes.
    const float points[] = {0, 0, /**/ 0, 1.0f, /**/ 10, 1.2f, /**/ 10, 1.5f};
    assert_ok(refresh(state, catalogue, "a\nd\nb\nx\n", points, 4, config, &report, &err), &err);

    const uint32_t none = NJ_FIT_NO_CODE;
    assert_memory_equal(given.start, ((uint32_t[]){0, 0, 0, 1, 1, 1, none, none}),
                        8 * sizeof(uint32_t));
    const uint16_t expected[] = {0, 0, 0, /**/ 1, 1, 0, /**/ 1, 1, 1, /**/ 0, 0, 1, /**/ 1, 1, 2};
    assert_memory_equal(catalogue->codes, expected, sizeof expected);
    assert_true(catalogue->codebooks.vectors[0][0] == 0.0f);
    assert_true(catalogue->codebooks.vectors[0][2] == 10.0f);
    assert_true(report.refit.done);
    assert_int_equal(report.refit.alignment.item_count, 3);
    assert_int_equal(report.refit.alignment.same_before[0], 0);
    assert_int_equal(report.refit.alignment.same_after[0], 3);
    assert_int_equal(report.refit.alignment.same_after[1], 2);
    assert_int_equal(report.refit.changed_count, 1);
    assert_int_equal(report.refit.changed_at[1], 1);
    assert_int_equal(report.refit.changed_at[2], 1);
    assert_int_equal(report.refit.followed_count, 1);
    assert_memory_equal(report.refit.old_codes, OLD_SIDS, sizeof OLD_SIDS);
    assert_true(nj_digest_equal(&report.refit.old_sids_digest, &old_sids));
    nj_refresh_report_fini(&report);
    nj_catalogue_free(&catalogue);
}

// a, b and c are there; d had 0 1, next to a's 0 0 and to b's 1 1: a's first code is its own.
static void an_item_without_embeddings_goes_where_its_nearest_neighbour_went(void **state)
{
    nj_error err = {0};
    nj_refresh_report report;
    lesson given = {.values = BOOKS, .start_count = 6};
    nj_catalogue *catalogue = make_old(state);
    nj_refresh_config config = ANY;
    config.learn = learn;
    config.learn_context = &given;
    assert_ok(refresh(state, catalogue, "a\nb\nc\n", OLD, 3, config, &report, &err), &err);
    assert_int_equal(report.refit.followed_count, 1);
    assert_sid(catalogue, 3, (uint16_t[]){0, 0, 1});
    assert_memory_equal(catalogue->codes, OLD_SIDS, 3 * L * sizeof(uint16_t));
    nj_refresh_report_fini(&report);
    nj_catalogue_free(&catalogue);
}

// Four items on four SIDs: the one without embeddings is placed by what its codes stand for.
static void a_refit_without_a_counter_relocates_retired_items_too(void **state)
{
    nj_error err = {0};
    nj_refresh_report report;
    lesson given = {.values = BOOKS, .start_count = 6};
    nj_catalogue *catalogue = make_old_with(state, NJ_COLLISIONS_RELOCATE);
    nj_refresh_config config = ANY;
    config.learn = learn;
    config.learn_context = &given;
    assert_ok(refresh(state, catalogue, "a\nb\nc\n", OLD, 3, config, &report, &err), &err);
    uint32_t seen = 0;
    for (size_t row = 0; row < 4; row++) {
        seen |= 1u << (catalogue->codes[row * 2] * 2 + catalogue->codes[row * 2 + 1]);
    }
    assert_int_equal(seen, 15);
    nj_refresh_report_fini(&report);
    nj_catalogue_free(&catalogue);
}

static void a_refit_that_fails_leaves_the_catalogue_as_it_was(void **state)
{
    nj_error err = {0};
    nj_refresh_report report;
    lesson given = {.status = NJ_INPUT, .start_count = 2};
    nj_catalogue *catalogue = make_old(state);
    nj_refresh_config config = ANY;
    config.learn = learn;
    config.learn_context = &given;
    const float points[] = {0, 0};
    assert_refused(refresh(state, catalogue, "a\n", points, 1, config, &report, &err), NJ_INPUT,
                   &err, "nothing was learned");
    assert_refused(refresh(state, catalogue, "x\n", points, 1, config, &report, &err), NJ_INPUT,
                   &err, "none of the 4 items of the catalogue is there tonight");
    assert_refused(refresh(state, catalogue, "a\n", NULL, 0, config, &report, &err), NJ_USAGE, &err,
                   "--refit needs --embeddings");
    assert_memory_equal(catalogue->codes, OLD_SIDS, sizeof OLD_SIDS);
    assert_true(catalogue->codebooks.vectors[0][2] == 10.0f);
    nj_catalogue_free(&catalogue);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(old_rows_stay_first_and_new_items_follow_in_tonights_order),
        IN_SANDBOX(an_item_that_comes_back_has_the_sid_that_it_had),
        IN_SANDBOX(drift_counts_items_whose_codes_would_be_others_and_moves_none),
        IN_SANDBOX(a_list_that_lacks_too_many_items_is_refused),
        IN_SANDBOX(what_cannot_be_refreshed_is_refused_and_nothing_changes),
        IN_SANDBOX(without_a_counter_a_new_item_gets_a_sid_that_nobody_has_had),
        IN_SANDBOX(with_shared_leaves_new_items_share_among_themselves),
        IN_SANDBOX(given_sids_name_new_items_and_must_be_those_of_the_others),
        IN_SANDBOX(a_refit_is_numbered_after_the_old_codes),
        IN_SANDBOX(an_item_without_embeddings_goes_where_its_nearest_neighbour_went),
        IN_SANDBOX(a_refit_without_a_counter_relocates_retired_items_too),
        IN_SANDBOX(a_refit_that_fails_leaves_the_catalogue_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
