// kernels_openblas.c - matrix products by OpenBLAS, everything else from the fastest exact set.
//
// Its bits depend on the kernel that OpenBLAS chose for this CPU (OPENBLAS_CORETYPE overrules it) and may depend on M, so the numeric
// class carries the name of that kernel. One thread: nightjar runs one process a core.
#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/math/kernels_sets.h"

#define CLASS_BYTES 64 // "openblas-" and a core name such as "SkylakeX"

static nj_kernels openblas_set;
static char openblas_class[CLASS_BYTES];
static bool openblas_built;
static pthread_mutex_t openblas_lock = PTHREAD_MUTEX_INITIALIZER; // of the three above

/// BLAS takes int and wants a leading dimension of at least 1.
static blasint narrow(size_t size)
{
    assert(size <= INT_MAX);
    return (blasint)size;
}

/// C = A * op(B) + beta * C for beta 0 or 1; with K = 0 only the zeroing is left.
static void multiply(CBLAS_TRANSPOSE transpose, size_t M, size_t N, size_t K, const float *A,
                     size_t lda, const float *B, size_t ldb, float beta, float *C, size_t ldc)
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
    cblas_sgemm(CblasRowMajor, CblasNoTrans, transpose, narrow(M), narrow(N), narrow(K), 1.0f, A,
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
    multiply(CblasTrans, M, linear->N, linear->K, X, ldx, linear->weight, linear->K,
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
    multiply(CblasTrans, linear->N, M, linear->K, linear->weight, linear->K, X, ldx, 0.0f, Y, ldy);
}

static void openblas_matmul_nt(size_t M, size_t N, size_t K, const float *A, size_t lda,
                               const float *B, size_t ldb, float *C, size_t ldc)
{
    multiply(CblasTrans, M, N, K, A, lda, B, ldb, 0.0f, C, ldc);
}

static void openblas_matmul_nn(size_t M, size_t N, size_t K, const float *A, size_t lda,
                               const float *B, size_t ldb, float *C, size_t ldc)
{
    multiply(CblasNoTrans, M, N, K, A, lda, B, ldb, 0.0f, C, ldc);
}

static void build_set(const nj_kernels *base)
{
    openblas_set_num_threads(1);
    snprintf(openblas_class, sizeof openblas_class, "openblas-%s", openblas_get_corename());
    openblas_set = *base;
    openblas_set.name = "openblas";
    openblas_set.numeric_class = openblas_class;
    openblas_set.linear_pack_bytes = pack_nothing_bytes;
    openblas_set.linear_pack = pack_nothing;
    openblas_set.linear = openblas_linear;
    openblas_set.linear_many = openblas_linear_many;
    openblas_set.linear_transposed = openblas_linear_transposed;
    openblas_set.matmul_nt = openblas_matmul_nt;
    openblas_set.matmul_nn = openblas_matmul_nn;
}

const nj_kernels *nj_kernels_openblas(const nj_kernels *base)
{
    pthread_mutex_lock(&openblas_lock);
    if (!openblas_built) {
        build_set(base);
        openblas_built = true;
    }
    pthread_mutex_unlock(&openblas_lock);
    return &openblas_set;
}
