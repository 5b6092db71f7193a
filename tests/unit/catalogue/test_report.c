// test_report.c - the figures of a catalogue of eight items that can be counted by hand, and of a real one.
#include "common/catalogue/report.h"

#include <math.h>
#include <stdlib.h>

#include "common/catalogue/catalogue_assign.h"
#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define TOLERANCE 1e-12 // of figures of a few terms

// Two levels of four codes on a line. Items 0 to 3 have the codes 0 0, items 4 and 5 0 1, item 6 1 0 and item 7 1 3.
static const float COARSE[] = {0, 10, 20, 30};
static const float FINE[] = {0, 1, 2, 3};
static uint16_t CODES[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 3};
static const float ITEMS[] = {0, 0, 0, 0.5f, 1, 1, 10, 13};

static nj_catalogue make_catalogue(void)
{
    return (nj_catalogue){
        .sids = {.codes = CODES, .row_count = 8, .level_count = 2, .codes_per_level = {4, 4}},
        .codebooks = {.level_count = 2, .D = 1, .K = {4, 4}, .vectors = {COARSE, FINE}}};
}

static nj_status read_item(void *context, uint32_t row, float *out, nj_error *err)
{
    (void)context;
    (void)err;
    *out = ITEMS[row];
    return NJ_OK;
}

static nj_report make_report(const nj_catalogue *catalogue, const nj_report_options *options)
{
    nj_report report;
    nj_error err = {0};
    assert_ok(nj_report_make(catalogue, options, &report, &err), &err);
    return report;
}

static bool is_near(double a, double b)
{
    return fabs(a - b) <= TOLERANCE * (1 + fabs(b));
}

static void use_and_perplexity_count_items(void **state)
{
    (void)state;
    const nj_catalogue catalogue = make_catalogue();
    nj_report report = make_report(&catalogue, &(nj_report_options){0});

    assert_int_equal(report.item_count, 8);
    assert_int_equal(report.level_count, 2);
    const nj_level_report *level = report.levels;
    assert_memory_equal(level[0].counts, ((uint32_t[]){6, 2, 0, 0}), 16);
    assert_memory_equal(level[1].counts, ((uint32_t[]){5, 2, 1, 0}), 16);
    assert_int_equal(level[0].used_count, 2);
    assert_int_equal(level[1].used_count, 3);
    assert_int_equal(level[0].prefix_count, 2);
    assert_int_equal(level[1].prefix_count, 4);
    assert_true(is_near(level[0].largest_share, 0.75));
    assert_true(is_near(level[0].perplexity, pow(4.0 / 3, 0.75) * pow(4, 0.25)));
    assert_int_equal(report.leaves.colliding_count, 6);
    assert_int_equal(report.leaves.largest_count, 4);
    assert_int_equal(report.leaves.distinct_count, 4);
    assert_false(report.has_embeddings || report.has_relocation || report.has_categories);
    nj_report_fini(&report);
}

static void errors_and_relocation_need_embeddings(void **state)
{
    (void)state;
    const nj_catalogue catalogue = make_catalogue();
    nj_report report =
        make_report(&catalogue, &(nj_report_options){.rows = {NULL, read_item}, .policies = true});

    assert_true(is_near(report.square_mean, (0.25 + 1 + 1 + 100 + 169) / 8));
    assert_true(is_near(report.levels[0].error, (0.25 + 1 + 1 + 9) / 8));
    assert_true(is_near(report.levels[1].error, 0.25 / 8));
    // Six items for the four codes behind 0: two leave. At 10 there is room for codes 1 and 2, and an item at 1 goes there for
    // 100 less 0, the other for 121: cheaper than for items at 0. Those at 0, 0 and 0.5 ... share 0 to 3.
    assert_int_equal(report.relocation.moved_prefix_count, 2);
    assert_int_equal(report.relocation.moved_count, 5);
    // behind 0: 0 -> 0, 0 -> 1 (1), 0 -> 2 (4), 0.5 -> 3 (6.25 - 0.25); behind 10: 1 -> 11 (100), 1 -> 12 (121)
    assert_true(is_near(report.relocation.extra_error, 1 + 4 + 6 + 100 + 121));
    nj_report_fini(&report);
}

static void purity_is_that_of_the_most_frequent_category(void **state)
{
    (void)state;
    const nj_catalogue catalogue = make_catalogue();
    uint32_t of_item[] = {0, 0, 1, NJ_CATEGORY_NONE, 1, 1, 0, 1};
    const nj_categories categories = {of_item, 8, 2, 7};
    nj_report report = make_report(&catalogue, &(nj_report_options){.categories = &categories});

    assert_int_equal(report.categorised_count, 7);
    assert_true(is_near(report.largest_category_share, 4.0 / 7));
    assert_true(is_near(report.levels[0].purity, (3.0 + 1) / 7));
    assert_true(is_near(report.levels[1].purity, (2.0 + 2 + 1 + 1) / 7));
    assert_true(report.levels[1].chance_purity >= 4.0 / 7);
    assert_true(report.levels[1].chance_purity <= 1);
    nj_report_fini(&report);
}

static void a_counter_is_no_level(void **state)
{
    (void)state;
    nj_catalogue catalogue = make_catalogue();
    catalogue.has_suffix = true;
    nj_report report = make_report(&catalogue, &(nj_report_options){0});
    assert_int_equal(report.level_count, 1);
    assert_int_equal(report.leaves.largest_count, 6);
    nj_report_fini(&report);
}

static void codebooks_must_fit_the_codes(void **state)
{
    (void)state;
    nj_catalogue catalogue = make_catalogue();
    const nj_report_options options = {.rows = {NULL, read_item}};
    nj_report report;
    nj_error err = {0};
    catalogue.codebooks.K[1] = 3;
    assert_refused(nj_report_make(&catalogue, &options, &report, &err), NJ_INPUT, &err,
                   "row 7, level 1: code 3, the codebooks have 3 there");
    catalogue.codebooks.level_count = 1;
    assert_refused(nj_report_make(&catalogue, &options, &report, &err), NJ_INPUT, &err,
                   "codebooks of 1 levels, its codes have 2");
}

static void beauty_has_the_figures_of_its_fixture(void **state)
{
    (void)state;
    const char *folder = shared_path("fixtures/beauty-tiger");
    if (folder == NULL) {
        skip_loudly("../shared/fixtures/beauty-tiger is not there");
    }
    nj_path embeddings, codebooks;
    nj_error err = {0};
    nj_catalogue *catalogue = NULL;
    nj_assign_config config = {.collisions = {.policy = NJ_COLLISIONS_RELOCATE}};
    assert_ok(nj_path_join(folder, "item_emb.npy", &embeddings, &err), &err);
    assert_ok(nj_path_join(folder, "codebooks.npy", &codebooks, &err), &err);
    assert_ok(nj_kernels_select("auto", &config.kernels, &err), &err);
    config.embeddings_path = embeddings.text;
    config.codebooks_path = codebooks.text;
    assert_ok(nj_catalogue_assign(&config, &(nj_catalogue_options){0}, NULL, &catalogue, &err),
              &err);

    nj_report report = make_report(catalogue, &(nj_report_options){0});
    assert_int_equal(report.leaves.colliding_count, 0); // the fixture's nearest codes have 1,332
    assert_int_equal(report.leaves.distinct_count, 12101);
    assert_int_equal(catalogue->sids.level_count, 3);
    nj_report_fini(&report);
    nj_catalogue_free(&catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(use_and_perplexity_count_items),
        cmocka_unit_test(errors_and_relocation_need_embeddings),
        cmocka_unit_test(purity_is_that_of_the_most_frequent_category),
        cmocka_unit_test(a_counter_is_no_level),
        cmocka_unit_test(codebooks_must_fit_the_codes),
        cmocka_unit_test(beauty_has_the_figures_of_its_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
