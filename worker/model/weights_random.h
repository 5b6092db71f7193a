// weights_random.h - tensors with seeded values that mean nothing, as one float32 safetensors file: for benchmarks and tests of any shape.
#ifndef NJ_WORKER_MODEL_WEIGHTS_RANDOM_H
#define NJ_WORKER_MODEL_WEIGHTS_RANDOM_H

#include "common/input/safetensors.h"
#include "worker/model/weights.h"

#define NJ_RANDOM_TENSORS_MAX 4096

typedef struct {
    nj_tensor_source sources[NJ_RANDOM_TENSORS_MAX]; // data owned
    char names[NJ_RANDOM_TENSORS_MAX][NJ_WEIGHT_NAME_BYTES];
    size_t count;
    uint64_t state;
} nj_random_weights;

/// NULL where there is no memory. Freed by nj_random_weights_free.
nj_random_weights *nj_random_weights_new(uint64_t seed);
/// Draws a tensor of shape[0 .. dim_count - 1]: near one with one dimension (norms), small with two, so that activations stay in range at any
/// depth. NJ_NO_MEMORY, also behind NJ_RANDOM_TENSORS_MAX tensors.
NJ_CHECKED nj_status nj_random_weights_add(nj_random_weights *weights, const char *name,
                                           const size_t *shape, size_t dim_count);
/// Appends the tensors' file to `out` where `status`, that of what was added, is NJ_OK. Returns the first failure.
NJ_CHECKED nj_status nj_random_weights_write(nj_random_weights *weights, nj_status status,
                                             nj_buffer *out, nj_error *err);
/// Accepts NULL.
void nj_random_weights_free(nj_random_weights *weights);

#endif
