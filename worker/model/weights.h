// weights.h - tensors of a checkpoint on their way into a bundle, and out of its "weights" section into a model.
#ifndef NJ_WORKER_MODEL_WEIGHTS_H
#define NJ_WORKER_MODEL_WEIGHTS_H

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/input/safetensors.h"
#include "common/math/kernels.h"
#include "worker/model/claim.h"

#define NJ_WEIGHT_NAME_BYTES 128

// A tensor that the model uses, and the name it gets in the section.
typedef struct {
    char name[NJ_WEIGHT_NAME_BYTES];
    const nj_tensor *tensor; // borrowed from the checkpoint
} nj_wanted_tensor;

// What is to be converted. Owned: nj_weights_fini.
typedef struct {
    nj_wanted_tensor *items; // [room]
    size_t count;
    size_t room;
} nj_weights_list;

/// Room for so many tensors. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_weights_init(size_t room, nj_weights_list *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_weights_fini(nj_weights_list *list);

/// Adds the tensor that the checkpoint calls `stored_name`, with this shape, under `name`. NJ_INPUT with file, tensor, rule and shapes.
NJ_CHECKED nj_status nj_weights_want(nj_weights_list *list, const nj_tensor_set *checkpoint,
                                     const char *stored_name, const char *name, const size_t *shape,
                                     size_t dim_count, nj_error *err);

/// Appends them as one float32 safetensors file. Nothing was read before.
///
/// Errors  NJ_INPUT: a value that is not finite, a type that is no float; NJ_NO_MEMORY. `out` may then hold a partial file
NJ_CHECKED nj_status nj_weights_write(const nj_weights_list *list, nj_buffer *out, nj_error *err);

/// The values of a tensor of a section, which comes from outside: float32, aligned, finite, of this shape. Borrowed from the set.
NJ_CHECKED nj_status nj_weights_find(const nj_tensor_set *weights, const char *name,
                                     const size_t *shape, size_t dim_count, const float **out,
                                     nj_error *err);

/// A [N, K] weight as the kernels want it, packed in memory of the claim where they do. A claim that only counts packs nothing.
void nj_weights_open_linear(const nj_kernels *kernels, nj_claim *claim, const float *weight,
                            size_t N, size_t K, nj_linear *out);

#endif
