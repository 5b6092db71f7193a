// linears.h - one product with a weight through any set of kernels, over guarded matrices.
#ifndef NJ_TEST_MATH_LINEARS_H
#define NJ_TEST_MATH_LINEARS_H

#include <stdlib.h>

#include "common/math/kernels.h"
#include "tests/unit/math/guarded.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/// Packs into memory of exactly the promised size, so that a sanitizer sees a byte too many.
static inline void *pack(const nj_kernels *kernels, nj_linear *linear)
{
    size_t bytes = kernels->linear_pack_bytes(linear->N, linear->K);
    void *memory = aligned_alloc(64, nj_round_up(nj_max_size(bytes, 1), 64));
    assert_non_null(memory);
    kernels->linear_pack(linear, memory);
    return memory;
}

static inline void run_linear(const nj_kernels *kernels, const guarded *X, const guarded *weight,
                              bool accumulate, guarded *Y)
{
    nj_linear linear = {.weight = weight->data, .N = weight->rows, .K = weight->columns};
    void *memory = pack(kernels, &linear);
    kernels->linear(X->rows, X->data, X->ld, &linear, accumulate, Y->data, Y->ld);
    free(memory);
}

static inline bool same_elements(size_t M, size_t N, const guarded *plain,
                                 const guarded *transposed)
{
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            if (memcmp(&plain->data[m * plain->ld + n], &transposed->data[n * transposed->ld + m],
                       sizeof(float)) != 0) {
                return false;
            }
        }
    }
    return true;
}

/// linear_many of twice the same weight, and linear_transposed where `transposes`, against linear of the same set.
static inline void check_forms_of_linear(const nj_kernels *kernels, size_t M, size_t N, size_t K,
                                         bool transposes)
{
    uint64_t seed = 3 + M + 100 * N + 10000 * K;
    guarded X = guarded_random(M, K, 3, 1.0f, &seed);
    guarded weight = guarded_random(N, K, 0, 1.0f, &seed);
    guarded expected = guarded_new(M, N, 2);
    guarded first = guarded_new(M, N, 2);
    guarded second = guarded_new(M, N, 2);
    guarded transposed = guarded_new(N, M, 1);
    run_linear(kernels, &X, &weight, false, &expected);
    nj_linear linear = {.weight = weight.data, .N = N, .K = K};
    nj_linear unpacked = linear;
    void *memory = pack(kernels, &linear);
    const nj_linear *const linears[] = {&linear, &linear};
    float *const outputs[] = {first.data, second.data};

    kernels->linear_many(M, X.data, X.ld, 2, linears, outputs, first.ld);
    kernels->linear_transposed(M, X.data, X.ld, kernels->packs_transposed ? &linear : &unpacked,
                               transposed.data, transposed.ld);

    assert_same_bits(&first, &expected, kernels->name);
    assert_same_bits(&second, &expected, kernels->name);
    if (transposes) {
        assert_true(same_elements(M, N, &expected, &transposed));
    }
    free(memory);
    guarded *all[] = {&X, &weight, &expected, &first, &second, &transposed};
    for (size_t i = 0; i < COUNT(all); i++) {
        guarded_free(all[i]);
    }
}

/// Every row of a set's product alone against the same row among others.
static inline void check_rows_alone(const nj_kernels *kernels, size_t M, size_t N, size_t K)
{
    uint64_t seed = 99;
    guarded X = guarded_random(M, K, 3, 1.0f, &seed);
    guarded weight = guarded_random(N, K, 0, 1.0f, &seed);
    guarded all = guarded_new(M, N, 2);
    run_linear(kernels, &X, &weight, false, &all);
    for (size_t m = 0; m < M; m++) {
        guarded row = {.data = X.data + m * X.ld, .rows = 1, .columns = K, .ld = X.ld};
        guarded alone = guarded_new(1, N, 0);
        run_linear(kernels, &row, &weight, false, &alone);
        assert_memory_equal(alone.data, all.data + m * all.ld, N * sizeof(float));
        guarded_free(&alone);
    }
    guarded_free(&all);
    guarded_free(&weight);
    guarded_free(&X);
}

#endif
