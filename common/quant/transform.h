// transform.h - what happens to an embedding before its codes are looked for.
//
//   x [D_in] ──► (x - mean) * scale ──► matrix [rows, D_in] ──► dense + ReLU ──► ... ──► dense ──► [D_out]
//                standardise             PCA                    the encoder of an RQ-VAE: no ReLU behind its last layer
//
// Each part is optional. All is float32 by the exact kernels (kernels.h), whatever kernels the codes are looked for with: so the
// result does not depend on the machine, nor on how rows are cut into calls.
#ifndef NJ_QUANT_TRANSFORM_H
#define NJ_QUANT_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"

#define NJ_TRANSFORM_LAYERS_MAX 16

// A dense layer as torch.nn.Linear stores it.
typedef struct {
    const float *weight; // [rows, columns]
    const float *bias;   // [rows]; NULL = none
    size_t rows;
    size_t columns;
} nj_dense;

// Everything is borrowed. All zero is no transform.
typedef struct {
    size_t D_in;        // width of an embedding; 0 = no transform
    const float *mean;  // [D_in]; NULL = 0
    const float *scale; // [D_in]; NULL = 1
    nj_dense matrix;    // without a bias; rows 0 = none
    nj_dense layers[NJ_TRANSFORM_LAYERS_MAX];
    size_t layer_count;
} nj_transform;

static inline bool nj_transform_is_none(const nj_transform *transform)
{
    return transform->D_in == 0;
}

/// D_out: rows of the last part, D_in where none changes the width.
size_t nj_transform_width(const nj_transform *transform);

/// Checks that shapes chain and values are finite.
///
/// Errors  NJ_INPUT: a width that is not that of the part before (names the part and both numbers), a width beyond
///         NJ_QUANT_DIMS_MAX, too many layers, a value that is not finite (names the part, row and column)
/// Proof   tests/unit/quant/test_transform.c
NJ_CHECKED nj_status nj_transform_check(const nj_transform *transform, nj_error *err);

// A transform made ready to run: weights packed, scratch taken.
typedef struct nj_transformer nj_transformer;

/// The transform is borrowed until nj_transformer_free. Applying allocates nothing.
/// Errors  those of nj_transform_check; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_transformer_new(const nj_transform *transform, nj_transformer **out,
                                        nj_error *err);
void nj_transformer_free(nj_transformer **transformer);

/// Transforms N rows. NaN and infinity pass through: a layer can overflow, so who relies on finite values looks at the result.
///
///   x    [N, D_in]   in   row-major
///   out  [N, D_out]  out  not x
void nj_transformer_apply(nj_transformer *transformer, const float *x, size_t N, float *out);

#endif
