// layer_norm.h - LayerNorm and its derivative: what SASRec has where T5 has its norm without mean and bias.
//
// Every sum has one fixed order: 16 lanes, folded as kernels.h folds them.
#ifndef NJ_WORKER_TRAIN_LAYER_NORM_H
#define NJ_WORKER_TRAIN_LAYER_NORM_H

#include <stdbool.h>
#include <stddef.h>

/// hat[r] = (x[r] - mean(x[r])) / sqrt(variance(x[r]) + epsilon), inverse[r] = 1 / that root, out[r] = hat[r] * weight + bias.
/// out may be x.
///
/// Source  Ba, Kiros, Hinton 2016, "Layer Normalization", section 3
/// Proof   tests/unit/train/test_sasrec_gradient.c
void nj_layer_norm(size_t rows, size_t D, const float *x, const float *weight, const float *bias,
                   float epsilon, float *hat, float *inverse, float *out);

/// From the derivative by `out`: dx = (or +=, `accumulate`) that by x, dweight and dbias += theirs, row by row. dx may be dout.
void nj_layer_norm_backward(size_t rows, size_t D, const float *hat, const float *inverse,
                            const float *weight, const float *dout, float *dweight, float *dbias,
                            bool accumulate, float *dx);

#endif
