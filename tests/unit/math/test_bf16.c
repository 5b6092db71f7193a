// test_bf16.c - the bf16 sets: against double precision, against plain models of their instructions, and row by row.
#include <stdio.h>

#include "tests/unit/math/linears.h"

#if defined(__x86_64__)
void nj_model_bf16_amx_over(nj_kernels *set);
#endif

static const size_t M_SIZES[] = {0, 1, 7, 12, 13, 17, 33};
static const size_t N_SIZES[] = {0, 1, 8, 16, 17, 32, 33};
static const size_t K_SIZES[] = {0, 1, 2, 3, 31, 32, 33, 64, 200, 2049};

#define SETS_MAX 4

static size_t list_sets(nj_kernels sets[SETS_MAX])
{
    size_t count = 0;
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        if (strcmp(kernels->precision, "bf16") == 0) {
            assert_true(count < SETS_MAX - 1);
            sets[count++] = *kernels;
        }
    }
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw")) {
        sets[count] = *nj_kernels_at(0);
        sets[count].name = "bf16-amx over the model of the tiles";
        nj_model_bf16_amx_over(&sets[count++]);
    }
#endif
    if (count == 0) {
        print_message("skipped: this CPU lacks AVX512-BF16\n");
        skip();
    }
    return count;
}

/// The nearest bf16, halves to even.
static float round_to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits += 0x7fff + (bits >> 16 & 1);
    bits &= 0xffff0000;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/// Against the sum of the rounded factors in double: the products are exact in float32, each addition rounds once.
static void check_shape(const nj_kernels *kernels, size_t M, size_t N, size_t K, bool accumulate)
{
    uint64_t seed = 1 + M + 100 * N + 10000 * K;
    guarded X = guarded_random(M, K, 3, 1.0f, &seed);
    guarded weight = guarded_random(N, K, 0, 1.0f, &seed);
    guarded Y = accumulate ? guarded_random(M, N, 1, 1.0f, &seed) : guarded_new(M, N, 1);
    guarded expected = guarded_copy(&Y);
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            double sum = accumulate ? (double)Y.data[m * Y.ld + n] : 0.0;
            for (size_t k = 0; k < K; k++) {
                sum += (double)round_to_bf16(X.data[m * X.ld + k]) *
                       (double)round_to_bf16(weight.data[n * K + k]);
            }
            expected.data[m * Y.ld + n] = (float)sum;
        }
    }
    run_linear(kernels, &X, &weight, accumulate, &Y);
    char what[120];
    snprintf(what, sizeof what, "%s M=%zu N=%zu K=%zu", kernels->name, M, N, K);
    assert_near(&Y, &expected, (double)(K + 2) * 0x1p-23, what);
    guarded *all[] = {&X, &weight, &Y, &expected};
    for (size_t i = 0; i < COUNT(all); i++) {
        guarded_free(all[i]);
    }
}

static void every_set_sums_the_rounded_factors_on_every_ragged_shape(void **state)
{
    (void)state;
    nj_kernels sets[SETS_MAX];
    size_t count = list_sets(sets);
    for (size_t i = 0; i < count; i++) {
        for (size_t m = 0; m < COUNT(M_SIZES); m++) {
            for (size_t n = 0; n < COUNT(N_SIZES); n++) {
                for (size_t k = 0; k < COUNT(K_SIZES); k++) {
                    check_shape(&sets[i], M_SIZES[m], N_SIZES[n], K_SIZES[k], (m + n) % 2 == 1);
                }
            }
        }
    }
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
        check_forms_of_linear(&sets[i], 36, 50, 2100, true);
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

static void what_is_not_finite_is_not_hidden(void **state)
{
    (void)state;
    nj_kernels sets[SETS_MAX];
    size_t count = list_sets(sets);
    uint64_t seed = 4;
    guarded X = guarded_random(3, 40, 0, 1.0f, &seed);
    guarded weight = guarded_random(5, 40, 0, 1.0f, &seed);
    guarded Y = guarded_new(3, 5, 0);
    X.data[0] = NAN;
    X.data[40 + 39] = INFINITY;
    for (size_t i = 0; i < count; i++) {
        run_linear(&sets[i], &X, &weight, false, &Y);
        for (size_t n = 0; n < 5; n++) {
            assert_true(isnan(Y.data[n]));
            assert_true(!isfinite(Y.data[5 + n]));
            assert_true(isfinite(Y.data[10 + n]));
        }
    }
    guarded_free(&Y);
    guarded_free(&weight);
    guarded_free(&X);
}

/// vdpbf16ps as the Intel SDM has it: of a pair the second product is added first.
static float sum_pairs(size_t K, const float *x, const float *w)
{
    float sum = 0.0f;
    for (size_t k = 0; k < K; k += 2) {
        if (k + 1 < K) {
            sum = fmaf(round_to_bf16(x[k + 1]), round_to_bf16(w[k + 1]), sum);
        }
        sum = fmaf(round_to_bf16(x[k]), round_to_bf16(w[k]), sum);
    }
    return sum;
}

static void the_instruction_of_this_machine_sums_as_the_manual_says(void **state)
{
    (void)state;
    nj_kernels sets[SETS_MAX];
    (void)list_sets(sets);
    assert_string_equal(sets[0].name, "bf16-avx512"); // list_sets skips without AVX512-BF16
    uint64_t seed = 6;
    guarded X = guarded_random(40, 333, 0, 1.0f, &seed);
    guarded weight = guarded_random(50, 333, 0, 1.0f, &seed);
    guarded expected = guarded_new(40, 50, 0);
    guarded Y = guarded_new(40, 50, 0);
    for (size_t i = 0; i < expected.count; i++) {
        expected.data[i] = sum_pairs(333, X.data + i / 50 * 333, weight.data + i % 50 * 333);
    }
    run_linear(&sets[0], &X, &weight, false, &Y);
    assert_same_bits(&Y, &expected, "bf16-avx512 and the manual");
    guarded *all[] = {&X, &weight, &Y, &expected};
    for (size_t i = 0; i < COUNT(all); i++) {
        guarded_free(all[i]);
    }
}

/// Where this machine has the tiles, the model says the same bits, or the model is wrong.
static void the_tiles_of_this_machine_do_what_the_model_says(void **state)
{
    (void)state;
    nj_kernels sets[SETS_MAX];
    size_t count = list_sets(sets);
    size_t real = 0;
    while (real < count && strcmp(sets[real].name, "bf16-amx") != 0) {
        real++;
    }
    if (real == count) {
        print_message("skipped: this CPU lacks AMX-BF16\n");
        skip();
    }
    uint64_t seed = 8;
    guarded X = guarded_random(50, 300, 0, 1.0f, &seed);
    guarded weight = guarded_random(70, 300, 0, 1.0f, &seed);
    guarded expected = guarded_new(50, 70, 0);
    guarded Y = guarded_new(50, 70, 0);
    run_linear(&sets[count - 1], &X, &weight, false, &expected);
    run_linear(&sets[real], &X, &weight, false, &Y);
    assert_same_bits(&Y, &expected, "bf16-amx and the model of the tiles");
    guarded *all[] = {&X, &weight, &Y, &expected};
    for (size_t i = 0; i < COUNT(all); i++) {
        guarded_free(all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_sums_the_rounded_factors_on_every_ragged_shape),
        cmocka_unit_test(the_forms_of_linear_give_the_same_elements),
        cmocka_unit_test(a_row_does_not_depend_on_the_rows_beside_it),
        cmocka_unit_test(what_is_not_finite_is_not_hidden),
        cmocka_unit_test(the_instruction_of_this_machine_sums_as_the_manual_says),
        cmocka_unit_test(the_tiles_of_this_machine_do_what_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
