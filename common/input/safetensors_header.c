#include "common/input/safetensors_header.h"

#include <stdlib.h>

#include "common/base/checked.h"
#include "common/codec/json.h"

typedef struct {
    const char *name;
    size_t bits; // of one element
    nj_tensor_type type;
} dtype_row;

static const dtype_row DTYPES[] = {
    {"F32", 32, NJ_TENSOR_F32},      {"F16", 16, NJ_TENSOR_F16},
    {"BF16", 16, NJ_TENSOR_BF16},    {"F64", 64, NJ_TENSOR_OTHER},
    {"C64", 64, NJ_TENSOR_OTHER},    {"I64", 64, NJ_TENSOR_OTHER},
    {"I32", 32, NJ_TENSOR_OTHER},    {"I16", 16, NJ_TENSOR_OTHER},
    {"I8", 8, NJ_TENSOR_OTHER},      {"U64", 64, NJ_TENSOR_OTHER},
    {"U32", 32, NJ_TENSOR_OTHER},    {"U16", 16, NJ_TENSOR_OTHER},
    {"U8", 8, NJ_TENSOR_OTHER},      {"BOOL", 8, NJ_TENSOR_OTHER},
    {"F8_E4M3", 8, NJ_TENSOR_OTHER}, {"F8_E5M2", 8, NJ_TENSOR_OTHER},
    {"F8_E8M0", 8, NJ_TENSOR_OTHER}, {"F6_E2M3", 6, NJ_TENSOR_OTHER},
    {"F6_E3M2", 6, NJ_TENSOR_OTHER}, {"F4", 4, NJ_TENSOR_OTHER},
};

#define DTYPE_COUNT (sizeof DTYPES / sizeof DTYPES[0])

// What is being read, for errors.
typedef struct {
    const char *file;
    const char *name; // of the tensor
    nj_error *err;
} tensor_place;

static nj_status fail_tensor(const tensor_place *place, const char *rule)
{
    return nj_fail(place->err, NJ_INPUT, "%s: tensor \"%.200s\": %s", place->file, place->name,
                   rule);
}

static const dtype_row *find_dtype(const json_t *value)
{
    const char *name = json_string_value(value);
    for (size_t i = 0; name != NULL && i < DTYPE_COUNT; i++) {
        if (strcmp(DTYPES[i].name, name) == 0) {
            return &DTYPES[i];
        }
    }
    return NULL;
}

static bool read_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *out = (size_t)json_integer_value(value);
    return true;
}

static nj_status read_shape(const tensor_place *place, const json_t *shape, nj_tensor *tensor)
{
    if (!json_is_array(shape)) {
        return fail_tensor(place, "\"shape\" is not a list");
    }
    tensor->dim_count = json_array_size(shape);
    if (tensor->dim_count > NJ_TENSOR_DIMS_MAX) {
        return nj_fail(place->err, NJ_INPUT,
                       "%s: tensor \"%.200s\": has %zu dimensions, the limit is %d", place->file,
                       place->name, tensor->dim_count, NJ_TENSOR_DIMS_MAX);
    }
    tensor->element_count = 1;
    for (size_t i = 0; i < tensor->dim_count; i++) {
        if (!read_size(json_array_get(shape, i), &tensor->shape[i])) {
            return fail_tensor(place, "\"shape\" holds something other than whole numbers");
        }
        if (!nj_mul_size(tensor->element_count, tensor->shape[i], &tensor->element_count)) {
            return fail_tensor(place, "the shape's product is beyond 64 bits");
        }
    }
    return NJ_OK;
}

// Bytes the shape and the dtype ask for.
static nj_status count_bytes(const tensor_place *place, const nj_tensor *tensor,
                             const dtype_row *dtype, size_t *out)
{
    size_t bits;
    if (!nj_mul_size(tensor->element_count, dtype->bits, &bits)) {
        return fail_tensor(place, "the shape's product is beyond 64 bits");
    }
    if (bits % 8 != 0) {
        return nj_fail(place->err, NJ_INPUT,
                       "%s: tensor \"%.200s\": %zu elements of %zu bits do not fill whole bytes",
                       place->file, place->name, tensor->element_count, dtype->bits);
    }
    *out = bits / 8;
    return NJ_OK;
}

static nj_status read_offsets(const tensor_place *place, const json_t *offsets, size_t data_bytes,
                              size_t *out_begin, size_t *out_end)
{
    if (json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), out_begin) ||
        !read_size(json_array_get(offsets, 1), out_end)) {
        return fail_tensor(place, "\"data_offsets\" is not a list of two whole numbers");
    }
    if (*out_begin > *out_end) {
        return nj_fail(place->err, NJ_INPUT, "%s: tensor \"%.200s\": begins at %zu and ends at %zu",
                       place->file, place->name, *out_begin, *out_end);
    }
    if (*out_end > data_bytes) {
        return nj_fail(place->err, NJ_INPUT,
                       "%s: tensor \"%.200s\": ends at byte %zu, the file has %zu bytes of data",
                       place->file, place->name, *out_end, data_bytes);
    }
    return NJ_OK;
}

// `data` is where all tensors' bytes begin.
static nj_status read_tensor(const tensor_place *place, const json_t *about, const uint8_t *data,
                             size_t data_bytes, nj_tensor *out)
{
    nj_tensor tensor = {.name = place->name, .file = place->file};
    size_t begin = 0;
    size_t end = 0;
    size_t need = 0;
    if (!json_is_object(about)) {
        return fail_tensor(place, "is not described by an object");
    }
    const dtype_row *dtype = find_dtype(json_object_get(about, "dtype"));
    if (dtype == NULL) {
        const char *text = json_string_value(json_object_get(about, "dtype"));
        return nj_fail(place->err, NJ_INPUT, "%s: tensor \"%.200s\": unknown dtype \"%.40s\"",
                       place->file, place->name, text == NULL ? "" : text);
    }
    tensor.type = dtype->type;
    tensor.dtype = dtype->name;
    nj_status status = read_shape(place, json_object_get(about, "shape"), &tensor);
    if (status == NJ_OK) {
        status = count_bytes(place, &tensor, dtype, &need);
    }
    if (status == NJ_OK) {
        status =
            read_offsets(place, json_object_get(about, "data_offsets"), data_bytes, &begin, &end);
    }
    if (status == NJ_OK && end - begin != need) {
        status = nj_fail(place->err, NJ_INPUT,
                         "%s: tensor \"%.200s\": has %zu bytes, shape and dtype need %zu",
                         place->file, place->name, end - begin, need);
    }
    if (status == NJ_OK) {
        tensor.data = data + begin;
        tensor.data_bytes = need;
        *out = tensor;
    }
    return status;
}

static int compare_places(const void *a, const void *b)
{
    const nj_tensor *x = a;
    const nj_tensor *y = b;
    if (x->data != y->data) {
        return x->data < y->data ? -1 : 1;
    }
    return (x->data_bytes > y->data_bytes) - (x->data_bytes < y->data_bytes);
}

// Tensors lie end to end: no hole, no overlap, nothing behind the last.
static nj_status check_layout(nj_tensor *tensors, size_t count, const uint8_t *data,
                              size_t data_bytes, const char *file, nj_error *err)
{
    size_t end = 0;
    if (count > 0) {
        qsort(tensors, count, sizeof *tensors, compare_places);
    }
    for (size_t i = 0; i < count; i++) {
        size_t begin = (size_t)(tensors[i].data - data);
        if (begin != end) {
            return nj_fail(err, NJ_INPUT, "%s: tensor \"%.200s\": begins at byte %zu, %s", file,
                           tensors[i].name, begin,
                           begin < end ? "inside the tensor before it" : "a hole lies before it");
        }
        end += tensors[i].data_bytes;
    }
    if (end != data_bytes) {
        return nj_fail(err, NJ_INPUT, "%s: tensors end at byte %zu, the file has %zu bytes of data",
                       file, end, data_bytes);
    }
    return NJ_OK;
}

static nj_status read_all(json_t *header, const uint8_t *data, size_t data_bytes, const char *file,
                          nj_buffer *tensors, nj_error *err)
{
    size_t first = tensors->size;
    const char *name;
    json_t *about;
    json_object_foreach(header, name, about)
    {
        if (strcmp(name, "__metadata__") == 0) {
            continue;
        }
        if (tensors->size == NJ_TENSORS_MAX * sizeof(nj_tensor)) {
            return nj_fail(err, NJ_INPUT, "%s: more than %d tensors", file, NJ_TENSORS_MAX);
        }
        nj_tensor tensor;
        tensor_place place = {.file = file, .name = name, .err = err};
        nj_status status = read_tensor(&place, about, data, data_bytes, &tensor);
        if (status != NJ_OK) {
            return status;
        }
        status = nj_buffer_append(tensors, &tensor, sizeof tensor);
        if (status != NJ_OK) {
            return nj_fail(err, status, "%s: no memory for %zu tensors", file,
                           tensors->size / sizeof tensor + 1);
        }
    }
    size_t count = (tensors->size - first) / sizeof(nj_tensor);
    nj_tensor *added = count == 0 ? NULL : (nj_tensor *)(void *)(tensors->bytes + first);
    return check_layout(added, count, data, data_bytes, file, err);
}

static nj_status check_metadata(const json_t *header, const char *file, nj_error *err)
{
    json_t *metadata = json_object_get(header, "__metadata__");
    if (metadata == NULL) {
        return NJ_OK;
    }
    const char *key;
    json_t *value;
    bool is_text = json_is_object(metadata);
    json_object_foreach(metadata, key, value)
    {
        is_text = is_text && json_is_string(value);
    }
    return is_text ? NJ_OK
                   : nj_fail(err, NJ_INPUT, "%s: \"__metadata__\" is not an object of texts", file);
}

nj_status nj_safetensors_header_read(const uint8_t *bytes, size_t size, const char *file,
                                     nj_buffer *tensors, json_t **out_header, nj_error *err)
{
    if (size < NJ_SAFETENSORS_PREFIX_BYTES) {
        return nj_fail(err, NJ_INPUT, "%s: %zu bytes are too few for a safetensors file", file,
                       size);
    }
    uint64_t length;
    memcpy(&length, bytes, sizeof length);
    if (length > NJ_SAFETENSORS_HEADER_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: header of %llu bytes, the limit is %u", file,
                       (unsigned long long)length, NJ_SAFETENSORS_HEADER_BYTES_MAX);
    }
    if (length > size - NJ_SAFETENSORS_PREFIX_BYTES) {
        return nj_fail(err, NJ_INPUT, "%s: header of %llu bytes ends beyond the file's %zu bytes",
                       file, (unsigned long long)length, size);
    }
    const char *text = (const char *)bytes + NJ_SAFETENSORS_PREFIX_BYTES;
    if (length == 0 || text[0] != '{') {
        return nj_fail(err, NJ_INPUT, "%s: the header does not begin with '{'", file);
    }
    json_t *header;
    nj_status status = nj_json_parse(text, (size_t)length, file, &header, err);
    if (status != NJ_OK) {
        return status;
    }
    size_t data_at = NJ_SAFETENSORS_PREFIX_BYTES + (size_t)length;
    status = check_metadata(header, file, err);
    if (status == NJ_OK) {
        status = read_all(header, bytes + data_at, size - data_at, file, tensors, err);
    }
    if (status != NJ_OK) {
        json_decref(header);
        return status;
    }
    *out_header = header;
    return NJ_OK;
}
