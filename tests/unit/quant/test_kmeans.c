// test_kmeans.c - sums that do not depend on blocks, seeds, revived codes, and training against a float64 Lloyd iteration.
#include "common/quant/kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/nj_test.h"

#define D_TEST 19 // no multiple of any vector

static float *draw_rows(size_t N, size_t D, size_t cluster_count, double spread)
{
    float *rows = malloc(N * D * sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < N; i++) {
        for (size_t d = 0; d < D; d++) {
            double centre = nj_kmeans_draw_unit(1, i % cluster_count, d) * 20;
            rows[i * D + d] = (float)(centre + spread * nj_kmeans_draw_unit(2, i, d));
        }
    }
    return rows;
}

static double square_distance(const float *a, const float *b, size_t D)
{
    double sum = 0;
    for (size_t d = 0; d < D; d++) {
        sum += ((double)a[d] - (double)b[d]) * ((double)a[d] - (double)b[d]);
    }
    return sum;
}

static size_t find_nearest(const float *row, const float *centroids, size_t K, size_t D)
{
    size_t best = 0;
    for (size_t k = 1; k < K; k++) {
        if (square_distance(row, centroids + k * D, D) <
            square_distance(row, centroids + best * D, D)) {
            best = k;
        }
    }
    return best;
}

// ---- sums ----

static void sums_are_the_same_however_rows_are_cut_into_calls(void **state)
{
    (void)state;
    nj_error err = {0};
    float *rows = draw_rows(100, D_TEST, 3, 5);
    uint16_t codes[100];
    nj_kmeans_sums whole;
    nj_kmeans_sums pieces;
    for (size_t i = 0; i < 100; i++) {
        codes[i] = (uint16_t)(i * i % 4);
    }
    assert_ok(nj_kmeans_sums_init(&whole, 4, D_TEST, &err), &err);
    assert_ok(nj_kmeans_sums_init(&pieces, 4, D_TEST, &err), &err);

    nj_kmeans_add(&whole, rows, 100, codes, 1);
    for (size_t at = 0; at < 100; at += 7) {
        nj_kmeans_add(&pieces, rows + at * D_TEST, at + 7 > 100 ? 100 - at : 7, codes + at, 1);
    }

    assert_memory_equal(whole.sums, pieces.sums, 4 * D_TEST * sizeof(double));
    assert_memory_equal(whole.squares, pieces.squares, 4 * sizeof(double));
    double square = 0;
    for (size_t i = 0; i < 100; i++) {
        const float zero[D_TEST] = {0};
        square += codes[i] == 1 ? square_distance(rows + i * D_TEST, zero, D_TEST) : 0;
    }
    assert_true(fabs(whole.squares[1] - square) < 1e-9 * square);
    assert_int_equal(whole.counts[0] + whole.counts[1] + whole.counts[2] + whole.counts[3], 100);
    nj_kmeans_sums_fini(&whole);
    nj_kmeans_sums_fini(&pieces);
    free(rows);
}

// ---- seeds ----

static void seeds_are_rows_and_every_far_cluster_has_one(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    float *rows = draw_rows(600, D_TEST, 12, 0.01);
    float seeds[12 * D_TEST];
    size_t count = 0;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    assert_ok(nj_kmeans_seed(kernels, rows, 600, D_TEST, 12, 5, 0, seeds, &count, &err), &err);

    assert_int_equal(count, 12);
    bool is_met[12] = {false};
    for (size_t k = 0; k < 12; k++) {
        size_t row = 0;
        while (row < 600 &&
               memcmp(rows + row * D_TEST, seeds + k * D_TEST, D_TEST * sizeof(float)) != 0) {
            row++;
        }
        assert_true(row < 600);
        assert_false(is_met[row % 12]);
        is_met[row % 12] = true;
    }
    free(rows);
}

static void seeds_do_not_depend_on_the_set_of_exact_kernels(void **state)
{
    (void)state;
    nj_error err = {0};
    float *rows = draw_rows(500, D_TEST, 40, 15);
    float first[30 * D_TEST];
    float other[30 * D_TEST];
    size_t count = 0;
    size_t sets = 0;
    for (size_t i = 0; nj_kernels_at(i) != NULL; i++) {
        if (strcmp(nj_kernels_at(i)->numeric_class, "exact") != 0) {
            continue;
        }
        float *seeds = sets == 0 ? first : other;
        assert_ok(
            nj_kmeans_seed(nj_kernels_at(i), rows, 500, D_TEST, 30, 9, 3, seeds, &count, &err),
            &err);
        assert_memory_equal(first, seeds, sizeof first);
        sets++;
    }
    assert_true(sets >= 2);
    free(rows);
}

static void fewer_distinct_rows_than_codes_are_told_and_filled_with_the_first(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    float *rows = draw_rows(90, D_TEST, 9, 0); // 9 distinct rows, 10 of each
    float seeds[16 * D_TEST];
    size_t count = 0;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    assert_ok(nj_kmeans_seed(kernels, rows, 90, D_TEST, 16, 5, 0, seeds, &count, &err), &err);

    assert_int_equal(count, 9);
    for (size_t k = 9; k < 16; k++) {
        assert_memory_equal(seeds + k * D_TEST, seeds, D_TEST * sizeof(float));
    }
    free(rows);
}

static void sampled_rows_ascend_and_stay_below_n(void **state)
{
    (void)state;
    uint64_t before = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t row = nj_kmeans_sample_row(3, 1, 123457, 1000, i);
        assert_true(row >= i * 123457 / 1000 && row < (i + 1) * 123457 / 1000);
        assert_true(i == 0 || row > before);
        before = row;
    }
    assert_int_equal(nj_kmeans_sample_row(3, 1, 1000, 1000, 77), 77);
}

// ---- updates ----

static void centroids_become_means_and_the_error_is_that_of_before(void **state)
{
    (void)state;
    nj_error err = {0};
    const float rows[] = {0, 0, /**/ 2, 0, /**/ 10, 1, /**/ 10, 3};
    const uint16_t codes[] = {0, 0, 1, 1};
    float centroids[] = {0, 0, /**/ 10, 0};
    nj_kmeans_sums sums;
    nj_kmeans_change change;
    assert_ok(nj_kmeans_sums_init(&sums, 2, 2, &err), &err);
    nj_kmeans_add(&sums, rows, 4, codes, 1);
    assert_ok(nj_kmeans_update(&sums, 1, 0, centroids, &change, &err), &err);

    assert_memory_equal(centroids, ((float[]){1, 0, /**/ 10, 2}), sizeof centroids);
    assert_true(fabs(change.error - (0 + 4 + 1 + 9)) < 1e-12);
    assert_int_equal(change.rows, 4);
    assert_int_equal(change.largest, 2);
    assert_int_equal(change.empty, 0);
    nj_kmeans_sums_fini(&sums);
}

static void an_empty_code_parts_the_rows_of_the_code_with_the_largest_error(void **state)
{
    (void)state;
    nj_error err = {0};
    const float rows[] = {0, 0, /**/ 1, 0, /**/ 20, 0, /**/ 40, 0};
    const uint16_t codes[] = {0, 0, 2, 2};
    float centroids[] = {0, 0, /**/ 7, 7, /**/ 30, 0, /**/ 8, 8};
    nj_kmeans_sums sums;
    nj_kmeans_change change;
    assert_ok(nj_kmeans_sums_init(&sums, 4, 2, &err), &err);
    nj_kmeans_add(&sums, rows, 4, codes, 1);
    assert_ok(nj_kmeans_update(&sums, 1, 0, centroids, &change, &err), &err);

    assert_int_equal(change.empty, 2);
    assert_int_equal(change.revived, 2);
    const float middle = (centroids[2] + centroids[4]) / 2; // codes 1 and 2, around 30
    assert_true(fabsf(middle - 30) < 1e-4f);
    assert_true(fabsf(centroids[2] - centroids[4]) > 0.5f);
    assert_true(fabsf((centroids[0] + centroids[6]) / 2 - 0.5f) < 1e-4f); // codes 0 and 3
    nj_kmeans_sums_fini(&sums);
}

static void rows_that_are_equal_are_not_parted(void **state)
{
    (void)state;
    nj_error err = {0};
    const float rows[] = {0.1f, 0.7f, /**/ 0.1f, 0.7f, /**/ 0.1f, 0.7f};
    const uint16_t codes[] = {0, 0, 0};
    float centroids[] = {0, 0, /**/ 7, 7};
    nj_kmeans_sums sums;
    nj_kmeans_change change;
    assert_ok(nj_kmeans_sums_init(&sums, 2, 2, &err), &err);
    nj_kmeans_add(&sums, rows, 3, codes, 1);
    assert_ok(nj_kmeans_update(&sums, 1, 0, centroids, &change, &err), &err);

    assert_int_equal(change.empty, 1);
    assert_int_equal(change.revived, 0);
    assert_memory_equal(centroids, ((float[]){0.1f, 0.7f, /**/ 7, 7}), sizeof centroids);
    nj_kmeans_sums_fini(&sums);
}

// ---- training ----

static void training_ends_at_a_fixed_point_of_lloyds_iteration(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    float *rows = draw_rows(400, D_TEST, 8, 6);
    float centroids[8 * D_TEST];
    const nj_kmeans_options options = {
        .K = 8, .iterations_max = 200, .tolerance = 1e-15, .seed = 4};
    nj_kmeans_result result;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    assert_ok(nj_kmeans_train(kernels, rows, 400, D_TEST, &options, centroids, &result, &err),
              &err);

    assert_true(result.iterations < 200);
    double means[8][D_TEST] = {{0}};
    size_t counts[8] = {0};
    double error = 0;
    for (size_t i = 0; i < 400; i++) {
        size_t k = find_nearest(rows + i * D_TEST, centroids, 8, D_TEST);
        counts[k]++;
        error += square_distance(rows + i * D_TEST, centroids + k * D_TEST, D_TEST);
        for (size_t d = 0; d < D_TEST; d++) {
            means[k][d] += (double)rows[i * D_TEST + d];
        }
    }
    assert_true(fabs(error - result.last.error) < 1e-4 * error); // centroids are rounded to float32
    for (size_t k = 0; k < 8; k++) {
        assert_true(counts[k] > 0);
        for (size_t d = 0; d < D_TEST; d++) {
            double mean = means[k][d] / (double)counts[k];
            assert_true(fabs(mean - (double)centroids[k * D_TEST + d]) < 1e-5);
        }
    }
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_the_same_however_rows_are_cut_into_calls),
        cmocka_unit_test(seeds_are_rows_and_every_far_cluster_has_one),
        cmocka_unit_test(seeds_do_not_depend_on_the_set_of_exact_kernels),
        cmocka_unit_test(fewer_distinct_rows_than_codes_are_told_and_filled_with_the_first),
        cmocka_unit_test(sampled_rows_ascend_and_stay_below_n),
        cmocka_unit_test(centroids_become_means_and_the_error_is_that_of_before),
        cmocka_unit_test(an_empty_code_parts_the_rows_of_the_code_with_the_largest_error),
        cmocka_unit_test(rows_that_are_equal_are_not_parted),
        cmocka_unit_test(training_ends_at_a_fixed_point_of_lloyds_iteration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
