// quant.h - which code each embedding gets: residual quantization, level by level.
//
//   x ──► nearest row of codebook 0 ──► code 0
//   x - row ──► nearest row of codebook 1 ──► code 1
//   ...
//
// Greedy: a code is never taken back when a later level would have fitted better to another one.
//
// Which row is nearest is decided twice. A matrix product in float32 gives |c|^2 - 2 r.c for all K rows at once; its rounding
// error has a bound that holds for any order of summation. Rows within twice that bound of the best are candidates, and they
// are compared again as plain float64 distances of the float64 residual. So the codes do not depend on the set of kernels, and
// equal those of a float64 implementation except where two distances are equal to about 1e-15 of their size.
#ifndef NJ_QUANT_QUANT_H
#define NJ_QUANT_QUANT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/math/kernels.h"

#define NJ_QUANT_LEVELS_MAX 8
#define NJ_QUANT_CODES_MAX 65536
#define NJ_QUANT_DIMS_MAX 65536
#define NJ_QUANT_BLOCK_ROWS_MAX 256
#define NJ_QUANT_BLOCK_BYTES (8u << 20) // scratch of a block, unless one row alone needs more

typedef struct {
    const float *vectors[NJ_QUANT_LEVELS_MAX]; // [L] of [K, D] row-major, finite; borrowed
    uint32_t K[NJ_QUANT_LEVELS_MAX];           // [L] rows of each level
    uint32_t level_count;                      // L, 0 = no codebooks
    size_t D;                                  // width of an embedding
} nj_codebooks;

// What is left of the embeddings behind each level, added up over all rows so far.
typedef struct {
    uint64_t row_count;
    double squared_sum[NJ_QUANT_LEVELS_MAX]; // [L] of |x - row 0 - ... - row l|^2
} nj_quant_error;

/// Mean over rows of the squared length of the residual behind `level`; 0 when there is no row.
static inline double nj_quant_error_mean(const nj_quant_error *error, uint32_t level)
{
    return error->row_count == 0 ? 0.0 : error->squared_sum[level] / (double)error->row_count;
}

typedef struct nj_quantizer nj_quantizer;

/// Packs the codebooks for `kernels` and allocates all scratch: assigning allocates nothing. Codebooks and kernels are borrowed
/// until nj_quantizer_free.
///
/// Memory  the packed codebooks, a norm a code, and about NJ_QUANT_BLOCK_BYTES
/// Errors  NJ_INPUT: no levels, or L, K or D beyond its maximum (names both numbers), a value that is not finite (names
///         level, row and column); NJ_NO_MEMORY
NJ_CHECKED nj_status nj_quantizer_new(const nj_codebooks *codebooks, const nj_kernels *kernels,
                                      nj_quantizer **out, nj_error *err);
void nj_quantizer_free(nj_quantizer **quantizer);

/// Assigns codes to N embeddings.
///
///   x             [N, D]            in   row-major, finite
///   codes         [N, codes_stride] out  the first L of every row are written; codes_stride >= L
///   error                           in/out  nullable; this call's rows are added
///
/// Ties      the lower code (exactly equal float64 distances)
/// Order     float64 sums over D left to right; `error` adds row after row, so blocks do not change it
/// Source    Chen, Guan, Wang 2010, "Approximate nearest neighbor search by residual vector quantization", section 3.1 (greedy
///           encoding); bound: Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1
/// Proof     tests/unit/quant/test_quant.c, against a float64 search of every row
void nj_quant_assign(nj_quantizer *quantizer, const float *x, size_t N, uint16_t *codes,
                     size_t codes_stride, nj_quant_error *error);

#endif
