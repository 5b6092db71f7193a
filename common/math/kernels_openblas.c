// kernels_openblas.c - matrix products by OpenBLAS, everything else from the fastest exact set.
//
// Its bits depend on the kernel that OpenBLAS chose for this CPU (OPENBLAS_CORETYPE overrules it) and may depend on M, so the numeric
// class carries the name of that kernel. One thread: nightjar runs one process a core.
#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/math/kernels_sets.h"

#define CLASS_BYTES 64 // "openblas-" and a core name such as "SkylakeX"

static char openblas_class[CLASS_BYTES]; // written by nj_kernels_openblas_over, which runs once

/// BLAS takes int and wants a leading dimension of at least 1.
static blasint narrow(size_t size)
{
    assert(size <= INT_MAX);
    return (blasint)size;
}

/// C = op(A) * op(B) + beta * C for beta 0 or 1; with K = 0 only the zeroing is left.
static void multiply(CBLAS_TRANSPOSE op_a, CBLAS_TRANSPOSE op_b, size_t M, size_t N, size_t K,
                     const float *A, size_t lda, const float *B, size_t ldb, float beta, float *C,
                     size_t ldc)
{
    if (M == 0 || N == 0) {
        return;
    }
    if (K == 0) {
        for (size_t m = 0; m < M && beta == 0.0f; m++) {
            memset(C + m * ldc, 0, N * sizeof *C);
        }
        return;
    }
    cblas_sgemm(CblasRowMajor, op_a, op_b, narrow(M), narrow(N), narrow(K), 1.0f, A,
                narrow(nj_max_size(lda, 1)), B, narrow(nj_max_size(ldb, 1)), beta, C,
                narrow(nj_max_size(ldc, 1)));
}

static size_t pack_nothing_bytes(size_t N, size_t K)
{
    (void)N;
    (void)K;
    return 0;
}

static void pack_nothing(nj_linear *linear, void *memory)
{
    (void)memory;
    linear->packed = NULL;
}

static void openblas_linear(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                            bool accumulate, float *Y, size_t ldy)
{
    multiply(CblasNoTrans, CblasTrans, M, linear->N, linear->K, X, ldx, linear->weight, linear->K,
             accumulate ? 1.0f : 0.0f, Y, ldy);
}

static void openblas_linear_many(size_t M, const float *X, size_t ldx, size_t count,
                                 const nj_linear *const *linears, float *const *Ys, size_t ldy)
{
    for (size_t i = 0; i < count; i++) {
        openblas_linear(M, X, ldx, linears[i], false, Ys[i], ldy);
    }
}

static void openblas_linear_transposed(size_t M, const float *X, size_t ldx,
                                       const nj_linear *linear, float *Y, size_t ldy)
{
    multiply(CblasNoTrans, CblasTrans, linear->N, M, linear->K, linear->weight, linear->K, X, ldx,
             0.0f, Y, ldy);
}

static void openblas_matmul_nt(size_t M, size_t N, size_t K, const float *A, size_t lda,
                               const float *B, size_t ldb, float *C, size_t ldc)
{
    multiply(CblasNoTrans, CblasTrans, M, N, K, A, lda, B, ldb, 0.0f, C, ldc);
}

static void openblas_matmul_nn(size_t M, size_t N, size_t K, const float *A, size_t lda,
                               const float *B, size_t ldb, float *C, size_t ldc)
{
    multiply(CblasNoTrans, CblasNoTrans, M, N, K, A, lda, B, ldb, 0.0f, C, ldc);
}

static void openblas_matmul_tn(size_t M, size_t N, size_t K, const float *A, size_t lda,
                               const float *B, size_t ldb, float *C, size_t ldc)
{
    multiply(CblasTrans, CblasNoTrans, M, N, K, A, lda, B, ldb, 1.0f, C, ldc);
}

void nj_kernels_openblas_over(nj_kernels *set)
{
    openblas_set_num_threads(1);
    snprintf(openblas_class, sizeof openblas_class, "openblas-%s", openblas_get_corename());
    set->numeric_class = openblas_class;
    set->linear_pack_bytes = pack_nothing_bytes;
    set->linear_pack = pack_nothing;
    set->linear = openblas_linear;
    set->linear_many = openblas_linear_many;
    set->linear_transposed = openblas_linear_transposed;
    set->packs_transposed = false;
    set->matmul_nt = openblas_matmul_nt;
    set->matmul_nn = openblas_matmul_nn;
    set->matmul_tn = openblas_matmul_tn;
}
