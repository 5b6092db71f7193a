// quant_model.h - codebooks and the transform before them, as tensors of a .safetensors file.
//
//   codebook.<level>             [rows, width]    float32, as everything here; product: the width of its part
//   codebook.<level>.offset      [nodes + 1]      hierarchical only: child_offset (quant.h); whole numbers, exact below 2^24
//   transform.mean, .scale       [D_in]           optional
//   transform.matrix             [rows, D_in]     optional
//   encoder.<i>.weight, .bias    [out, in] [out]  optional; layers in ascending order of i, whose numbers may leave gaps, as those of
//                                                 torch.nn.Sequential do where it counts its activations. A bias may be missing.
//
// A catalogue keeps such a file. One made elsewhere, as by the training of an RQ-VAE, serves `catalogue assign` as it is.
#ifndef NJ_CATALOGUE_QUANT_MODEL_H
#define NJ_CATALOGUE_QUANT_MODEL_H

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/quant/quant.h"
#include "common/quant/transform.h"

#define NJ_ENCODER_NUMBER_MAX 63 // of encoder.<i>

typedef struct {
    nj_codebooks
        codebooks; // its vectors point into codebook_values, its offsets into child_offsets
    nj_transform transform; // its arrays point into transform_values
    float *codebook_values; // owned, as the others
    uint32_t *child_offsets;
    float *transform_values;
} nj_quant_model;

void nj_quant_model_fini(nj_quant_model *model);

// What the reader of a file knows already. All zero: residual, and whatever levels, codes and widths the file has.
typedef struct {
    nj_quant_kind
        kind; // ignored where the file has offsets and level_count is 0: it is hierarchical
    uint32_t level_count;
    uint32_t K[NJ_QUANT_LEVELS_MAX];
    size_t D;    // width of the codebooks
    size_t D_in; // width of an embedding: D unless there is a transform
} nj_quant_shape;

/// Reads and checks a file.
///
/// Errors  NJ_INPUT with file, tensor, rule and both numbers: a tensor that is missing or has another shape, layers that do not
///         chain, a transform that does not end at the width of the codebooks, values that are not finite, and all that
///         nj_codebooks_check and nj_transform_check say; those of nj_tensor_set_open; NJ_NO_MEMORY
/// Proof   tests/unit/catalogue/test_quant_model.c
NJ_CHECKED nj_status nj_quant_model_read(const char *path, const nj_quant_shape *expected,
                                         nj_quant_model *out, nj_error *err);

/// Appends the bytes of a file to `out`, empty before. Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_quant_model_write(const nj_codebooks *codebooks,
                                          const nj_transform *transform, nj_buffer *out,
                                          nj_error *err);

/// Over everything that decides which codes an embedding gets (schemas/catalogue.md).
nj_digest nj_quant_model_digest(const nj_codebooks *codebooks, const nj_transform *transform);

/// Takes memory for all levels end to end and points the views into it: kind, level_count, D, K and the offsets are set.
NJ_CHECKED nj_status nj_codebooks_allocate(nj_codebooks *codebooks, float **out_values,
                                           nj_error *err);

#endif
