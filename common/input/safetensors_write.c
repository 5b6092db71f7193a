#include <stdlib.h>

#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/input/safetensors.h"
#include "common/input/safetensors_header.h"

#define DATA_ALIGN 64

static int compare_sources(const void *a, const void *b)
{
    return strcmp(((const nj_tensor_source *)a)->name, ((const nj_tensor_source *)b)->name);
}

static nj_status count_bytes(const nj_tensor_source *tensor, size_t *out, nj_error *err)
{
    size_t bytes = sizeof(float);
    bool fits = tensor->dim_count <= NJ_TENSOR_DIMS_MAX;
    for (size_t i = 0; fits && i < tensor->dim_count; i++) {
        fits = nj_mul_size(bytes, tensor->shape[i], &bytes);
    }
    if (!fits) {
        return nj_fail(err, NJ_INPUT, "tensor \"%s\": its shape is too large to write",
                       tensor->name);
    }
    *out = bytes;
    return NJ_OK;
}

// One entry of the header, with the comma before it.
static nj_status write_entry(const nj_tensor_source *tensor, size_t begin, size_t end,
                             nj_buffer *out)
{
    nj_status status = nj_buffer_append(out, ",", 1);
    if (status == NJ_OK) {
        status = nj_buffer_json_string(out, nj_slice_from(tensor->name));
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(out, ":{\"dtype\":\"F32\",\"shape\":[");
    }
    for (size_t i = 0; status == NJ_OK && i < tensor->dim_count; i++) {
        status = nj_buffer_printf(out, "%s%zu", i > 0 ? "," : "", tensor->shape[i]);
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(out, "],\"data_offsets\":[%zu,%zu]}", begin, end);
    }
    return status;
}

static nj_status check_name(const nj_tensor_source *tensors, size_t index, nj_error *err)
{
    const char *name = tensors[index].name;
    if (!nj_utf8_valid(name, strlen(name)) || strcmp(name, "__metadata__") == 0) {
        return nj_fail(err, NJ_INPUT, "tensor \"%s\": cannot be called so", name);
    }
    if (index > 0 && strcmp(tensors[index - 1].name, name) == 0) {
        return nj_fail(err, NJ_INPUT, "tensor \"%s\": is given twice", name);
    }
    return NJ_OK;
}

// "format" is what transformers looks for before it loads a file.
static nj_status write_header(const nj_tensor_source *tensors, size_t count, nj_buffer *out,
                              nj_error *err)
{
    nj_status status = nj_buffer_printf(out, "{\"__metadata__\":{\"format\":\"pt\"}");
    size_t begin = 0;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        size_t bytes = 0;
        size_t end = 0;
        status = check_name(tensors, i, err);
        if (status == NJ_OK) {
            status = count_bytes(&tensors[i], &bytes, err);
        }
        if (status != NJ_OK) {
            return status;
        }
        status = nj_add_size(begin, bytes, &end) ? write_entry(&tensors[i], begin, end, out)
                                                 : NJ_NO_MEMORY;
        begin = end;
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, "}", 1);
    }
    size_t end = nj_round_up(out->size, DATA_ALIGN);
    while (status == NJ_OK && out->size < end) {
        status = nj_buffer_append(out, " ", 1);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for a header of tensors");
}

nj_status nj_tensors_write(nj_tensor_source *tensors, size_t count, nj_buffer *out, nj_error *err)
{
    uint64_t length = 0;
    if (count > NJ_TENSORS_MAX) {
        return nj_fail(err, NJ_INPUT, "%zu tensors, the limit is %d", count, NJ_TENSORS_MAX);
    }
    if (count > 0) {
        qsort(tensors, count, sizeof *tensors, compare_sources);
    }
    nj_status status = nj_buffer_append(out, &length, sizeof length);
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for a header of tensors");
    }
    status = write_header(tensors, count, out, err);
    if (status != NJ_OK) {
        return status;
    }
    length = out->size - NJ_SAFETENSORS_PREFIX_BYTES;
    if (length > NJ_SAFETENSORS_HEADER_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, "header of %llu bytes, the limit is %u",
                       (unsigned long long)length, NJ_SAFETENSORS_HEADER_BYTES_MAX);
    }
    memcpy(out->bytes, &length, sizeof length);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = 0;
        status = count_bytes(&tensors[i], &bytes, err);
        if (status != NJ_OK) {
            return status;
        }
        status = nj_buffer_append(out, tensors[i].data, bytes);
        if (status != NJ_OK) {
            return nj_fail(err, status, "tensor \"%s\": no memory for %zu bytes", tensors[i].name,
                           bytes);
        }
    }
    return NJ_OK;
}
