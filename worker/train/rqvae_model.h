// rqvae_model.h - an RQ-VAE that learns: all its parameters in one array, and the packed forms that products need.
//
//   x [D] ─► encoder: dense + ReLU ... dense ─► z [latent] ─► codes, level by level ─► sum of their rows ─► decoder: the encoder's widths
//                                                                                                           backwards ─► y [D]
//
//   values [count]   encoder.0.weight, .bias, encoder.1 ... │ decoder.0 ... │ codebook.0, codebook.1 ...
//     │ nj_rqvae_pack, after each change
//     ▼
//   per layer and codebook: packed for products; per code: its squared length
//
// Gradients, and the means of the optimizer, are arrays of the same layout. Source: Lee et al. 2022, "Autoregressive Image Generation using
// Residual Quantization", section 3.1; Rajput et al. 2023 (TIGER), section 3.1.
#ifndef NJ_WORKER_TRAIN_RQVAE_MODEL_H
#define NJ_WORKER_TRAIN_RQVAE_MODEL_H

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/math/kernels.h"
#include "common/quant/quant.h"
#include "common/quant/transform.h"

#define NJ_RQVAE_HIDDEN_MAX (NJ_TRANSFORM_LAYERS_MAX / 2 - 1)
#define NJ_RQVAE_LAYERS_MAX (NJ_RQVAE_HIDDEN_MAX + 1) // of the encoder, and of the decoder
#define NJ_RQVAE_WIDTH_MAX 16384                      // of each layer
#define NJ_RQVAE_CODES_MAX 16384                      // of each level

typedef struct {
    size_t D;                           // width of an embedding
    size_t hidden[NJ_RQVAE_HIDDEN_MAX]; // the encoder's inner widths, from the embedding on
    size_t hidden_count;
    size_t latent; // width of the codebooks
    uint32_t level_count;
    uint32_t K[NJ_QUANT_LEVELS_MAX];
} nj_rqvae_shape;

// A dense layer: weight [N, K], bias [N].
typedef struct {
    size_t weight; // places among the values
    size_t bias;
    nj_linear linear;
} nj_rqvae_layer;

typedef struct {
    size_t at;        // place of [K, latent]
    nj_linear linear; // [K, latent]
    float *norms;     // [K] squared lengths
} nj_rqvae_codebook;

typedef struct {
    nj_rqvae_shape shape;
    const nj_kernels *kernels; // borrowed; of class "exact"
    float *values;             // owned; [count]
    size_t count;
    size_t layer_count; // of the encoder; the decoder has as many
    nj_rqvae_layer encoder[NJ_RQVAE_LAYERS_MAX];
    nj_rqvae_layer decoder[NJ_RQVAE_LAYERS_MAX];
    nj_rqvae_codebook codebooks[NJ_QUANT_LEVELS_MAX]; // [L]
    nj_arena arena;                                   // owned: packed weights and norms
} nj_rqvae;

/// Layers get random weights that keep the variance of what goes through them (He et al. 2015), biases and codebooks are 0.
/// Errors  NJ_USAGE: a width, a number of codes or of levels beyond its limits (names both numbers); NJ_NO_MEMORY
/// Proof   tests/unit/train/test_rqvae_gradient.c
NJ_CHECKED nj_status nj_rqvae_new(const nj_rqvae_shape *shape, const nj_kernels *kernels,
                                  uint64_t seed, nj_rqvae **out, nj_error *err);
/// Accepts NULL in *model.
void nj_rqvae_free(nj_rqvae **model);

/// Parts that are packed one by one: layers of both halves and codebooks.
size_t nj_rqvae_part_count(const nj_rqvae *model);
/// Packs one part as its values are now: what several threads share out after a change.
void nj_rqvae_pack_part(nj_rqvae *model, size_t part);
/// All of them.
void nj_rqvae_pack(nj_rqvae *model);

/// The encoder behind (x - mean) * scale; mean and scale [D] are borrowed like the values, and may be NULL.
nj_transform nj_rqvae_encoder(const nj_rqvae *model, const float *mean, const float *scale);
/// The decoder as a transform of its own, from sums of codes to standardised embeddings.
nj_transform nj_rqvae_decoder(const nj_rqvae *model);
/// Borrows the values.
nj_codebooks nj_rqvae_codebooks(const nj_rqvae *model);

#endif
