// t5_random.c - a model of any shape with weights that mean nothing: for benchmarks and tests.
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "worker/t5/t5_internal.h"

#define TENSORS_MAX 4096

typedef struct {
    nj_tensor_source sources[TENSORS_MAX];
    char names[TENSORS_MAX][sizeof(((nj_t5_walk *)0)->name)];
    size_t count;
    uint64_t state;
} weights;

// To [-1, 1).
static float draw(uint64_t *state)
{
    return (float)((double)(nj_rng_next(state) >> 40) / (double)(1u << 23) - 1.0);
}

// Norm weights near one and small products, so that activations stay in range at any depth.
static nj_status add_tensor(weights *w, const char *name, const size_t *shape, size_t dim_count)
{
    size_t count = shape[0] * (dim_count > 1 ? shape[1] : 1);
    float *data = malloc(count * sizeof *data);
    if (data == NULL || w->count == TENSORS_MAX) {
        free(data);
        return NJ_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        data[i] = dim_count == 1 ? 1.0f + 0.1f * draw(&w->state) : 0.1f * draw(&w->state);
    }
    strncpy(w->names[w->count], name, sizeof w->names[0] - 1);
    nj_tensor_source *source = &w->sources[w->count];
    *source = (nj_tensor_source){.name = w->names[w->count], .dim_count = dim_count, .data = data};
    memcpy(source->shape, shape, dim_count * sizeof *shape);
    w->count++;
    return NJ_OK;
}

nj_status nj_t5_weights_random(const nj_t5_config *config, uint64_t seed, nj_buffer *out,
                               nj_error *err)
{
    const size_t shared[2] = {config->V, config->D};
    weights *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for random weights");
    }
    w->state = seed;
    nj_status status = add_tensor(w, "shared.weight", shared, 2);
    nj_t5_walk walk = nj_t5_walk_begin(config);
    while (status == NJ_OK && nj_t5_walk_next(&walk)) {
        status = add_tensor(w, walk.name, walk.shape, walk.dim_count);
    }
    if (status == NJ_OK) {
        status = nj_tensors_write(w->sources, w->count, out, err);
    } else {
        nj_fail(err, status, "no memory for random weights");
    }
    for (size_t i = 0; i < w->count; i++) {
        free((void *)(uintptr_t)w->sources[i].data);
    }
    free(w);
    return status;
}
