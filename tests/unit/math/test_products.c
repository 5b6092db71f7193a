// test_products.c - linear, matmul_nt, matmul_nn and matmul_tn of every set against kernels_ref.c, and kernels_ref.c against hands.
#include <stdio.h>

#include "tests/unit/math/linears.h"

// Around every edge of a tile (6 or 12 rows, 4, 8, 16 or 32 columns), of a transposed block (8 x 4 or 4 x 4) and of a block of k (256).
static const size_t M_SIZES[] = {0, 1, 2, 5, 6, 7, 11, 12, 13, 17, 25, 33};
static const size_t N_SIZES[] = {0, 1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 24, 31, 32, 33, 48, 65};
static const size_t K_SIZES[] = {0, 1, 2, 3, 4, 7, 16, 33, 64, 256, 257, 520};

// Sets that are not exact: four roundings for each of K products of size at most 1. The sums stay far below K in practice.
#define TOLERANCE_A_TERM (4.0 / (1 << 24))

static const nj_kernels *find_ref(void)
{
    const nj_kernels *ref = nj_kernels_at(0);
    assert_string_equal(ref->name, "ref");
    return ref;
}

static bool is_exact(const nj_kernels *kernels)
{
    return strcmp(kernels->numeric_class, "exact") == 0;
}

/// The others round the factors: test_int8.c, test_bf16.c.
static bool multiplies_floats(const nj_kernels *kernels)
{
    return strcmp(kernels->precision, "float32") == 0;
}

static void compare(const nj_kernels *kernels, const guarded *got, const guarded *expected,
                    const char *function, size_t M, size_t N, size_t K)
{
    char what[100];
    snprintf(what, sizeof what, "%s %s M=%zu N=%zu K=%zu", kernels->name, function, M, N, K);
    if (is_exact(kernels)) {
        assert_same_bits(got, expected, what);
    } else {
        assert_near(got, expected, (double)K * TOLERANCE_A_TERM, what);
    }
}

static void check_linear(size_t M, size_t N, size_t K, size_t padding, bool accumulate)
{
    uint64_t seed = 1 + M + 100 * N + 10000 * K;
    guarded X = guarded_random(M, K, padding, 1.0f, &seed);
    guarded weight = guarded_random(N, K, 0, 1.0f, &seed);
    guarded before = accumulate ? guarded_random(M, N, padding, 1.0f, &seed)
                                : guarded_new(M, N, padding); // NaN that must not shine through
    guarded expected = guarded_copy(&before);
    run_linear(find_ref(), &X, &weight, accumulate, &expected);
    const nj_kernels *kernels;
    for (size_t i = 1; (kernels = nj_kernels_at(i)) != NULL; i++) {
        if (!multiplies_floats(kernels)) {
            continue;
        }
        guarded Y = guarded_copy(&before);
        run_linear(kernels, &X, &weight, accumulate, &Y);
        compare(kernels, &Y, &expected, accumulate ? "linear accumulate" : "linear", M, N, K);
        guarded_free(&Y);
    }
    guarded_free(&expected);
    guarded_free(&before);
    guarded_free(&weight);
    guarded_free(&X);
}

typedef void (*matmul)(size_t M, size_t N, size_t K, const float *A, size_t lda, const float *B,
                       size_t ldb, float *C, size_t ldc);

static matmul choose(const nj_kernels *kernels, bool transposed)
{
    return transposed ? kernels->matmul_nt : kernels->matmul_nn;
}

static void check_matmul(size_t M, size_t N, size_t K, size_t padding, bool transposed)
{
    uint64_t seed = 7 + M + 100 * N + 10000 * K;
    guarded A = guarded_random(M, K, padding, 1.0f, &seed);
    guarded B = guarded_random(transposed ? N : K, transposed ? K : N, padding, 1.0f, &seed);
    guarded expected = guarded_new(M, N, padding);
    choose(find_ref(), transposed)(M, N, K, A.data, A.ld, B.data, B.ld, expected.data, expected.ld);
    const nj_kernels *kernels;
    for (size_t i = 1; (kernels = nj_kernels_at(i)) != NULL; i++) {
        guarded C = guarded_new(M, N, padding);
        choose(kernels, transposed)(M, N, K, A.data, A.ld, B.data, B.ld, C.data, C.ld);
        compare(kernels, &C, &expected, transposed ? "matmul_nt" : "matmul_nn", M, N, K);
        guarded_free(&C);
    }
    guarded_free(&expected);
    guarded_free(&B);
    guarded_free(&A);
}

static void check_matmul_tn(size_t M, size_t N, size_t K, size_t padding)
{
    uint64_t seed = 13 + M + 100 * N + 10000 * K;
    guarded A = guarded_random(K, M, padding, 1.0f, &seed);
    guarded B = guarded_random(K, N, padding, 1.0f, &seed);
    guarded before = guarded_random(M, N, padding, 1.0f, &seed);
    guarded expected = guarded_copy(&before);
    find_ref()->matmul_tn(M, N, K, A.data, A.ld, B.data, B.ld, expected.data, expected.ld);
    const nj_kernels *kernels;
    for (size_t i = 1; (kernels = nj_kernels_at(i)) != NULL; i++) {
        guarded C = guarded_copy(&before);
        kernels->matmul_tn(M, N, K, A.data, A.ld, B.data, B.ld, C.data, C.ld);
        compare(kernels, &C, &expected, "matmul_tn", M, N, K + 1);
        guarded_free(&C);
    }
    guarded_free(&expected);
    guarded_free(&before);
    guarded_free(&B);
    guarded_free(&A);
}

static void the_forms_of_linear_give_the_same_elements(void **state)
{
    (void)state;
    static const size_t SIZES[] = {0, 1, 15, 16, 17, 33, 80};
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        for (size_t m = 0; m < COUNT(SIZES) && multiplies_floats(kernels); m++) {
            for (size_t n = 0; n < COUNT(SIZES); n++) {
                size_t K = SIZES[(m + n) % COUNT(SIZES)];
                check_forms_of_linear(kernels, SIZES[m], SIZES[n], K, is_exact(kernels));
            }
        }
        if (multiplies_floats(kernels)) {
            check_forms_of_linear(kernels, 36, 384, 600, is_exact(kernels));
        }
    }
}

static void every_set_agrees_with_the_reference_on_every_ragged_shape(void **state)
{
    (void)state;
    for (size_t m = 0; m < COUNT(M_SIZES); m++) {
        for (size_t n = 0; n < COUNT(N_SIZES); n++) {
            for (size_t k = 0; k < COUNT(K_SIZES); k++) {
                size_t padding = (m + n + k) % 3 * 5; // none, 5 or 10 floats
                check_linear(M_SIZES[m], N_SIZES[n], K_SIZES[k], padding, false);
                check_linear(M_SIZES[m], N_SIZES[n], K_SIZES[k], padding, true);
                check_matmul(M_SIZES[m], N_SIZES[n], K_SIZES[k], padding, false);
                check_matmul(M_SIZES[m], N_SIZES[n], K_SIZES[k], padding, true);
                if (padding == 5) {
                    check_matmul_tn(M_SIZES[m], N_SIZES[n], K_SIZES[k], padding);
                }
            }
        }
    }
}

static void every_set_agrees_on_the_shapes_of_the_reference_model(void **state)
{
    (void)state;
    static const size_t LINEAR[][2] = {
        {384, 128}, {128, 384}, {1024, 128}, {128, 1024}, {1026, 128}};
    for (size_t i = 0; i < COUNT(LINEAR); i++) {
        check_linear(20, LINEAR[i][0], LINEAR[i][1], 0, i % 2 == 1);
    }
    check_linear(13, 33, 1024, 1024, false); // rows 8192 bytes apart
    check_matmul(80, 80, 64, 320, true);     // scores: heads interleaved in rows of 384
    check_matmul(80, 64, 80, 320, false);    // mixing
    check_matmul_tn(128, 384, 600, 0);       // a weight's gradient
}

static void a_row_does_not_depend_on_the_rows_beside_it(void **state)
{
    (void)state;
    enum { M = 37, N = 50, K = 300 };
    uint64_t seed = 99;
    guarded A = guarded_random(M, K, 3, 1.0f, &seed);
    guarded B = guarded_random(N, K, 0, 1.0f, &seed);
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        if (!is_exact(kernels)) {
            continue;
        }
        guarded all = guarded_new(M, N, 2);
        guarded all_nt = guarded_new(M, N, 2);
        run_linear(kernels, &A, &B, false, &all);
        kernels->matmul_nt(M, N, K, A.data, A.ld, B.data, B.ld, all_nt.data, all_nt.ld);
        assert_same_bits(&all_nt, &all, kernels->name);
        for (size_t m = 0; m < M; m++) {
            guarded row = {.data = A.data + m * A.ld, .rows = 1, .columns = K, .ld = A.ld};
            guarded alone = guarded_new(1, N, 0);
            run_linear(kernels, &row, &B, false, &alone);
            assert_memory_equal(alone.data, all.data + m * all.ld, N * sizeof(float));
            guarded_free(&alone);
        }
        guarded_free(&all_nt);
        guarded_free(&all);
    }
    guarded_free(&B);
    guarded_free(&A);
}

/// One element by every exact set and all three functions.
static void assert_element(size_t K, const float *a, const float *b, float expected)
{
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        if (!is_exact(kernels)) {
            continue;
        }
        float c[3] = {NAN, NAN, NAN};
        nj_linear linear = {.weight = b, .N = 1, .K = K};
        void *memory = pack(kernels, &linear);
        kernels->linear(1, a, K, &linear, false, &c[0], 1);
        kernels->matmul_nt(1, 1, K, a, K, b, K, &c[1], 1);
        kernels->matmul_nn(1, 1, K, a, K, b, 1, &c[2], 1);
        free(memory);
        for (size_t j = 0; j < 3; j++) {
            if (memcmp(&c[j], &expected, sizeof expected) != 0) {
                fail_msg("%s, function %zu: %a, expected %a", kernels->name, j, (double)c[j],
                         (double)expected);
            }
        }
    }
}

static void an_element_is_one_chain_of_fused_products_in_order(void **state)
{
    (void)state;
    // In order: 1e8 swallows the 1. Any other order would give 1.
    assert_element(3, (float[]){1e8f, 1.0f, -1e8f}, (float[]){1.0f, 1.0f, 1.0f}, 0.0f);
    // Fused: (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24 keeps its last bit until the sum is taken.
    assert_element(2, (float[]){-0x1.002p0f, 0x1.001p0f}, (float[]){1.0f, 0x1.001p0f}, 0x1p-24f);
    // Begun from +0: a product of -0 ends as +0.
    assert_element(1, (float[]){-0.0f}, (float[]){1.0f}, 0.0f);
    assert_element(0, (float[]){NAN}, (float[]){NAN}, 0.0f);
}

static void accumulate_adds_the_finished_chain_with_one_rounding(void **state)
{
    (void)state;
    static const float HALVES[] = {0x1p-24f, 0x1p-24f}; // one by one each is lost beside 1
    static const float ONES[] = {1.0f, 1.0f};
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        if (!is_exact(kernels)) {
            continue;
        }
        float y = 1.0f;
        nj_linear linear = {.weight = ONES, .N = 1, .K = 2};
        void *memory = pack(kernels, &linear);
        kernels->linear(1, HALVES, 2, &linear, true, &y, 1);
        free(memory);
        assert_true(y == 1.0f + 0x1p-23f);
    }
}

static void the_reference_multiplies_as_one_does_by_hand(void **state)
{
    (void)state;
    static const float A[] = {1, 2, 3, 4, 5, 6};           // [2, 3]
    static const float B[] = {1, 0, 2, -1, 3, 1};          // [2, 3], used transposed
    static const float B_STRAIGHT[] = {1, -1, 0, 3, 2, 1}; // [3, 2], the same
    static const float EXPECTED[] = {7, 8, 16, 17};
    float C[4];
    find_ref()->matmul_nt(2, 2, 3, A, 3, B, 3, C, 2);
    assert_memory_equal(C, EXPECTED, sizeof C);
    find_ref()->matmul_nn(2, 2, 3, A, 3, B_STRAIGHT, 2, C, 2);
    assert_memory_equal(C, EXPECTED, sizeof C);
    static const float A_TURNED[] = {1, 4, 2, 5, 3, 6}; // [3, 2], the same
    memcpy(C, (const float[]){1, 1, 1, -17}, sizeof C);
    find_ref()->matmul_tn(2, 2, 3, A_TURNED, 2, B_STRAIGHT, 2, C, 2);
    assert_memory_equal(C, ((const float[]){8, 9, 17, 0}), sizeof C);
    nj_linear linear = {.weight = B, .N = 2, .K = 3};
    find_ref()->linear(2, A, 3, &linear, false, C, 2);
    assert_memory_equal(C, EXPECTED, sizeof C);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_multiplies_as_one_does_by_hand),
        cmocka_unit_test(an_element_is_one_chain_of_fused_products_in_order),
        cmocka_unit_test(accumulate_adds_the_finished_chain_with_one_rounding),
        cmocka_unit_test(the_forms_of_linear_give_the_same_elements),
        cmocka_unit_test(every_set_agrees_with_the_reference_on_every_ragged_shape),
        cmocka_unit_test(every_set_agrees_on_the_shapes_of_the_reference_model),
        cmocka_unit_test(a_row_does_not_depend_on_the_rows_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
