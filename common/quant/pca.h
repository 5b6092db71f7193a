// pca.h - principal components: the eigenvectors of a symmetric matrix, longest axis first.
#ifndef NJ_QUANT_PCA_H
#define NJ_QUANT_PCA_H

#include <stddef.h>

#include "common/base/error.h"

#define NJ_PCA_STEPS_MAX 64 // of one eigenvalue; 2 to 3 are usual

/// Finds the `count` largest eigenvalues of a symmetric matrix and their unit eigenvectors.
///
///   matrix   [D, D]      in/out  symmetric, finite; destroyed
///   values   [count]     out     descending
///   vectors  [count, D]  out     orthonormal rows; the element that is largest in size (of equal ones the first) is positive
///
/// Method    Householder reduction to a tridiagonal matrix, then QL steps with implicit shifts; all float64 in a fixed order
/// Cost      about 4 D^3 multiplications and additions; D * 24 bytes and the vectors of all D axes (D * D * 8 bytes)
/// Errors    NJ_FAILED: an eigenvalue has not settled in NJ_PCA_STEPS_MAX steps; NJ_NO_MEMORY
/// Source    Golub, Van Loan 2013, "Matrix Computations", sections 8.3.1 (reduction), 8.3.3 to 8.3.5 (implicit QR with shifts)
/// Proof     tests/unit/quant/test_pca.c
NJ_CHECKED nj_status nj_pca_axes(double *matrix, size_t D, size_t count, double *values,
                                 float *vectors, nj_error *err);

#endif
