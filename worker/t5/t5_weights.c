#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"

// A tensor that the model uses, and the name it gets in the section.
typedef struct {
    char name[NJ_T5_NAME_BYTES];
    const nj_tensor *tensor; // borrowed from the set
} wanted_tensor;

typedef struct {
    wanted_tensor *items; // owned
    size_t count;
    nj_arena values; // owned: the floats of all tensors until they are written
} conversion;

static nj_status want(conversion *c, const nj_tensor_set *tensors, const char *stored_name,
                      const char *name, const size_t *shape, size_t dim_count, nj_error *err)
{
    wanted_tensor *item = &c->items[c->count];
    nj_status status =
        nj_tensor_set_expect(tensors, stored_name, shape, dim_count, &item->tensor, err);
    if (status == NJ_OK) {
        snprintf(item->name, sizeof item->name, "%s", name);
        c->count++;
    }
    return status;
}

// Some exporters store the embedding only as its copy in a stack.
static const char *find_embedding_name(const nj_tensor_set *tensors)
{
    static const char *const COPIES[] = {"encoder.embed_tokens.weight",
                                         "decoder.embed_tokens.weight"};
    for (size_t i = 0; i < 2 && nj_tensor_set_find(tensors, NJ_T5_EMBEDDING) == NULL; i++) {
        if (nj_tensor_set_find(tensors, COPIES[i]) != NULL) {
            return COPIES[i];
        }
    }
    return NJ_T5_EMBEDDING;
}

static nj_status want_all(conversion *c, const nj_t5_config *config, const nj_tensor_set *tensors,
                          nj_error *err)
{
    const size_t vocabulary[] = {config->V, config->D};
    nj_status status =
        want(c, tensors, find_embedding_name(tensors), NJ_T5_EMBEDDING, vocabulary, 2, err);
    if (status == NJ_OK && nj_tensor_set_find(tensors, NJ_T5_HEAD) != NULL) {
        status = want(c, tensors, NJ_T5_HEAD, NJ_T5_HEAD, vocabulary, 2, err);
    }
    nj_t5_walk walk = nj_t5_walk_begin(config);
    while (status == NJ_OK && nj_t5_walk_next(&walk)) {
        status = want(c, tensors, walk.name, walk.name, walk.shape, walk.dim_count, err);
    }
    return status;
}

static nj_status read_all(conversion *c, nj_tensor_source *sources, nj_error *err)
{
    nj_t5_claim plan = {0};
    for (size_t i = 0; i < c->count; i++) {
        nj_t5_claim_floats(&plan, 1, 1, c->items[i].tensor->element_count);
    }
    if (plan.bytes == SIZE_MAX) {
        return nj_fail(err, NJ_NO_MEMORY, "the model's tensors together exceed the address space");
    }
    nj_status status = nj_arena_init(&c->values, plan.bytes, err);
    nj_t5_claim claim = {.arena = &c->values};
    for (size_t i = 0; status == NJ_OK && i < c->count; i++) {
        const nj_tensor *tensor = c->items[i].tensor;
        float *values = nj_t5_claim_floats(&claim, 1, 1, tensor->element_count);
        sources[i] = (nj_tensor_source){
            .name = c->items[i].name, .dim_count = tensor->dim_count, .data = values};
        memcpy(sources[i].shape, tensor->shape, sizeof sources[i].shape);
        status = nj_tensor_read_f32(tensor, values, err);
    }
    return status;
}

nj_status nj_t5_weights_convert(const nj_t5_config *config, const nj_tensor_set *tensors,
                                nj_buffer *out, nj_error *err)
{
    conversion c = {0};
    nj_status status = NJ_OK;
    size_t count = nj_t5_tensor_count(config);
    nj_tensor_source *sources = calloc(count, sizeof *sources);
    c.items = calloc(count, sizeof *c.items);
    if (sources == NULL || c.items == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for a list of %zu tensors", count);
        goto done;
    }
    status = want_all(&c, config, tensors, err);
    if (status == NJ_OK) {
        status = read_all(&c, sources, err);
    }
    if (status == NJ_OK) {
        status = nj_tensors_write(sources, c.count, out, err);
    }
done:
    nj_arena_fini(&c.values);
    free(c.items);
    free(sources);
    return status;
}
