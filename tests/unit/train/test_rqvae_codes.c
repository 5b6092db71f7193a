// test_rqvae_codes.c - rows are standardised, codebooks begin as k-means, all rows are judged, and dead codes are moved.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rqvae_bench.h"

#define LEVELS 2
#define LATENT 4

// ---- rows ----

static void columns_get_mean_0_and_variance_1(void **state)
{
    rqvae_bench b;
    float x[BENCH_WIDTH];
    double sum[BENCH_WIDTH] = {0};
    double square[BENCH_WIDTH] = {0};
    bench_open(&b, state);
    for (size_t i = 0; i < BENCH_ROWS; i++) {
        nj_rqvae_rows_standardise(&b.rows, i, x);
        for (size_t d = 0; d < BENCH_WIDTH; d++) {
            sum[d] += (double)x[d];
            square[d] += (double)x[d] * (double)x[d];
        }
    }
    for (size_t d = 0; d < BENCH_WIDTH; d++) {
        assert_true(fabs(sum[d] / BENCH_ROWS) < 1e-5);
        assert_true(fabs(square[d] / BENCH_ROWS - 1) < 1e-5);
    }
    bench_close(&b);
}

static nj_status open_rows(void **state, size_t count, size_t width, const float *x,
                           nj_rqvae_standard standard, nj_rqvae_rows *rows, nj_error *err)
{
    nj_npy npy;
    assert_ok(nj_npy_open(bench_npy(state, "x.npy", count, width, x), &npy, err), err);
    nj_status status = nj_rqvae_rows_init(&npy, standard, rows, err);
    nj_npy_close(&npy);
    return status;
}

static void a_constant_column_becomes_0_and_has_no_scale(void **state)
{
    const float x[] = {0.1f, 5, 0.1f, 7, 0.1f, 9};
    nj_error err = {0};
    nj_rqvae_rows rows;
    assert_ok(open_rows(state, 3, 2, x, NJ_RQVAE_COLUMNS, &rows, &err), &err);
    assert_true(rows.scale[0] == 0);
    assert_true(rows.scale[1] > 0.6f && rows.scale[1] < 0.62f); // 1 / sqrt(8 / 3)
    assert_true(fabs(rows.variance - 8.0 / 3) < 1e-9);
    nj_rqvae_rows_fini(&rows);
}

static void the_whole_keeps_the_columns_proportions(void **state)
{
    const float x[] = {0, 0, 2, 20};
    nj_error err = {0};
    nj_rqvae_rows rows;
    assert_ok(open_rows(state, 2, 2, x, NJ_RQVAE_WHOLE, &rows, &err), &err);
    assert_true(rows.scale[0] == rows.scale[1]);
    assert_true(fabsf(rows.scale[0] - (float)(1 / sqrt(101.0 / 2))) < 1e-6f);
    nj_rqvae_rows_fini(&rows);
    assert_ok(open_rows(state, 2, 2, x, NJ_RQVAE_AS_IS, &rows, &err), &err);
    assert_true(rows.scale[1] == 1 && rows.mean[1] == 0);
    nj_rqvae_rows_fini(&rows);
}

static void rows_that_nothing_can_be_learned_from_are_refused(void **state)
{
    const float bad[] = {1, 2, 3, NAN};
    const float infinite[] = {1, 2, INFINITY, 4};
    const float equal[] = {1, 2, 1, 2};
    const float huge[] = {3e38f, 1, -3e38f, 2};
    nj_error err = {0};
    nj_rqvae_rows rows;
    assert_refused(open_rows(state, 2, 2, bad, NJ_RQVAE_COLUMNS, &rows, &err), NJ_INPUT, &err,
                   "row 1, column 1");
    assert_refused(open_rows(state, 2, 2, infinite, NJ_RQVAE_COLUMNS, &rows, &err), NJ_INPUT, &err,
                   "row 1, column 0");
    assert_refused(open_rows(state, 2, 2, equal, NJ_RQVAE_COLUMNS, &rows, &err), NJ_INPUT, &err,
                   "all 2 rows are equal");
    assert_refused(open_rows(state, 1, 2, equal, NJ_RQVAE_COLUMNS, &rows, &err), NJ_INPUT, &err,
                   "all 1 rows are equal");
    assert_refused(open_rows(state, 2, 2, huge, NJ_RQVAE_AS_IS, &rows, &err), NJ_INPUT, &err,
                   "column 0 has -3e+38");
    assert_ok(open_rows(state, 2, 2, huge, NJ_RQVAE_COLUMNS, &rows, &err), &err);
    nj_rqvae_rows_fini(&rows);
}

// ---- codes ----

static void judge(const rqvae_bench *b, size_t threads, uint16_t *codes, nj_rqvae_figures *figures)
{
    nj_error err = {0};
    nj_pool *pool = NULL;
    assert_ok(nj_pool_new(threads, &pool, &err), &err);
    assert_ok(nj_rqvae_judge(b->model, &b->rows, pool, codes, figures, &err), &err);
    nj_pool_free(&pool);
}

static void k_means_uses_every_code_where_scattered_ones_do_not(void **state)
{
    rqvae_bench b;
    nj_error err = {0};
    uint16_t codes[BENCH_ROWS * LEVELS];
    nj_rqvae_figures started;
    nj_rqvae_figures scattered;
    bench_open(&b, state);
    assert_ok(nj_rqvae_start_codes(b.model, &b.rows, 4, &err), &err);
    judge(&b, 1, codes, &started);
    assert_int_equal(started.used[0], 8);
    assert_int_equal(started.used[1], 5);
    assert_true(started.commitment[1] < started.commitment[0]);
    nj_rqvae_scatter_codes(b.model, 4);
    judge(&b, 1, codes, &scattered);
    assert_true(scattered.commitment[1] > 2 * started.commitment[1]);
    bench_close(&b);
}

// Everything that judging says, from codes and plain sums.
static void figures_are_what_a_plain_count_gives(void **state)
{
    rqvae_bench b;
    nj_error err = {0};
    uint16_t codes[BENCH_ROWS * LEVELS];
    uint64_t pairs[8 * 5] = {0};
    nj_rqvae_figures figures;
    bench_open(&b, state);
    assert_ok(nj_rqvae_start_codes(b.model, &b.rows, 4, &err), &err);
    judge(&b, 1, codes, &figures);
    uint64_t colliding = 0;
    uint64_t distinct = 0;
    uint64_t largest = 0;
    double entropy = 0;
    for (size_t i = 0; i < BENCH_ROWS; i++) {
        pairs[codes[2 * i] * 5 + codes[2 * i + 1]]++;
    }
    for (size_t i = 0; i < 40; i++) {
        distinct += pairs[i] > 0;
        colliding += pairs[i] > 1 ? pairs[i] : 0;
        largest = pairs[i] > largest ? pairs[i] : largest;
    }
    for (size_t k = 0; k < 8; k++) {
        double share = 0;
        for (size_t j = 0; j < 5; j++) {
            share += (double)pairs[5 * k + j] / BENCH_ROWS;
        }
        entropy -= share > 0 ? share * log(share) : 0;
    }
    assert_int_equal(figures.colliding, colliding);
    assert_int_equal(figures.distinct, distinct);
    assert_int_equal(figures.largest, largest);
    assert_true(fabs(figures.perplexity[0] - exp(entropy)) < 1e-9);
    assert_true(figures.error > 0 && figures.relative == figures.error / b.rows.variance);
    bench_close(&b);
}

// An encoder and a decoder that leave everything as it is: the error is that of the codes, in the units of the file.
static void the_error_is_a_distance_in_the_units_of_the_embeddings(void **state)
{
    const float x[] = {0, 0, 1, 10, 2, 40, 5, 30};
    const nj_rqvae_shape shape = {.D = 2, .latent = 2, .level_count = 1, .K = {2}};
    nj_error err = {0};
    nj_pool *pool = NULL;
    nj_npy npy;
    uint16_t codes[4];
    nj_rqvae_rows rows;
    nj_rqvae_figures figures;
    nj_rqvae *model = NULL;
    assert_ok(nj_npy_open(bench_npy(state, "x.npy", 4, 2, x), &npy, &err), &err);
    assert_ok(nj_rqvae_rows_init(&npy, NJ_RQVAE_COLUMNS, &rows, &err), &err);
    assert_ok(nj_rqvae_new(&shape, bench_kernels(), 0, &model, &err), &err);
    const float one[] = {1, 0, 0, 1};
    memcpy(model->values + model->encoder[0].weight, one, sizeof one);
    memcpy(model->values + model->decoder[0].weight, one, sizeof one);
    nj_rqvae_rows_standardise(&rows, 1, model->values + model->codebooks[0].at);
    nj_rqvae_rows_standardise(&rows, 2, model->values + model->codebooks[0].at + 2);
    nj_rqvae_pack(model);
    assert_ok(nj_pool_new(1, &pool, &err), &err);
    assert_ok(nj_rqvae_judge(model, &rows, pool, codes, &figures, &err), &err);
    const uint16_t expected[] = {0, 0, 1, 1};
    assert_memory_equal(codes, expected, sizeof codes);
    // Row 0 is 1 and 10 away from row 1, row 3 is 3 and 10 away from row 2.
    assert_true(fabs(figures.error - (1 + 100 + 9 + 100) / 4.0) < 1e-3);
    nj_pool_free(&pool);
    nj_rqvae_free(&model);
    nj_rqvae_rows_fini(&rows);
    nj_npy_close(&npy);
}

static void threads_change_nothing(void **state)
{
    rqvae_bench b;
    nj_error err = {0};
    uint16_t codes[2][BENCH_ROWS * LEVELS];
    nj_rqvae_figures figures[2];
    bench_open(&b, state);
    assert_ok(nj_rqvae_start_codes(b.model, &b.rows, 4, &err), &err);
    judge(&b, 1, codes[0], &figures[0]);
    judge(&b, 3, codes[1], &figures[1]);
    assert_memory_equal(codes[0], codes[1], sizeof codes[0]);
    assert_memory_equal(&figures[0], &figures[1], sizeof figures[0]);
    bench_close(&b);
}

// Codes 2 and 3 of both levels are sent far away, where no row is.
static void dead_codes_come_back_among_the_residuals(void **state)
{
    rqvae_bench b;
    nj_error err = {0};
    uint16_t codes[BENCH_ROWS * LEVELS];
    nj_rqvae_figures before;
    nj_rqvae_figures after;
    bench_open(&b, state);
    assert_ok(nj_rqvae_start_codes(b.model, &b.rows, 4, &err), &err);
    float *mean = calloc(b.model->count, sizeof *mean);
    float *square = calloc(b.model->count, sizeof *square);
    for (uint32_t l = 0; l < LEVELS; l++) {
        for (size_t i = 2 * LATENT; i < 4 * LATENT; i++) {
            b.model->values[b.model->codebooks[l].at + i] = 1e4f;
            mean[b.model->codebooks[l].at + i] = 1;
            square[b.model->codebooks[l].at + i] = 1;
        }
    }
    mean[b.model->codebooks[0].at] = 3;
    nj_rqvae_pack(b.model);
    judge(&b, 1, codes, &before);
    assert_int_equal(before.used[0], 6);
    assert_int_equal(before.used[1], 3);
    const float kept = b.model->values[b.model->codebooks[0].at];
    assert_ok(nj_rqvae_revive(b.model, &b.rows, codes, 4, 1, mean, square, &err), &err);
    nj_rqvae_pack(b.model);
    judge(&b, 1, codes, &after);
    assert_int_equal(after.used[0], 8);
    assert_int_equal(after.used[1], 5);
    assert_true(after.commitment[1] < before.commitment[1]);
    assert_true(b.model->values[b.model->codebooks[0].at] == kept);
    assert_true(mean[b.model->codebooks[0].at] == 3);
    assert_true(mean[b.model->codebooks[1].at + 2 * LATENT] == 0);
    assert_true(square[b.model->codebooks[0].at + 3 * LATENT] == 0);
    free(mean);
    free(square);
    bench_close(&b);
}

static void latents_that_are_no_numbers_are_told(void **state)
{
    rqvae_bench b;
    nj_error err = {0};
    nj_pool *pool = NULL;
    uint16_t codes[BENCH_ROWS * LEVELS];
    nj_rqvae_figures figures;
    bench_open(&b, state);
    for (size_t i = 0; i < b.model->encoder[0].bias; i++) {
        b.model->values[i] *= 1e30f;
    }
    for (size_t i = b.model->encoder[1].weight; i < b.model->encoder[1].bias; i++) {
        b.model->values[i] *= 1e30f;
    }
    nj_rqvae_pack(b.model);
    assert_refused(nj_rqvae_start_codes(b.model, &b.rows, 4, &err), NJ_FAILED, &err,
                   "k-means cannot begin");
    assert_ok(nj_pool_new(2, &pool, &err), &err);
    assert_refused(nj_rqvae_judge(b.model, &b.rows, pool, codes, &figures, &err), NJ_FAILED, &err,
                   "rows 0 and on");
    nj_pool_free(&pool);
    bench_close(&b);
}

// The last row lies so far out that the encoder makes infinity of it: it is in the second block of 256.
static void the_first_rows_that_cannot_be_encoded_are_told(void **state)
{
    rqvae_bench b;
    nj_error err = {0};
    nj_pool *pool = NULL;
    uint16_t codes[BENCH_ROWS * LEVELS];
    nj_rqvae_figures figures;
    float x[BENCH_ROWS * BENCH_WIDTH];
    bench_open(&b, state);
    nj_rqvae_rows_fini(&b.rows);
    nj_npy_close(&b.npy);
    bench_fill(x, BENCH_ROWS, BENCH_WIDTH);
    x[BENCH_ROWS * BENCH_WIDTH - 1] = 1e17f;
    assert_ok(nj_npy_open(bench_npy(state, "far.npy", BENCH_ROWS, BENCH_WIDTH, x), &b.npy, &err),
              &err);
    assert_ok(nj_rqvae_rows_init(&b.npy, NJ_RQVAE_AS_IS, &b.rows, &err), &err);
    for (size_t i = 0; i < b.model->encoder[0].bias; i++) {
        b.model->values[i] *= 1e25f;
    }
    nj_rqvae_pack(b.model);
    assert_ok(nj_pool_new(2, &pool, &err), &err);
    assert_refused(nj_rqvae_judge(b.model, &b.rows, pool, codes, &figures, &err), NJ_FAILED, &err,
                   "rows 256 and on");
    nj_pool_free(&pool);
    bench_close(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(columns_get_mean_0_and_variance_1),
        TEST(a_constant_column_becomes_0_and_has_no_scale),
        TEST(the_whole_keeps_the_columns_proportions),
        TEST(rows_that_nothing_can_be_learned_from_are_refused),
        TEST(k_means_uses_every_code_where_scattered_ones_do_not),
        TEST(figures_are_what_a_plain_count_gives),
        TEST(the_error_is_a_distance_in_the_units_of_the_embeddings),
        TEST(threads_change_nothing),
        TEST(dead_codes_come_back_among_the_residuals),
        TEST(latents_that_are_no_numbers_are_told),
        TEST(the_first_rows_that_cannot_be_encoded_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
