#include "worker/model/weights_random.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"

nj_random_weights *nj_random_weights_new(uint64_t seed)
{
    nj_random_weights *weights = calloc(1, sizeof *weights);
    if (weights != NULL) {
        weights->state = seed;
    }
    return weights;
}

// To [-1, 1).
static float draw(uint64_t *state)
{
    return (float)((double)(nj_rng_next(state) >> 40) / (double)(1u << 23) - 1.0);
}

nj_status nj_random_weights_add(nj_random_weights *weights, const char *name, const size_t *shape,
                                size_t dim_count)
{
    size_t count = shape[0] * (dim_count > 1 ? shape[1] : 1);
    float *data = malloc(count * sizeof *data);
    if (data == NULL || weights->count == NJ_RANDOM_TENSORS_MAX) {
        free(data);
        return NJ_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        data[i] =
            dim_count == 1 ? 1.0f + 0.1f * draw(&weights->state) : 0.1f * draw(&weights->state);
    }
    char *own_name = weights->names[weights->count];
    strncpy(own_name, name, sizeof weights->names[0] - 1);
    nj_tensor_source *source = &weights->sources[weights->count];
    *source = (nj_tensor_source){.name = own_name, .dim_count = dim_count, .data = data};
    memcpy(source->shape, shape, dim_count * sizeof *shape);
    weights->count++;
    return NJ_OK;
}

nj_status nj_random_weights_write(nj_random_weights *weights, nj_status status, nj_buffer *out,
                                  nj_error *err)
{
    return status == NJ_OK ? nj_tensors_write(weights->sources, weights->count, out, err)
                           : nj_fail(err, status, "no memory for random weights");
}

void nj_random_weights_free(nj_random_weights *weights)
{
    for (size_t i = 0; weights != NULL && i < weights->count; i++) {
        free((void *)(uintptr_t)weights->sources[i].data);
    }
    free(weights);
}
