// test_sparse_svd.c - axes of a sparse matrix beside those of the same matrix written out.
#include "common/text/sparse_svd.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/base/rng.h"
#include "common/quant/pca.h"
#include "tests/support/nj_test.h"

// The eigenvectors inside are float32: some 1e-7 of the longest axis.
#define TOLERANCE 1e-6

#define ENTRIES_MAX 4096
#define ROWS_MAX 64
#define COLUMNS_MAX 64

typedef struct {
    nj_sparse matrix;
    uint64_t starts[ROWS_MAX + 1];
    nj_sparse_entry entries[ENTRIES_MAX];
    double dense[ROWS_MAX][COLUMNS_MAX];
} drawn;

static void begin_rows(drawn *d, size_t columns)
{
    *d = (drawn){.matrix = {.column_count = columns}};
    d->matrix.starts = d->starts;
    d->matrix.entries = d->entries;
}

static void put(drawn *d, size_t row, size_t column, double value)
{
    const uint64_t end = d->starts[row + 1];
    assert_true(end < ENTRIES_MAX);
    d->entries[end] = (nj_sparse_entry){(uint32_t)column, (float)value};
    d->dense[row][column] = (double)(float)value;
    d->starts[row + 1]++;
}

static void begin_row(drawn *d)
{
    const size_t row = d->matrix.row_count++;
    d->starts[row + 1] = d->starts[row];
}

// Some third of the elements, those of later columns smaller.
static void draw_rows(drawn *d, size_t rows, size_t columns, uint64_t seed)
{
    begin_rows(d, columns);
    for (size_t r = 0; r < rows; r++) {
        begin_row(d);
        for (size_t c = 0; c < columns; c++) {
            if (nj_rng_next(&seed) % 3 == 0) {
                put(d, r, c, (double)(nj_rng_next(&seed) % 1000) / (1000.0 * (1.0 + (double)c)));
            }
        }
    }
}

static void fit(const drawn *d, size_t dimensions, size_t iterations, size_t threads, nj_svd *out)
{
    nj_error err = {0};
    nj_svd_config config = {.dimensions = dimensions, .iterations = iterations, .seed = 4};
    assert_ok(nj_pool_new(threads, &config.pool, &err), &err);
    assert_ok(nj_svd_fit(&d->matrix, &config, out, &err), &err);
    nj_pool_free(&config.pool);
}

// Eigenvalues of A^T A, written out.
static void find_values(const drawn *d, size_t count, double *values)
{
    static double square[COLUMNS_MAX * COLUMNS_MAX];
    static float vectors[COLUMNS_MAX * COLUMNS_MAX];
    const size_t V = d->matrix.column_count;
    nj_error err = {0};
    for (size_t i = 0; i < V; i++) {
        for (size_t j = 0; j < V; j++) {
            square[i * V + j] = 0;
            for (size_t r = 0; r < d->matrix.row_count; r++) {
                square[i * V + j] += d->dense[r][i] * d->dense[r][j];
            }
        }
    }
    assert_ok(nj_pca_axes(square, V, count, values, vectors, &err), &err);
}

static void check_lengths(const drawn *d, const nj_svd *svd)
{
    double values[COLUMNS_MAX];
    find_values(d, svd->rank, values);
    for (size_t k = 0; k < svd->rank; k++) {
        assert_true(fabs(svd->lengths[k] - sqrt(values[k])) < TOLERANCE * sqrt(values[0]));
    }
}

// With all axes nothing is lost: dot products of projected rows are those of the rows.
static void check_products(const drawn *d, const nj_svd *svd)
{
    static double rows[ROWS_MAX][COLUMNS_MAX];
    for (size_t r = 0; r < d->matrix.row_count; r++) {
        nj_svd_project(svd, &d->matrix, r, rows[r]);
    }
    for (size_t a = 0; a < d->matrix.row_count; a++) {
        for (size_t b = 0; b <= a; b++) {
            double said = 0;
            double wanted = 0;
            for (size_t k = 0; k < svd->rank; k++) {
                said += rows[a][k] * rows[b][k];
            }
            for (size_t c = 0; c < d->matrix.column_count; c++) {
                wanted += d->dense[a][c] * d->dense[b][c];
            }
            assert_true(fabs(said - wanted) < TOLERANCE);
        }
    }
}

static double axis_at(const nj_svd *svd, size_t column, size_t k)
{
    return svd
        ->axes[(k / NJ_SVD_BLOCK * svd->column_count + column) * NJ_SVD_BLOCK + k % NJ_SVD_BLOCK];
}

static void all_axes_together_lose_nothing(void **state)
{
    (void)state;
    static drawn d;
    nj_svd svd;
    draw_rows(&d, 40, 23, 1);
    fit(&d, 23, 2, 1, &svd);
    assert_int_equal(svd.rank, 23);
    check_lengths(&d, &svd);
    check_products(&d, &svd);
    double square = 0;
    for (size_t k = 0; k < svd.rank; k++) {
        square += svd.lengths[k] * svd.lengths[k];
    }
    assert_true(fabs(square - svd.square_total) < TOLERANCE);
    nj_svd_fini(&svd);
}

static void the_longest_axes_are_found_without_the_others(void **state)
{
    (void)state;
    static drawn d;
    nj_svd svd;
    draw_rows(&d, 60, 50, 2);
    fit(&d, 5, 12, 1, &svd);
    assert_int_equal(svd.rank, 5);
    check_lengths(&d, &svd);
    for (size_t k = 0; k < 5; k++) { // unit length, and the largest element positive
        double square = 0;
        double largest = 0;
        for (size_t c = 0; c < 50; c++) {
            const double x = axis_at(&svd, c, k);
            square += x * x;
            largest = fabs(x) > fabs(largest) ? x : largest;
        }
        assert_true(fabs(square - 1) < TOLERANCE);
        assert_true(largest > 0);
    }
    nj_svd_fini(&svd);
}

static void wide_matrices_and_tall_ones_are_alike(void **state)
{
    (void)state;
    static drawn d;
    nj_svd svd;
    draw_rows(&d, 7, 60, 3);
    fit(&d, 30, 3, 1, &svd);
    assert_int_equal(svd.rank, 7);
    check_lengths(&d, &svd);
    check_products(&d, &svd);
    nj_svd_fini(&svd);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    static drawn d;
    nj_svd one;
    nj_svd three;
    draw_rows(&d, 50, 60, 5);
    fit(&d, 17, 3, 1, &one);
    fit(&d, 17, 3, 3, &three);
    assert_int_equal(one.rank, three.rank);
    assert_memory_equal(one.lengths, three.lengths, sizeof one.lengths);
    assert_memory_equal(one.axes, three.axes, 24 * 60 * sizeof *one.axes);
    nj_svd_fini(&one);
    nj_svd_fini(&three);
}

static void rows_that_are_all_equal_have_one_axis(void **state)
{
    (void)state;
    static drawn d;
    nj_svd svd;
    begin_rows(&d, 9);
    for (size_t r = 0; r < 30; r++) {
        begin_row(&d);
        put(&d, r, 2, 0.6);
        put(&d, r, 7, 0.8);
    }
    fit(&d, 8, 5, 1, &svd);
    assert_int_equal(svd.rank, 1);
    assert_true(fabs(svd.lengths[0] - sqrt(30.0)) < TOLERANCE * 6);
    assert_true(fabs(axis_at(&svd, 2, 0) - 0.6) < TOLERANCE);
    assert_true(fabs(axis_at(&svd, 7, 0) - 0.8) < TOLERANCE);
    check_products(&d, &svd);
    nj_svd_fini(&svd);
}

// Rows are sums of three rows: whatever is asked for, three axes are there.
static void the_rank_is_found(void **state)
{
    (void)state;
    static drawn d;
    static drawn base;
    nj_svd svd;
    draw_rows(&base, 3, 40, 6);
    begin_rows(&d, 40);
    for (size_t r = 0; r < 50; r++) {
        begin_row(&d);
        for (size_t c = 0; c < 40; c++) { // sums of a few 12-bit parts: exact in float32
            const double x = floor(base.dense[0][c] * 4096) * (double)(r % 3) +
                             floor(base.dense[1][c] * 4096) * (double)(r % 4) +
                             floor(base.dense[2][c] * 4096) * (double)(r % 5);
            if (x != 0) {
                put(&d, r, c, x / 65536);
            }
        }
    }
    fit(&d, 12, 4, 1, &svd);
    assert_int_equal(svd.rank, 3);
    check_products(&d, &svd);
    nj_svd_fini(&svd);
}

static void one_row_and_no_column_are_answers(void **state)
{
    (void)state;
    static drawn d;
    nj_svd svd;
    double out[8];
    begin_rows(&d, 2);
    begin_row(&d);
    put(&d, 0, 1, 1);
    fit(&d, 4, 1, 1, &svd);
    assert_int_equal(svd.rank, 1);
    nj_svd_project(&svd, &d.matrix, 0, out);
    assert_true(fabs(out[0] - 1) < TOLERANCE);
    nj_svd_fini(&svd);
    begin_rows(&d, 0);
    begin_row(&d);
    fit(&d, 4, 1, 1, &svd);
    assert_int_equal(svd.rank, 0);
    nj_svd_fini(&svd);
}

static void memory_is_told_before_it_is_taken(void **state)
{
    (void)state;
    assert_int_equal(nj_svd_bytes(10000000, 1000000, 128), 1000000u * 144u * 16u);
    assert_int_equal(nj_svd_bytes(5, 100, 128), 100u * 8u * 16u);
    assert_true(nj_svd_bytes(SIZE_MAX, SIZE_MAX / 100, 128) == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_axes_together_lose_nothing),
        cmocka_unit_test(the_longest_axes_are_found_without_the_others),
        cmocka_unit_test(wide_matrices_and_tall_ones_are_alike),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(rows_that_are_all_equal_have_one_axis),
        cmocka_unit_test(the_rank_is_found),
        cmocka_unit_test(one_row_and_no_column_are_answers),
        cmocka_unit_test(memory_is_told_before_it_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
