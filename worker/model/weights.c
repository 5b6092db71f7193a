#include "worker/model/weights.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- into a bundle ----

nj_status nj_weights_init(size_t room, nj_weights_list *out, nj_error *err)
{
    *out = (nj_weights_list){.items = calloc(room, sizeof *out->items), .room = room};
    return out->items != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for a list of %zu tensors", room);
}

void nj_weights_fini(nj_weights_list *list)
{
    free(list->items);
    *list = (nj_weights_list){0};
}

nj_status nj_weights_want(nj_weights_list *list, const nj_tensor_set *checkpoint,
                          const char *stored_name, const char *name, const size_t *shape,
                          size_t dim_count, nj_error *err)
{
    nj_wanted_tensor *item = &list->items[list->count];
    nj_status status =
        nj_tensor_set_expect(checkpoint, stored_name, shape, dim_count, &item->tensor, err);
    if (status == NJ_OK) {
        snprintf(item->name, sizeof item->name, "%s", name);
        list->count++;
    }
    return status;
}

static nj_status read_all(const nj_weights_list *list, nj_arena *values, nj_tensor_source *sources,
                          nj_error *err)
{
    nj_claim plan = {0};
    for (size_t i = 0; i < list->count; i++) {
        nj_claim_floats(&plan, 1, 1, list->items[i].tensor->element_count);
    }
    if (plan.bytes == SIZE_MAX) {
        return nj_fail(err, NJ_NO_MEMORY, "the model's tensors together exceed the address space");
    }
    nj_status status = nj_arena_init(values, plan.bytes, err);
    nj_claim claim = {.arena = values};
    for (size_t i = 0; status == NJ_OK && i < list->count; i++) {
        const nj_tensor *tensor = list->items[i].tensor;
        float *at = nj_claim_floats(&claim, 1, 1, tensor->element_count);
        sources[i] = (nj_tensor_source){
            .name = list->items[i].name, .dim_count = tensor->dim_count, .data = at};
        memcpy(sources[i].shape, tensor->shape, sizeof sources[i].shape);
        status = nj_tensor_read_f32(tensor, at, err);
    }
    return status;
}

nj_status nj_weights_write(const nj_weights_list *list, nj_buffer *out, nj_error *err)
{
    nj_arena values = {0};
    nj_tensor_source *sources = calloc(list->count + 1, sizeof *sources);
    nj_status status =
        sources != NULL
            ? read_all(list, &values, sources, err)
            : nj_fail(err, NJ_NO_MEMORY, "no memory for a list of %zu tensors", list->count);
    if (status == NJ_OK) {
        status = nj_tensors_write(sources, list->count, out, err);
    }
    nj_arena_fini(&values);
    free(sources);
    return status;
}

// ---- out of a section ----

nj_status nj_weights_find(const nj_tensor_set *weights, const char *name, const size_t *shape,
                          size_t dim_count, const float **out, nj_error *err)
{
    const nj_tensor *tensor;
    nj_status status = nj_tensor_set_expect(weights, name, shape, dim_count, &tensor, err);
    if (status != NJ_OK) {
        return status;
    }
    if (tensor->type != NJ_TENSOR_F32) {
        return nj_fail(err, NJ_INPUT, "%s: tensor \"%s\" is not float32", tensor->file, name);
    }
    if ((uintptr_t)tensor->data % sizeof(float) != 0) {
        return nj_fail(
            err, NJ_INPUT, "%s: tensor \"%s\" begins at an address that is %zu modulo %zu",
            tensor->file, name, (size_t)((uintptr_t)tensor->data % sizeof(float)), sizeof(float));
    }
    const float *values = (const float *)(const void *)tensor->data;
    for (size_t i = 0; i < tensor->element_count; i++) {
        if (!isfinite(values[i])) {
            return nj_fail(err, NJ_INPUT, "%s: tensor \"%s\": element %zu of %zu is not finite",
                           tensor->file, name, i, tensor->element_count);
        }
    }
    *out = values;
    return NJ_OK;
}

void nj_weights_open_linear(const nj_kernels *kernels, nj_claim *claim, const float *weight,
                            size_t N, size_t K, nj_linear *out)
{
    *out = (nj_linear){.weight = weight, .N = N, .K = K};
    const size_t bytes = kernels->linear_pack_bytes(N, K);
    void *packed = bytes > 0 ? nj_claim_bytes(claim, 1, 1, bytes) : NULL;
    if (packed != NULL) {
        kernels->linear_pack(out, packed);
    }
}
