// rqvae_gradient.h - the loss of an RQ-VAE over some rows, and its derivative by every parameter.
//
// With r_0 = z, e_l the nearest row of codebook l to r_l, r_{l+1} = r_l - e_l, z_q the sum of the e_l and y what the decoder makes of it:
//
//   loss of a row = mean over D of (y - x)^2  +  sum over levels of mean over latent of (sg[r_l] - e_l)^2 + beta (r_l - sg[e_l])^2
//
// sg[] counts as a constant. Straight-through: behind the decoder the derivative by z_q is that by z, as if z_q were z; the e_l get nothing
// from it. So codebooks follow their residuals, the encoder follows the reconstruction and stays near its codes.
#ifndef NJ_WORKER_TRAIN_RQVAE_GRADIENT_H
#define NJ_WORKER_TRAIN_RQVAE_GRADIENT_H

#include "worker/train/rqvae_model.h"

typedef struct {
    double beta;    // of the commitment
    double dropout; // of hidden values, in encoder and decoder; [0, 1)
    float weight;   // of a row in the gradient: 1 over the rows of the batch
    uint64_t seed;  // of dropout
} nj_rqvae_options;

typedef struct nj_rqvae_scratch nj_rqvae_scratch;

/// For at most rows_max rows at a time. `model` is borrowed: only its shape is used.
NJ_CHECKED nj_status nj_rqvae_scratch_new(const nj_rqvae *model, size_t rows_max,
                                          nj_rqvae_scratch **out, nj_error *err);
/// Accepts NULL in *scratch.
void nj_rqvae_scratch_free(nj_rqvae_scratch **scratch);

/// Adds the derivative of weight * (loss of all rows) to `gradient`, and returns the loss of all rows, unweighted.
///
///   x         [rows, D]  in      standardised
///   gradient  [count]    in/out  as the values are laid out
///
/// Order   rows and levels in order, so that the same rows give the same bits on any thread
/// Ties    the nearest code is looked for in float32 here; which of two equally near ones is taken is not what an encoder (encoder.h)
///         would say, which decides in float64
/// Source  van den Oord et al. 2017, "Neural Discrete Representation Learning", equation 3
/// Proof   tests/unit/train/test_rqvae_gradient.c
double nj_rqvae_gradient(const nj_rqvae *model, nj_rqvae_scratch *scratch, const float *x,
                         size_t rows, const nj_rqvae_options *options, float *gradient);

#endif
