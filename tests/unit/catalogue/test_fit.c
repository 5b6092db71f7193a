// test_fit.c - the same codebooks from any threads, kernels and interruptions; every method; what is refused.
#include "common/catalogue/catalogue_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/catalogue/catalogue_assign.h"
#include "common/catalogue/item_threads.h"
#include "common/input/npy.h"
#include "common/quant/kmeans.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

// Under sanitizers a fit takes about ten times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#define N_TEST 5000 // two shards
#else
#define IS_SANITIZED false
#define N_TEST 8300 // three shards
#endif
#define D_TEST 10

// sandbox_path keeps few paths at a time; these stay.
static nj_path keep_path(void **state, const char *name)
{
    nj_error err = {0};
    nj_path path;
    assert_ok(nj_path_copy(sandbox_path(state, name), &path, &err), &err);
    return path;
}

// Rows around 200 centres, so that three levels have something to find.
static const char *write_rows(void **state, const char *name, size_t N)
{
    nj_error err = {0};
    float *rows = malloc(N * D_TEST * sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < N; i++) {
        for (size_t d = 0; d < D_TEST; d++) {
            double centre = nj_kmeans_draw_unit(1, i * 7919 % 200, d) * 4;
            rows[i * D_TEST + d] = (float)(centre + nj_kmeans_draw_unit(2, i, d));
        }
    }
    const char *path = sandbox_path(state, name);
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){N, D_TEST}, 2, rows, &err), &err);
    free(rows);
    return path;
}

static nj_fit_config make_config(const char *path)
{
    return (nj_fit_config){.embeddings_path = path,
                           .level_count = 3,
                           .K = {16, 12, 9},
                           .iterations_max = 4,
                           .seed = 3};
}

static void run_fit(nj_fit_config config, const nj_kernels *kernels, uint32_t threads,
                    nj_fitted *out, nj_fit_report *report)
{
    nj_error err = {0};
    const nj_item_threads pool = {kernels, threads};
    const nj_item_executor executor = nj_item_threads_executor(&pool);
    config.executor = &executor;
    assert_ok(nj_fit(&config, out, report, &err), &err);
    assert_ok(nj_codebooks_check(&out->codebooks, &err), &err);
}

static nj_status try_fit(nj_fit_config config, nj_error *err)
{
    const nj_kernels *kernels = NULL;
    assert_ok(nj_kernels_select("auto", &kernels, err), err);
    const nj_item_threads pool = {kernels, 1};
    const nj_item_executor executor = nj_item_threads_executor(&pool);
    nj_fitted fitted = {0};
    nj_fit_report report;
    config.executor = &executor;
    nj_status status = nj_fit(&config, &fitted, &report, err);
    nj_fitted_fini(&fitted);
    return status;
}

static void assert_same(const nj_fitted *a, const nj_fitted *b)
{
    for (uint32_t l = 0; l < a->codebooks.level_count; l++) {
        const size_t rows = nj_codebooks_rows(&a->codebooks, l);
        assert_int_equal(rows, nj_codebooks_rows(&b->codebooks, l));
        assert_memory_equal(a->codebooks.vectors[l], b->codebooks.vectors[l],
                            rows * nj_codebooks_width(&a->codebooks, l) * sizeof(float));
    }
    assert_int_equal(a->transform.D_in, b->transform.D_in);
    assert_int_equal(a->transform.matrix.rows, b->transform.matrix.rows);
    if (a->transform.matrix.rows > 0) {
        assert_memory_equal(a->transform.matrix.weight, b->transform.matrix.weight,
                            a->transform.matrix.rows * D_TEST * sizeof(float));
    }
}

// The ways to fit that the tests below go through.
static size_t list_ways(const char *path, nj_fit_config ways[6])
{
    for (size_t i = 0; i < 6; i++) {
        ways[i] = make_config(path);
    }
    ways[1].method = NJ_QUANT_PRODUCT;
    ways[2].method = NJ_QUANT_HIERARCHICAL;
    ways[3].balanced = true;
    ways[4].standardise = true;
    ways[4].pca_width = 6;
    ways[5].pca_width = 7;
    ways[5].tolerance = 0.01;
    return 6;
}

// ---- the same bits ----

static void threads_and_kernels_change_no_bit(void **state)
{
    nj_fit_config ways[6];
    const size_t count = list_ways(write_rows(state, "e.npy", N_TEST), ways);
    for (size_t way = 0; way < count; way++) {
        nj_fitted first = {0};
        nj_fit_report report;
        run_fit(ways[way], nj_kernels_at(0), 1, &first, &report);
        for (size_t i = 1; nj_kernels_at(i) != NULL; i++) {
            if (strcmp(nj_kernels_at(i)->precision, "float32") != 0) {
                continue;
            }
            nj_fitted other = {0};
            // Debian's serial OpenBLAS is not made for several threads at once.
            const bool is_exact = strcmp(nj_kernels_at(i)->numeric_class, "exact") == 0;
            run_fit(ways[way], nj_kernels_at(i), is_exact ? 3 : 1, &other, &report);
            assert_same(&first, &other);
            nj_fitted_fini(&other);
        }
        nj_fitted_fini(&first);
    }
}

static void another_seed_gives_other_codebooks(void **state)
{
    nj_fit_config config = make_config(write_rows(state, "e.npy", N_TEST));
    nj_fitted a = {0};
    nj_fitted b = {0};
    nj_fit_report report;
    run_fit(config, nj_kernels_at(0), 1, &a, &report);
    config.seed++;
    run_fit(config, nj_kernels_at(0), 1, &b, &report);
    assert_memory_not_equal(a.codebooks.vectors[0], b.codebooks.vectors[0],
                            16 * D_TEST * sizeof(float));
    nj_fitted_fini(&a);
    nj_fitted_fini(&b);
}

// ---- going on ----

typedef struct {
    const char *from;
    const char *to;
    uint32_t level;
    uint32_t iteration;
    bool is_done;
} state_thief;

// Copies the state file when a level has had so many updates.
static void steal_state(void *context, const nj_fit_progress *progress)
{
    state_thief *thief = context;
    if (thief->is_done || progress->level != thief->level ||
        progress->iteration != thief->iteration || !nj_file_exists(thief->from)) {
        return;
    }
    nj_error err = {0};
    char *bytes = NULL;
    size_t size = 0;
    assert_ok(nj_file_read(thief->from, 1u << 24, &bytes, &size, &err), &err);
    assert_ok(nj_file_write(thief->to, bytes, size, &err), &err);
    free(bytes);
    thief->is_done = true;
}

static void check_going_on(void **state, nj_fit_config config, uint32_t level, uint32_t iteration)
{
    nj_error err = {0};
    nj_fitted whole = {0};
    nj_fitted resumed = {0};
    nj_fit_report report;
    nj_fit_report again;
    const nj_path embeddings = keep_path(state, "e.npy");
    const nj_path from = keep_path(state, "a.fit");
    const nj_path to = keep_path(state, "b.fit");
    state_thief thief = {from.text, to.text, level, iteration, false};
    config.embeddings_path = embeddings.text;
    config.state_path = thief.from;
    config.progress = steal_state;
    config.progress_context = &thief;
    run_fit(config, nj_kernels_at(0), 1, &whole, &report);
    assert_true(thief.is_done);
    assert_ok(nj_fit_forget(thief.from, &err), &err);

    config.progress = NULL;
    config.state_path = thief.to;
    config.resume = true;
    run_fit(config, nj_kernels_at(0), 2, &resumed, &again);
    assert_true(again.resumed);
    assert_same(&whole, &resumed);
    again.resumed = false;
    for (uint32_t l = 0; l < config.level_count; l++) {
        assert_true(report.levels[l].error == again.levels[l].error);
        assert_int_equal(report.levels[l].revived, again.levels[l].revived);
    }
    assert_true(report.total_variance == again.total_variance);
    assert_ok(nj_fit_forget(thief.to, &err), &err);
    nj_fitted_fini(&whole);
    nj_fitted_fini(&resumed);
}

static void a_fit_that_goes_on_gives_the_same_bytes(void **state)
{
    nj_fit_config ways[6];
    const size_t count = list_ways(write_rows(state, "e.npy", 5000), ways);
    for (size_t way = 0; way < count; way++) {
        const bool is_tree = ways[way].method == NJ_QUANT_HIERARCHICAL;
        check_going_on(state, ways[way], 0, 2);
        check_going_on(state, ways[way], is_tree ? 2 : 1, is_tree ? 0 : 3);
    }
}

static void a_state_of_other_inputs_or_without_resume_is_refused(void **state)
{
    nj_error err = {0};
    const char *path = write_rows(state, "e.npy", 5000);
    nj_fit_config config = make_config(path);
    const nj_path from = keep_path(state, "a.fit");
    const nj_path to = keep_path(state, "b.fit");
    state_thief thief = {from.text, to.text, 1, 2, false};
    nj_fitted fitted = {0};
    nj_fit_report report;
    config.state_path = thief.from;
    config.progress = steal_state;
    config.progress_context = &thief;
    run_fit(config, nj_kernels_at(0), 1, &fitted, &report);
    nj_fitted_fini(&fitted);
    config.progress = NULL;
    config.state_path = thief.to;
    assert_refused(try_fit(config, &err), NJ_AGAIN, &err, "an interrupted fit is here");
    config.resume = true;
    nj_fit_config other = config;
    other.seed++;
    assert_refused(try_fit(other, &err), NJ_CONFIG, &err, "other embeddings or options");
    other = config;
    other.embeddings_path = write_rows(state, "f.npy", 4999);
    assert_refused(try_fit(other, &err), NJ_CONFIG, &err, "other embeddings or options");

    char *bytes = NULL;
    size_t size = 0;
    assert_ok(nj_file_read(thief.to, 1u << 24, &bytes, &size, &err), &err);
    const size_t places[] = {0, 20, size / 2, size - 40, size - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        bytes[places[i]] ^= 0x40;
        assert_ok(nj_file_write(thief.to, bytes, size, &err), &err);
        assert_refused(try_fit(config, &err), NJ_INPUT, &err, "b.fit: is ");
        assert_ok(nj_file_write(thief.to, bytes, places[i], &err), &err);
        assert_refused(try_fit(config, &err), NJ_INPUT, &err, "b.fit: is ");
        bytes[places[i]] ^= 0x40;
    }
    assert_ok(nj_file_write(thief.to, bytes, size, &err), &err);
    assert_ok(try_fit(config, &err), &err);
    free(bytes);
}

// ---- what is learned ----

static void the_error_that_is_told_is_that_of_the_codes(void **state)
{
    nj_error err = {0};
    nj_fit_config ways[6];
    const size_t count = list_ways(write_rows(state, "e.npy", N_TEST), ways);
    for (size_t way = 0; way < count; way++) {
        nj_fitted fitted = {0};
        nj_fit_report report;
        nj_catalogue *catalogue = NULL;
        nj_quant_error error;
        ways[way].iterations_max = 40;
        ways[way].tolerance = ways[way].balanced ? 0 : 1e-4;
        run_fit(ways[way], nj_kernels_at(0), 1, &fitted, &report);
        const nj_assign_config assign = {.embeddings_path = ways[way].embeddings_path,
                                         .model = &fitted,
                                         .collisions = {.policy = NJ_COLLISIONS_LEAVES},
                                         .kernels = nj_kernels_at(0)};
        const nj_catalogue_options options = {0};
        assert_ok(nj_catalogue_assign(&assign, &options, &error, &catalogue, &err), &err);
        const double last = nj_quant_error_mean(&error, 2);
        assert_true(last < 0.35 * report.total_variance);
        if (ways[way].method == NJ_QUANT_RESIDUAL && !ways[way].balanced) {
            for (uint32_t l = 0; l < 3; l++) { // the last update gains less than the tolerance
                const double told = report.levels[l].error;
                assert_true(fabs(nj_quant_error_mean(&error, l) - told) < 2e-3 * told);
            }
        }
        nj_catalogue_free(&catalogue);
    }
}

static void a_dead_level_is_told_and_does_not_end_the_fit(void **state)
{
    nj_error err = {0};
    float rows[40 * 2];
    for (size_t i = 0; i < 40; i++) { // 20 distinct rows: the first level leaves nothing
        rows[2 * i] = (float)(i % 20);
        rows[2 * i + 1] = 1;
    }
    const char *path = sandbox_path(state, "e.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){40, 2}, 2, rows, &err), &err);
    nj_fit_config config = make_config(path);
    config.level_count = 2;
    config.K[0] = 20;
    config.K[1] = 4;
    nj_fitted fitted = {0};
    nj_fit_report report;
    run_fit(config, nj_kernels_at(0), 1, &fitted, &report);
    assert_true(report.levels[1].error == 0);
    assert_int_equal(report.levels[1].empty, 3);
    nj_fitted_fini(&fitted);
}

// ---- what is refused ----

static void embeddings_that_teach_nothing_are_refused(void **state)
{
    nj_error err = {0};
    float rows[30 * 4];
    const char *path = sandbox_path(state, "e.npy");
    nj_fit_config config = make_config(path);
    for (size_t i = 0; i < 120; i++) {
        rows[i] = 0.5f;
    }
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){30, 4}, 2, rows, &err), &err);
    assert_refused(try_fit(config, &err), NJ_INPUT, &err, "all 30 rows are equal");
    for (size_t i = 0; i < 120; i++) {
        rows[i] = (float)(i / 4 % 7);
    }
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){30, 4}, 2, rows, &err), &err);
    assert_refused(try_fit(config, &err), NJ_INPUT, &err,
                   "7 distinct rows among 30, level 0 has 16 codes");
    config.K[1] = 31;
    assert_refused(try_fit(config, &err), NJ_INPUT, &err, "30 items, level 1 has 31 codes");
    rows[57] = NAN;
    config.K[1] = 4;
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){30, 4}, 2, rows, &err), &err);
    assert_refused(try_fit(config, &err), NJ_INPUT, &err, "row 14, column 1");
}

static void numbers_out_of_their_bounds_are_refused(void **state)
{
    nj_error err = {0};
    const char *path = write_rows(state, "e.npy", 100);
    nj_fit_config config = make_config(path);
    config.level_count = 9;
    assert_refused(try_fit(config, &err), NJ_USAGE, &err, "9 levels, must be 1 to 8");
    config = make_config(path);
    config.K[1] = 65537;
    assert_refused(try_fit(config, &err), NJ_USAGE, &err, "level 1 has 65537 codes");
    config = make_config(path);
    config.pca_width = 11;
    assert_refused(try_fit(config, &err), NJ_USAGE, &err, "10 wide, 11 principal components");
    config = make_config(path);
    config.pca_width = 2;
    config.method = NJ_QUANT_PRODUCT;
    assert_refused(try_fit(config, &err), NJ_USAGE, &err, "2 columns cannot be cut into 3 parts");
    config = make_config(path);
    config.method = NJ_QUANT_HIERARCHICAL;
    config.balanced = true;
    assert_refused(try_fit(config, &err), NJ_USAGE, &err, "no balanced levels");
}

// ---- real embeddings ----

// Items that share their first three codes with an earlier one.
static uint32_t count_later_ones(const nj_catalogue *catalogue)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < catalogue->sids.row_count; row++) {
        count += catalogue->codes[(size_t)row * 4 + 3] > 0 ? 1 : 0;
    }
    return count;
}

static void beauty_is_fitted_no_worse_than_its_own_codebooks(void **state)
{
    (void)state;
    if (IS_SANITIZED) {
        skip_loudly("the error of a whole fit is the release build's to prove");
    }
    const char *path = shared_path("fixtures/beauty-tiger/item_emb.npy");
    if (!nj_file_exists(path)) {
        print_message("SKIPPED  %s is not there\n", path);
        skip();
    }
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    nj_fit_config config = {.embeddings_path = path,
                            .level_count = 3,
                            .K = {256, 256, 256},
                            .iterations_max = 50,
                            .balanced = true};
    nj_fitted fitted = {0};
    nj_fit_report report;
    nj_catalogue *catalogue = NULL;
    nj_quant_error error;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    run_fit(config, kernels, 1, &fitted, &report);
    const nj_assign_config assign = {.embeddings_path = path, .model = &fitted, .kernels = kernels};
    const nj_catalogue_options options = {.token_base = 2};
    assert_ok(nj_catalogue_assign(&assign, &options, &error, &catalogue, &err), &err);
    assert_true(fabs(report.total_square - 1.9973) < 1e-4);
    assert_true(nj_quant_error_mean(&error, 2) <= 0.4237);
    assert_true(count_later_ones(catalogue) < 916);
    nj_catalogue_free(&catalogue);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(threads_and_kernels_change_no_bit),
        IN_FOLDER(another_seed_gives_other_codebooks),
        IN_FOLDER(a_fit_that_goes_on_gives_the_same_bytes),
        IN_FOLDER(a_state_of_other_inputs_or_without_resume_is_refused),
        IN_FOLDER(the_error_that_is_told_is_that_of_the_codes),
        IN_FOLDER(a_dead_level_is_told_and_does_not_end_the_fit),
        IN_FOLDER(embeddings_that_teach_nothing_are_refused),
        IN_FOLDER(numbers_out_of_their_bounds_are_refused),
        IN_FOLDER(beauty_is_fitted_no_worse_than_its_own_codebooks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
