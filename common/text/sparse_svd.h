// sparse_svd.h - the longest axes of a sparse matrix: a truncated singular value decomposition A = U S V^T by random projection.
//
//   random Q [V, l] ──► Q = orthonormal(A^T A Q), again and again ──► A^T A within Q ──► eigenvectors ──► V [V, k]
//
// l is k and some more columns. A^T A Q goes row by row of A, so nothing of A's height is ever held: a catalogue of ten million items
// needs its sparse rows and two [V, l] matrices. Work is cut by columns of Q, never by rows of A: every sum has one order, and the result the
// same bytes for any number of threads.
//
// Source  Halko, Martinsson, Tropp 2011, "Finding structure with randomness", algorithms 4.4 and 5.1 on A^T; orthonormal by Cholesky, twice:
//         Yamamoto et al. 2015, "Roundoff error analysis of the CholeskyQR2 algorithm"
// Proof   tests/unit/text/test_sparse_svd.c; tests/bench/compare_tfidf_svd.py
#ifndef NJ_TEXT_SPARSE_SVD_H
#define NJ_TEXT_SPARSE_SVD_H

#include "common/base/error.h"
#include "common/base/pool.h"
#include "common/text/sparse.h"

#define NJ_SVD_DIMENSIONS_MAX 1024
#define NJ_SVD_ITERATIONS_MAX 100
#define NJ_SVD_MORE_COLUMNS 10 // of Q beyond the dimensions
#define NJ_SVD_BLOCK 8         // columns of Q that are worked on together

// What is shorter than this part of the longest axis is rounding and left out. Axes below some 1/2000 of the longest can be lost in the first
// product already.
#define NJ_SVD_SHORTEST 1e-6

typedef struct {
    size_t dimensions; // k, 1 .. NJ_SVD_DIMENSIONS_MAX
    size_t iterations; // products with A^T A beyond the first, up to NJ_SVD_ITERATIONS_MAX
    uint64_t seed;
    nj_pool *pool;
    /// Is told how many of the rounds are done; may be NULL.
    void (*progress)(void *context, size_t done, size_t total);
    void *context;
} nj_svd_config;

typedef struct {
    size_t column_count; // V
    size_t rank;         // axes found, at most the dimensions: fewer where the matrix has no more
    double lengths[NJ_SVD_DIMENSIONS_MAX]; // [rank] singular values, descending
    double square_total;                   // of all elements of the matrix
    double
        *axes; // owned; [blocks][V][NJ_SVD_BLOCK], columns of V in blocks, those behind the rank 0
} nj_svd;

/// Bytes of the two [V, l] matrices; SIZE_MAX where that does not fit.
size_t nj_svd_bytes(size_t row_count, size_t column_count, size_t dimensions);

/// Finds the axes. The element of an axis that is largest in size (of equal ones the first) is positive.
///
/// Cost    (iterations + 2) * (4 * entries * l + 2 * V * l^2) multiplications and additions, shared by the pool's threads: at most
///         l / NJ_SVD_BLOCK of them have work
/// Errors  NJ_NO_MEMORY; as nj_pca_axes
NJ_CHECKED nj_status nj_svd_fit(const nj_sparse *matrix, const nj_svd_config *config, nj_svd *out,
                                nj_error *err);
void nj_svd_fini(nj_svd *svd);

/// The coordinates of one row along the axes: out [rank, rounded up to NJ_SVD_BLOCK], a row of U S.
void nj_svd_project(const nj_svd *svd, const nj_sparse *matrix, size_t row, double *out);

#endif
