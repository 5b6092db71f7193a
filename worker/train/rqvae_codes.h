// rqvae_codes.h - the codebooks of an RQ-VAE in training: where they begin, what they give, and which codes need another place.
//
//   start   latents of a sample ─► k-means ─► codebook 0 ─► residuals ─► k-means ─► codebook 1 ...
//   judge   all rows ─► codes, exactly those of `catalogue assign` ─► use, collisions; ─► decoder ─► reconstruction error
//   revive  a code that no row has ─► the residual of a row drawn at random
#ifndef NJ_WORKER_TRAIN_RQVAE_CODES_H
#define NJ_WORKER_TRAIN_RQVAE_CODES_H

#include "common/base/pool.h"
#include "worker/train/rqvae_model.h"
#include "worker/train/rqvae_rows.h"

// k-means looks at a sample of max(NJ_RQVAE_SAMPLE_ROWS, NJ_RQVAE_SAMPLE_CODES * K) rows, one of each stratum of so many.
#define NJ_RQVAE_SAMPLE_ROWS 16384
#define NJ_RQVAE_SAMPLE_CODES 16

// What the codes of all rows are worth.
typedef struct {
    double
        error; // mean squared distance of an embedding from what the decoder makes of its codes, in the embeddings' units
    double relative;                        // of the rows' variance, as `catalogue fit` counts it
    double commitment[NJ_QUANT_LEVELS_MAX]; // [L] mean over rows and latent of (r_l - e_l)^2
    double perplexity[NJ_QUANT_LEVELS_MAX]; // [L] e to the entropy of the rows' codes
    uint64_t used[NJ_QUANT_LEVELS_MAX];     // [L] codes that a row has
    uint64_t colliding;                     // rows that share all codes with another
    uint64_t distinct;                      // different tuples of codes
    uint64_t largest;                       // rows of the tuple that most have
} nj_rqvae_figures;

/// Codebooks become those of residual k-means over the latents of the rows, level by level. Codes that the rows are too alike for are
/// copies of the first. Packs them.
/// Errors  NJ_FAILED: a latent is not finite; those of nj_kmeans_train
NJ_CHECKED nj_status nj_rqvae_start_codes(nj_rqvae *model, const nj_rqvae_rows *rows, uint64_t seed,
                                          nj_error *err);
/// Codebooks become uniform in +-1/K, as published settings do. Packs them.
void nj_rqvae_scatter_codes(nj_rqvae *model, uint64_t seed);

/// Codes of all rows, on all threads of the pool, and the figures. The result does not depend on how many there are.
///
///   codes  [N, L]  out
///
/// Errors  NJ_FAILED: a latent is not finite (names the row); NJ_NO_MEMORY
/// Proof   tests/unit/train/test_rqvae_codes.c
NJ_CHECKED nj_status nj_rqvae_judge(const nj_rqvae *model, const nj_rqvae_rows *rows, nj_pool *pool,
                                    uint16_t *codes, nj_rqvae_figures *out, nj_error *err);

/// Each code without a row becomes the residual of a row at its level, drawn from `seed` and `round`, and its moments 0. Does not pack.
///
///   codes         [N, L]   in      of nj_rqvae_judge
///   mean, square  [count]  in/out  of the optimizer
///
/// Errors  NJ_NO_MEMORY; nothing is changed then
/// Proof   tests/unit/train/test_rqvae_codes.c
NJ_CHECKED nj_status nj_rqvae_revive(nj_rqvae *model, const nj_rqvae_rows *rows,
                                     const uint16_t *codes, uint64_t seed, uint64_t round,
                                     float *mean, float *square, nj_error *err);

#endif
