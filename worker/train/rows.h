// rows.h - what a backward pass needs beside products: derivatives of norms and activations, dropout, transposes.
//
// Every sum has one fixed order: 16 lanes, folded as kernels.h folds them. So the same input gives the same bits on any number of threads.
// Kernels: nothing fails, nothing is allocated, arrays do not overlap unless told otherwise.
//
// Proof   tests/unit/train/test_gradient.c (finite differences of every layer)
#ifndef NJ_WORKER_TRAIN_ROWS_H
#define NJ_WORKER_TRAIN_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "common/math/kernels.h"

// Inverted dropout: what is kept is scaled up in training. Which values are dropped is a function of the key and the place alone, so a backward pass finds them again.
typedef struct {
    uint32_t threshold; // a value is dropped when its 16 random bits are below
    float scale;        // of the kept: 65536 / (65536 - threshold)
} nj_dropout;

/// `rate` is in [0, 1): rounded to a multiple of 1/65536.
nj_dropout nj_dropout_make(double rate);
/// The key of one use of dropout in a step.
uint64_t nj_dropout_key(uint64_t seed, uint32_t use);
/// out[i] becomes 0 or in[i] * scale (nj_kernels' drop), or in[i] when the threshold is 0; out may be in. The same call is its own derivative.
void nj_dropout_apply(const nj_kernels *kernels, nj_dropout dropout, uint64_t key, size_t count,
                      const float *in, float *out);

/// out[c * rows + r] = in[r * ld + c]: in is [rows, columns] with rows `ld` apart, out [columns, rows].
void nj_rows_transpose(size_t rows, size_t columns, const float *in, size_t ld, float *out);

/// T5's norm, without mean and bias, of x [rows, D] into normed [rows, D] and inverse [rows]; weight [D]:
/// inverse[r] = 1 / sqrt(mean(x[r]^2) + epsilon), and normed[r] = x[r] * inverse[r] * weight.
///
/// Source  Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", equation 4
void nj_rows_norm(size_t rows, size_t D, const float *x, const float *weight, float epsilon,
                  float *normed, float *inverse);
/// From the derivative by `normed`, dnormed [rows, D]: dx [rows, D] += that by x, dweight [D] += that by the weight. Rows are added in order.
void nj_rows_norm_backward(size_t rows, size_t D, const float *x, const float *inverse,
                           const float *weight, const float *dnormed, float *dx, float *dweight);

/// dh becomes the derivative by what relu was given, from its (dropped) result h.
void nj_rows_relu_backward(size_t count, const float *h, float scale, float *dh);
/// h = gelu_new(u) * gate (gelu by tanh, as T5 1.1 has it), [count] each: dh becomes the derivative by u, dgate is set.
void nj_rows_gated_gelu_backward(size_t count, const float *u, const float *gate, float *dh,
                                 float *dgate);

#endif
