// test_pca.c - axes are eigenvectors: by A v = lambda v, whatever the spectrum.
#include "common/quant/pca.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/quant/kmeans.h"
#include "tests/support/nj_test.h"

// float32 axes: their rounding, times the size of the matrix.
#define AXIS_TOLERANCE 1e-5
#define VALUE_TOLERANCE 1e-11

// B B^T of a random [D, rank] matrix, whose columns shrink.
static double *draw_matrix(size_t D, size_t rank)
{
    double *a = calloc(D * D, sizeof *a);
    assert_non_null(a);
    for (size_t r = 0; r < rank; r++) {
        for (size_t i = 0; i < D; i++) {
            for (size_t j = 0; j < D; j++) {
                double x = nj_kmeans_draw_unit(8, r, i) - 0.5;
                double y = nj_kmeans_draw_unit(8, r, j) - 0.5;
                a[i * D + j] += x * y / (double)(r + 1);
            }
        }
    }
    return a;
}

static void check_axes(const double *a, size_t D, size_t count)
{
    nj_error err = {0};
    double *copy = malloc(D * D * sizeof *copy);
    double *values = malloc(count * sizeof *values);
    float *axes = malloc(count * D * sizeof *axes);
    memcpy(copy, a, D * D * sizeof *copy);
    assert_ok(nj_pca_axes(copy, D, count, values, axes, &err), &err);
    double trace = 0;
    double sum = 0;
    for (size_t i = 0; i < D; i++) {
        trace += a[i * D + i];
    }
    for (size_t k = 0; k < count; k++) {
        const float *v = axes + k * D;
        sum += values[k];
        assert_true(k == 0 || values[k] <= values[k - 1]);
        size_t largest = 0;
        for (size_t i = 0; i < D; i++) {
            double product = 0;
            for (size_t j = 0; j < D; j++) {
                product += a[i * D + j] * (double)v[j];
            }
            assert_true(fabs(product - values[k] * (double)v[i]) < AXIS_TOLERANCE * (1 + trace));
            largest = fabsf(v[i]) > fabsf(v[largest]) ? i : largest;
        }
        assert_true(v[largest] > 0);
        for (size_t other = 0; other <= k; other++) {
            double dot = 0;
            for (size_t i = 0; i < D; i++) {
                dot += (double)v[i] * (double)axes[other * D + i];
            }
            assert_true(fabs(dot - (other == k ? 1 : 0)) < AXIS_TOLERANCE);
        }
    }
    if (count == D) {
        assert_true(fabs(sum - trace) < VALUE_TOLERANCE * (1 + fabs(trace)));
    }
    free(copy);
    free(values);
    free(axes);
}

static void axes_are_eigenvectors_for_any_width_and_rank(void **state)
{
    (void)state;
    const size_t widths[] = {1, 2, 3, 8, 33, 70};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const size_t D = widths[w];
        for (size_t rank = 0; rank <= D; rank += D > 8 ? D / 3 : 1) {
            double *a = draw_matrix(D, rank);
            check_axes(a, D, D);
            free(a);
        }
    }
}

static void the_first_axes_are_those_of_the_largest_values(void **state)
{
    (void)state;
    double *a = draw_matrix(24, 24);
    check_axes(a, 24, 5);
    free(a);
}

static void equal_values_and_a_diagonal_matrix_have_axes_too(void **state)
{
    (void)state;
    double a[36] = {0};
    for (size_t i = 0; i < 6; i++) {
        a[i * 7] = i < 3 ? 2 : 5;
    }
    check_axes(a, 6, 6);
    memset(a, 0, sizeof a);
    for (size_t i = 0; i < 36; i++) {
        a[i] = i % 7 == 0 ? 1.5 : 0.5; // 0.5 everywhere, and 1 more on the diagonal
    }
    check_axes(a, 6, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_are_eigenvectors_for_any_width_and_rank),
        cmocka_unit_test(the_first_axes_are_those_of_the_largest_values),
        cmocka_unit_test(equal_values_and_a_diagonal_matrix_have_axes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
