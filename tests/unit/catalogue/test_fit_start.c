// test_fit_start.c - a fit that begins with codes of rows finds the clusters of those rows, under their numbers.
#include "common/catalogue/catalogue_fit.h"

#include <math.h>

#include "common/catalogue/item_threads.h"
#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define ROWS 800
#define CODES 8
#define LEVELS 2

// Row r lies in cluster r % 8, 100 apart, and within it at one of 8 places, 1 apart.
static float place_of(uint32_t coarse, uint32_t fine)
{
    return 100.0f * (float)coarse + (float)fine;
}

static void fit_rows(void **state, nj_quant_kind kind, const uint32_t *start, nj_fitted *out)
{
    static float rows[ROWS][2];
    nj_error err = {0};
    nj_fit_report report;
    const nj_item_threads threads = {.thread_count = 1, .kernels = nj_kernels_at(0)};
    const nj_item_executor executor = nj_item_threads_executor(&threads);
    for (uint32_t r = 0; r < ROWS; r++) {
        rows[r][0] = place_of(r % CODES, r / CODES % CODES);
        rows[r][1] = kind == NJ_QUANT_PRODUCT ? (float)(r / CODES % CODES) : 0.0f;
    }
    const char *path = sandbox_path(state, "rows.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){ROWS, 2}, 2, rows, &err), &err);
    const nj_fit_config config = {.embeddings_path = path,
                                  .method = kind,
                                  .level_count = LEVELS,
                                  .K = {CODES, CODES},
                                  .iterations_max = 20,
                                  .start_codes = start,
                                  .executor = &executor};
    assert_ok(nj_fit(&config, out, &report, &err), &err);
}

// Clusters are called 7, 0, 1 ... and places within them 3, 4 ...; every fifth row has no code to begin with.
static void make_start(uint32_t start[ROWS][LEVELS])
{
    for (uint32_t r = 0; r < ROWS; r++) {
        const bool has_code = r % 5 != 0;
        start[r][0] = has_code ? (r + 7) % CODES : NJ_FIT_NO_CODE;
        start[r][1] = has_code ? (r / CODES + 3) % CODES : NJ_FIT_NO_CODE;
    }
}

static void residual_levels_keep_the_numbers_that_rows_begin_with(void **state)
{
    static uint32_t start[ROWS][LEVELS];
    nj_fitted fitted = {0};
    make_start(start);
    fit_rows(state, NJ_QUANT_RESIDUAL, &start[0][0], &fitted);
    for (uint32_t c = 0; c < CODES; c++) {
        const float coarse = fitted.codebooks.vectors[0][2 * ((c + 7) % CODES)];
        const float fine = fitted.codebooks.vectors[1][2 * ((c + 3) % CODES)];
        assert_true(fabsf(coarse - place_of(c, 0) - 3.5f) < 0.2f);
        assert_true(fabsf(fine + 3.5f - (float)c) < 0.2f);
    }
    nj_fitted_fini(&fitted);
}

static void parts_of_a_product_keep_the_numbers_that_rows_begin_with(void **state)
{
    static uint32_t start[ROWS][LEVELS];
    nj_fitted fitted = {0};
    make_start(start);
    fit_rows(state, NJ_QUANT_PRODUCT, &start[0][0], &fitted);
    for (uint32_t c = 0; c < CODES; c++) {
        assert_true(fabsf(fitted.codebooks.vectors[0][(c + 7) % CODES] - place_of(c, 0) - 3.5f) <
                    0.2f);
        assert_true(fabsf(fitted.codebooks.vectors[1][(c + 3) % CODES] - (float)c) < 0.01f);
    }
    nj_fitted_fini(&fitted);
}

// Only cluster 5 is named; the other codes find places by themselves.
static void a_code_that_no_row_begins_with_is_seeded_as_ever(void **state)
{
    static uint32_t start[ROWS][LEVELS];
    nj_fitted fitted = {0};
    for (uint32_t r = 0; r < ROWS; r++) {
        start[r][0] = r % CODES == 5 ? 2 : NJ_FIT_NO_CODE;
        start[r][1] = NJ_FIT_NO_CODE;
    }
    fit_rows(state, NJ_QUANT_RESIDUAL, &start[0][0], &fitted);
    const float named = fitted.codebooks.vectors[0][2 * 2];
    assert_true(named >= place_of(5, 0) && named <= place_of(5, 7));
    uint32_t elsewhere = 0;
    for (uint32_t c = 0; c < CODES; c++) {
        const float x = fitted.codebooks.vectors[0][2 * c];
        elsewhere += x < place_of(5, 0) || x > place_of(5, 7);
    }
    assert_true(elsewhere >= CODES / 2);
    nj_fitted_fini(&fitted);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(residual_levels_keep_the_numbers_that_rows_begin_with),
        IN_SANDBOX(parts_of_a_product_keep_the_numbers_that_rows_begin_with),
        IN_SANDBOX(a_code_that_no_row_begins_with_is_seeded_as_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
