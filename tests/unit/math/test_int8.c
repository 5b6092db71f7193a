// test_int8.c - the class "int8": its law against hands and against double precision, every set against the law.
#include <float.h>
#include <stdio.h>

#include "common/math/int8.h"
#include "tests/unit/math/linears.h"

#if defined(__x86_64__)
void nj_model_int8_amx_over(nj_kernels *set);
#endif

// Around every edge of a tile (6, 12 or 16 rows; 8, 16 or 32 outputs; 32 or 64 values of K) and of a block of rows (192).
static const size_t M_SIZES[] = {0, 1, 2, 6, 7, 12, 13, 16, 17, 33};
static const size_t N_SIZES[] = {0, 1, 7, 8, 9, 16, 17, 31, 32, 33, 65};
static const size_t K_SIZES[] = {0, 1, 3, 4, 5, 31, 32, 63, 64, 65, 128, 200};

#define SETS_MAX 8

// The sets of the class that this CPU runs, the law first, and the tiles' model.
static size_t list_sets(nj_kernels sets[SETS_MAX])
{
    size_t count = 0;
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        if (strcmp(kernels->numeric_class, NJ_INT8_CLASS) == 0) {
            assert_true(count < SETS_MAX - 1);
            sets[count++] = *kernels;
        }
    }
    assert_string_equal(sets[0].name, "int8-ref");
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
        sets[count] = sets[0];
        sets[count].name = "int8-amx over the model of the tiles";
        nj_model_int8_amx_over(&sets[count++]);
    } else {
        print_message("the model of the tiles is skipped: this CPU lacks AVX-512BW\n");
    }
#endif
    return count;
}

static void compare_sets(const guarded *X, const guarded *weight, bool accumulate, size_t padding)
{
    nj_kernels sets[SETS_MAX];
    size_t count = list_sets(sets);
    uint64_t seed = 5;
    guarded before = accumulate ? guarded_random(X->rows, weight->rows, padding, 1.0f, &seed)
                                : guarded_new(X->rows, weight->rows, padding);
    guarded expected = guarded_copy(&before);
    run_linear(&sets[0], X, weight, accumulate, &expected);
    for (size_t i = 1; i < count; i++) {
        guarded Y = guarded_copy(&before);
        run_linear(&sets[i], X, weight, accumulate, &Y);
        char what[120];
        snprintf(what, sizeof what, "%s M=%zu N=%zu K=%zu", sets[i].name, X->rows, weight->rows,
                 X->columns);
        assert_same_bits(&Y, &expected, what);
        guarded_free(&Y);
    }
    guarded_free(&expected);
    guarded_free(&before);
}

static void check_shape(size_t M, size_t N, size_t K, bool accumulate)
{
    uint64_t seed = 1 + M + 100 * N + 10000 * K;
    guarded X = guarded_random(M, K, (M + N + K) % 3 * 5, 1.0f, &seed);
    guarded weight = guarded_random(N, K, 0, 1.0f, &seed);
    compare_sets(&X, &weight, accumulate, (M + N + K) % 2 * 3);
    guarded_free(&weight);
    guarded_free(&X);
}

static void every_set_gives_the_laws_bits_on_every_ragged_shape(void **state)
{
    (void)state;
    for (size_t m = 0; m < COUNT(M_SIZES); m++) {
        for (size_t n = 0; n < COUNT(N_SIZES); n++) {
            for (size_t k = 0; k < COUNT(K_SIZES); k++) {
                check_shape(M_SIZES[m], N_SIZES[n], K_SIZES[k], (m + n + k) % 2 == 1);
            }
        }
    }
}

static void every_set_gives_the_laws_bits_across_blocks_and_segments(void **state)
{
    (void)state;
    static const size_t SHAPES[][3] = {{193, 33, 64},  {400, 16, 128}, {100, 40, 1024},
                                       {70, 20, 2048}, {18, 17, 4096}, {5, 33, 4097},
                                       {33, 3, 8200},  {1, 1, 65536},  {2, 17, 70000}};
    for (size_t i = 0; i < COUNT(SHAPES); i++) {
        check_shape(SHAPES[i][0], SHAPES[i][1], SHAPES[i][2], i % 2 == 1);
    }
}

static void the_largest_codes_do_not_overflow(void **state)
{
    (void)state;
    enum { K = NJ_INT8_SEGMENT };
    guarded X = guarded_new(2, K, 0);
    guarded weight = guarded_new(2, K, 0);
    for (size_t k = 0; k < K; k++) {
        X.data[k] = k == 0 ? 0.0f : 255.0f; // codes 255
        X.data[K + k] = k == 0 ? 0.0f : 1.0f;
        weight.data[k] = 127.0f;
        weight.data[K + k] = -127.0f;
    }
    guarded Y = guarded_new(2, 2, 0);
    nj_kernels sets[SETS_MAX];
    size_t count = list_sets(sets);
    for (size_t i = 0; i < count; i++) {
        run_linear(&sets[i], &X, &weight, false, &Y);
        assert_true(Y.data[0] == 255.0f * 127.0f * (K - 1));
        assert_true(Y.data[1] == -255.0f * 127.0f * (K - 1));
    }
    guarded_free(&Y);
    guarded_free(&weight);
    guarded_free(&X);
}

// Rows that are hard on an encoder, each of 70 values made from random ones in (-1, 1).
enum { ODD_ROWS = 14, ODD_K = 70 };

static float make_odd(size_t row, size_t k, float random)
{
    switch (row) {
    case 0:
        return 0.0f;
    case 1:
        return k % 2 == 0 ? -0.0f : 0.0f;
    case 2:
        return 3.5f; // constant
    case 3:
        return random * 0x1p126f;
    case 4:
        return random * FLT_MAX; // a range above FLT_MAX
    case 5:
        return random * 0x1p-140f; // denormal
    case 6:
        return random * 0x1p-99f; // a range around the least that counts
    case 7:
        return fabsf(random);
    case 8:
        return -fabsf(random);
    case 9:
        return 1000.0f + random;
    case 10:
        return k == 69 ? NAN : random;
    case 11:
        return k == 64 ? INFINITY : random;
    case 12:
        return k == 0 ? -INFINITY : random;
    default:
        return k == 33 ? 1000.0f : random; // one that is far out
    }
}

static guarded make_odd_rows(void)
{
    uint64_t seed = 21;
    guarded X = guarded_random(ODD_ROWS, ODD_K, 3, 1.0f, &seed);
    for (size_t r = 0; r < ODD_ROWS; r++) {
        for (size_t k = 0; k < ODD_K; k++) {
            X.data[r * X.ld + k] = make_odd(r, k, X.data[r * X.ld + k]);
        }
    }
    return X;
}

static void every_set_gives_the_laws_bits_for_odd_rows_and_odd_weights(void **state)
{
    (void)state;
    guarded X = make_odd_rows();
    uint64_t seed = 4;
    guarded tame = guarded_random(33, ODD_K, 0, 1.0f, &seed);
    guarded odd = guarded_new(ODD_ROWS, ODD_K, 0);
    for (size_t r = 0; r < ODD_ROWS; r++) {
        memcpy(odd.data + r * ODD_K, X.data + r * X.ld, ODD_K * sizeof(float));
    }
    compare_sets(&X, &tame, false, 1);
    compare_sets(&X, &tame, true, 0);
    compare_sets(&tame, &odd, false, 0);
    guarded_free(&odd);
    guarded_free(&tame);
    guarded_free(&X);
}

static void a_row_that_is_not_finite_gives_nan_everywhere_and_harms_no_other(void **state)
{
    (void)state;
    guarded X = make_odd_rows();
    uint64_t seed = 4;
    guarded weight = guarded_random(5, ODD_K, 0, 1.0f, &seed);
    guarded Y = guarded_new(ODD_ROWS, 5, 0);
    nj_kernels sets[SETS_MAX];
    size_t count = list_sets(sets);
    for (size_t i = 0; i < count; i++) {
        run_linear(&sets[i], &X, &weight, false, &Y);
        for (size_t r = 0; r < ODD_ROWS; r++) {
            bool poisoned = r == 4 || (r >= 10 && r <= 12);
            for (size_t n = 0; n < 5; n++) {
                assert_int_equal(isnan(Y.data[r * Y.ld + n]), poisoned);
            }
        }
    }
    guarded_free(&Y);
    guarded_free(&weight);
    guarded_free(&X);
}

static void the_forms_of_linear_give_the_same_elements(void **state)
{
    (void)state;
    static const size_t SIZES[] = {0, 1, 15, 16, 17, 33, 80};
    nj_kernels sets[SETS_MAX];
    size_t count = list_sets(sets);
    for (size_t i = 0; i < count; i++) {
        for (size_t m = 0; m < COUNT(SIZES); m++) {
            for (size_t n = 0; n < COUNT(SIZES); n++) {
                size_t K = SIZES[(m + n) % COUNT(SIZES)];
                check_forms_of_linear(&sets[i], SIZES[m], SIZES[n], K, true);
            }
        }
        check_forms_of_linear(&sets[i], 36, 50, NJ_INT8_SEGMENT + 9, true);
    }
}

static void a_row_does_not_depend_on_the_rows_beside_it(void **state)
{
    (void)state;
    nj_kernels sets[SETS_MAX];
    size_t count = list_sets(sets);
    for (size_t i = 0; i < count; i++) {
        check_rows_alone(&sets[i], 37, 50, 300);
    }
}

/// What rounding to codes can cost one element: half a step of x for every weight, half a step of the weight for every code.
static double bound_error(size_t K, const float *x, const float *w)
{
    double least = (double)x[0];
    double greatest = least;
    double peak = 0.0;
    double weights = 0.0;
    double values = 0.0;
    for (size_t k = 0; k < K; k++) {
        least = fmin(least, (double)x[k]);
        greatest = fmax(greatest, (double)x[k]);
        peak = fmax(peak, fabs((double)w[k]));
        weights += fabs((double)w[k]);
        values += fabs((double)x[k]);
    }
    double step = (greatest - least) / 255.0;
    double scale = peak / 127.0;
    double codes = step / 2.0 * weights + scale / 2.0 * (values + (double)K * step / 2.0);
    double roundings = 16.0 * 0x1p-24 * (double)K * peak * (fabs(least) + fabs(greatest));
    return codes * (1.0 + 0x1p-20) + roundings;
}

static void check_against_double(size_t M, size_t N, size_t K, float shift)
{
    uint64_t seed = 77 + K;
    guarded X = guarded_random(M, K, 0, 1.0f, &seed);
    guarded weight = guarded_random(N, K, 0, 0.3f, &seed);
    for (size_t i = 0; i < X.count; i++) {
        X.data[i] += shift;
    }
    guarded Y = guarded_new(M, N, 0);
    nj_kernels sets[SETS_MAX];
    (void)list_sets(sets);
    run_linear(&sets[0], &X, &weight, false, &Y);
    double worst = 0.0;
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            const float *x = X.data + m * K;
            const float *w = weight.data + n * K;
            double exact = 0.0;
            for (size_t k = 0; k < K; k++) {
                exact += (double)x[k] * (double)w[k];
            }
            double error = fabs(exact - (double)Y.data[m * N + n]);
            assert_true(error <= bound_error(K, x, w));
            worst = fmax(worst, error / bound_error(K, x, w));
        }
    }
    assert_true(worst > 0.005); // a bound that nothing comes near proves little
    guarded_free(&Y);
    guarded_free(&weight);
    guarded_free(&X);
}

static void the_law_stays_within_what_rounding_to_codes_can_cost(void **state)
{
    (void)state;
    check_against_double(20, 30, 3, 0.0f);
    check_against_double(20, 30, 128, 0.0f);
    check_against_double(20, 30, 1000, 0.0f);
    check_against_double(20, 30, 128, 1.0f); // nowhere negative
    check_against_double(20, 30, 128, -5.0f);
}

static void the_law_multiplies_as_one_does_by_hand(void **state)
{
    (void)state;
    // Steps of 1 and scales of 1 and 2: codes are the values themselves, so nothing is lost.
    static const float X[] = {-5.0f, 250.0f, 0.0f, 1.0f};
    static const float WEIGHT[] = {127.0f, 1.0f, -3.0f, 0.0f, -254.0f, 0.0f, 2.0f, 4.0f};
    nj_kernels sets[SETS_MAX];
    size_t count = list_sets(sets);
    for (size_t i = 0; i < count; i++) {
        float Y[] = {NAN, NAN};
        nj_linear linear = {.weight = WEIGHT, .N = 2, .K = 4};
        void *memory = pack(&sets[i], &linear);
        sets[i].linear(1, X, 4, &linear, false, Y, 2);
        assert_true(Y[0] == -5.0f * 127.0f + 250.0f);
        assert_true(Y[1] == 5.0f * 254.0f + 4.0f);
        sets[i].linear(1, X, 4, &linear, true, Y, 2);
        assert_true(Y[0] == 2.0f * (-5.0f * 127.0f + 250.0f));
        free(memory);
    }
}

static void pack_bytes_refuse_what_does_not_fit(void **state)
{
    (void)state;
    nj_kernels sets[SETS_MAX];
    size_t count = list_sets(sets);
    for (size_t i = 0; i < count; i++) {
        assert_true(sets[i].linear_pack_bytes(SIZE_MAX, 64) == SIZE_MAX);
        assert_true(sets[i].linear_pack_bytes(SIZE_MAX / 2, SIZE_MAX / 2) == SIZE_MAX);
        assert_true(sets[i].linear_pack_bytes(384, 128) >= 384 * 128);
        assert_true(sets[i].linear_pack_bytes(384, 128) <= 384 * 128 * 2 + 384 * 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_law_multiplies_as_one_does_by_hand),
        cmocka_unit_test(the_law_stays_within_what_rounding_to_codes_can_cost),
        cmocka_unit_test(every_set_gives_the_laws_bits_on_every_ragged_shape),
        cmocka_unit_test(every_set_gives_the_laws_bits_across_blocks_and_segments),
        cmocka_unit_test(every_set_gives_the_laws_bits_for_odd_rows_and_odd_weights),
        cmocka_unit_test(the_largest_codes_do_not_overflow),
        cmocka_unit_test(a_row_that_is_not_finite_gives_nan_everywhere_and_harms_no_other),
        cmocka_unit_test(the_forms_of_linear_give_the_same_elements),
        cmocka_unit_test(a_row_does_not_depend_on_the_rows_beside_it),
        cmocka_unit_test(pack_bytes_refuse_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
