// t5_parameters.h - a T5 that learns: all its parameters in one array, and the packed forms that products need.
//
//   values [count]   every tensor end to end, in order of their names
//     │ nj_train_pack, after each change
//     ▼
//   per linear layer: W packed (forward) and W^T packed (backward)
//
// Gradients, and the means of the optimizer, are arrays of the same layout.
//
// Proof   tests/unit/train/test_gradient.c, tests/parity/train_transformers (the file that is written)
#ifndef NJ_WORKER_TRAIN_T5_PARAMETERS_H
#define NJ_WORKER_TRAIN_T5_PARAMETERS_H

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/input/safetensors.h"
#include "common/math/kernels.h"
#include "worker/t5/t5.h"

#define NJ_PARAMETER_NAME_BYTES 128

typedef struct {
    char name[NJ_PARAMETER_NAME_BYTES]; // as in the checkpoint
    size_t shape[2];
    size_t dim_count;
    size_t at; // first value of the tensor
} nj_parameter;

// A weight [N, K].
typedef struct {
    size_t at;          // its place among the values
    nj_linear forward;  // [N, K]
    nj_linear backward; // its transpose, [K, N]
} nj_train_linear;

typedef struct {
    nj_train_linear q, k, v; // [H*E, D]
    nj_train_linear o;       // [D, H*E]
} nj_train_attention;

typedef struct {
    size_t self_norm; // places of [D]
    nj_train_attention self;
    size_t cross_norm; // decoder only, as cross
    nj_train_attention cross;
    size_t dense_norm;
    nj_train_linear wi;   // [F, D]
    nj_train_linear gate; // [F, D], gated only
    nj_train_linear wo;   // [D, F]
} nj_train_block;

typedef struct {
    nj_train_block *blocks;
    uint32_t block_count;
    size_t bias;       // place of [R, H]
    size_t final_norm; // place of [D]
} nj_train_stack;

typedef struct {
    nj_t5_config config;
    const nj_kernels *kernels; // borrowed; of class "exact"
    nj_parameter *tensors;     // owned; [tensor_count] in order of their names
    size_t tensor_count;
    float *values; // owned; [count]
    size_t count;
    size_t embedding;     // place of [V, D]
    nj_train_linear head; // [V, D]; at `embedding` where the model is tied
    nj_train_stack encoder;
    nj_train_stack decoder;
    float output_scale;        // D^-0.5 or 1
    nj_train_linear **linears; // owned; [linear_count] all of them, each once
    size_t linear_count;
    nj_arena arena; // owned: blocks, transposes, packed weights
} nj_train_t5;

/// Copies a "weights" section (nj_t5_weights_convert, nj_t5_weights_random) and packs it. `kernels` outlive the model.
/// Errors  NJ_INPUT with tensor, rule and both numbers; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_train_t5_open(const nj_t5_config *config, const nj_tensor_set *weights,
                                      const nj_kernels *kernels, nj_train_t5 **out, nj_error *err);
void nj_train_t5_close(nj_train_t5 **model);

/// Packs the values as they are now; needed after each change of them.
void nj_train_pack(nj_train_t5 *model);

/// The same for one of the linear layers: what several threads share out.
void nj_train_pack_linear(nj_train_t5 *model, size_t index);

/// Appends the values as a safetensors file, under their names. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_train_t5_write(const nj_train_t5 *model, nj_buffer *out, nj_error *err);

#endif
