#include "worker/train/t5_initial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/rng.h"
#include "common/input/safetensors.h"
#include "worker/t5/t5_internal.h"

#define TWO_PI 6.283185307179586476925

typedef struct {
    char name[NJ_WEIGHT_NAME_BYTES];
    size_t shape[2];
    size_t dim_count;
    size_t at; // first value
} initial_tensor;

typedef struct {
    initial_tensor *tensors; // [count]
    size_t count;
    float *values; // [value_count]
    size_t value_count;
    nj_tensor_source *sources; // [count]
} weights;

// ---- the tensors ----

static void add_tensor(weights *w, const char *name, const size_t *shape, size_t dim_count)
{
    initial_tensor *tensor = &w->tensors[w->count++];
    *tensor =
        (initial_tensor){.shape = {shape[0], dim_count > 1 ? shape[1] : 1}, .dim_count = dim_count};
    memcpy(tensor->name, name, nj_min_size(strlen(name), sizeof tensor->name - 1));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const initial_tensor *)a)->name, ((const initial_tensor *)b)->name);
}

// A stable order, so that the walk's may change and no seed gives other weights.
static void list_tensors(weights *w, const nj_t5_config *config, bool untied)
{
    const size_t shape[] = {config->V, config->D};
    add_tensor(w, NJ_T5_EMBEDDING, shape, 2);
    if (untied) {
        add_tensor(w, NJ_T5_HEAD, shape, 2);
    }
    nj_t5_walk walk = nj_t5_walk_begin(config);
    while (nj_t5_walk_next(&walk)) {
        add_tensor(w, walk.name, walk.shape, walk.dim_count);
    }
    qsort(w->tensors, w->count, sizeof *w->tensors, compare_names);
    for (size_t i = 0; i < w->count; i++) {
        w->tensors[i].at = w->value_count;
        w->value_count += w->tensors[i].shape[0] * w->tensors[i].shape[1];
    }
}

// ---- the values ----

static bool ends_with(const char *name, const char *ending)
{
    const size_t length = strlen(name);
    const size_t of_ending = strlen(ending);
    return length >= of_ending && strcmp(name + length - of_ending, ending) == 0;
}

// 0: a norm, which is not drawn.
static double find_deviation(const nj_t5_config *config, const char *name)
{
    const double D = config->D;
    const double E = config->E;
    const struct {
        const char *ending;
        double deviation;
    } RULES[] = {
        {"layer_norm.weight", 0},
        {"Attention.q.weight", 1 / sqrt(D * E)},
        {"Attention.k.weight", 1 / sqrt(D)},
        {"Attention.v.weight", 1 / sqrt(D)},
        {"Attention.o.weight", 1 / sqrt(config->H * E)},
        {"relative_attention_bias.weight", 1 / sqrt(D)},
        {"wi.weight", 1 / sqrt(D)},
        {"wi_0.weight", 1 / sqrt(D)},
        {"wi_1.weight", 1 / sqrt(D)},
        {"wo.weight", 1 / sqrt(config->F)},
        {NJ_T5_EMBEDDING, 1},
        {NJ_T5_HEAD, 1},
    };
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        if (ends_with(name, RULES[i].ending)) {
            return RULES[i].deviation;
        }
    }
    abort(); // a tensor of t5_tensors.c without a rule above
}

// In (0, 1].
static double draw(uint64_t *state)
{
    return (double)((nj_rng_next(state) >> 11) + 1) / 9007199254740992.0;
}

static void fill_normal(float *values, size_t count, double deviation, uint64_t *state)
{
    for (size_t i = 0; i < count; i += 2) {
        const double radius = deviation * sqrt(-2 * log(draw(state)));
        const double angle = TWO_PI * draw(state);
        values[i] = (float)(radius * cos(angle));
        if (i + 1 < count) {
            values[i + 1] = (float)(radius * sin(angle));
        }
    }
}

static void fill_tensors(weights *w, const nj_t5_config *config, double factor, uint64_t seed)
{
    uint64_t state = seed;
    for (size_t t = 0; t < w->count; t++) {
        const initial_tensor *tensor = &w->tensors[t];
        float *values = w->values + tensor->at;
        const size_t count = tensor->shape[0] * tensor->shape[1];
        const double deviation = factor * find_deviation(config, tensor->name);
        if (deviation > 0) {
            fill_normal(values, count, deviation, &state);
        } else {
            for (size_t i = 0; i < count; i++) {
                values[i] = (float)factor;
            }
        }
        w->sources[t] = (nj_tensor_source){.name = tensor->name,
                                           .dim_count = tensor->dim_count,
                                           .shape = {tensor->shape[0], tensor->shape[1]},
                                           .data = values};
    }
}

nj_status nj_t5_weights_initial(const nj_t5_config *config, bool untied, double factor,
                                uint64_t seed, nj_buffer *out, nj_error *err)
{
    weights w = {0};
    const size_t tensors_max = nj_t5_tensor_count(config);
    nj_status status = NJ_NO_MEMORY;
    w.tensors = calloc(tensors_max, sizeof *w.tensors);
    w.sources = calloc(tensors_max, sizeof *w.sources);
    if (w.tensors != NULL && w.sources != NULL) {
        list_tensors(&w, config, untied);
        w.values = calloc(w.value_count, sizeof *w.values);
    }
    if (w.values == NULL) {
        nj_fail(err, status, "no memory for the first weights of a model");
    } else {
        fill_tensors(&w, config, factor, seed);
        status = nj_tensors_write(w.sources, w.count, out, err);
    }
    free(w.values);
    free(w.sources);
    free(w.tensors);
    return status;
}
