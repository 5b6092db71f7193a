// t5_random.c - a model of any shape with weights that mean nothing: for benchmarks and tests.
#include "worker/model/weights_random.h"
#include "worker/t5/t5_internal.h"

nj_status nj_t5_weights_random(const nj_t5_config *config, uint64_t seed, nj_buffer *out,
                               nj_error *err)
{
    const size_t shared[2] = {config->V, config->D};
    nj_random_weights *weights = nj_random_weights_new(seed);
    if (weights == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for random weights");
    }
    nj_status status = nj_random_weights_add(weights, "shared.weight", shared, 2);
    nj_t5_walk walk = nj_t5_walk_begin(config);
    while (status == NJ_OK && nj_t5_walk_next(&walk)) {
        status = nj_random_weights_add(weights, walk.name, walk.shape, walk.dim_count);
    }
    status = nj_random_weights_write(weights, status, out, err);
    nj_random_weights_free(weights);
    return status;
}
