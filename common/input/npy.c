#include "common/input/npy.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "common/base/checked.h"
#include "common/base/file.h"
#include "common/input/half.h"
#include "common/input/npy_header.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are read as little-endian");

#define MAGIC_BYTES 6
#define PREFIX_V1_BYTES 10 // magic, version, u16 length
#define PREFIX_V2_BYTES 12 // magic, version, u32 length
#define DATA_ALIGN 64
#define WRITTEN_HEADER_BYTES_MAX 256
#define PLACE_BYTES 128

static const uint8_t MAGIC[MAGIC_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

// Finds the header's text and where the data begins.
static nj_status find_header(const nj_mapped *file, const char *path, nj_slice *out_text,
                             size_t *out_data_at, nj_error *err)
{
    const uint8_t *bytes = file->bytes;
    if (file->size < PREFIX_V1_BYTES || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0) {
        return nj_fail(err, NJ_INPUT, "%s: not a .npy file (%zu bytes)", path, file->size);
    }
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0) {
        return nj_fail(err, NJ_INPUT, "%s: format version %u.%u, versions 1.0 to 3.0 are read",
                       path, bytes[6], bytes[7]);
    }
    size_t prefix = bytes[6] == 1 ? PREFIX_V1_BYTES : PREFIX_V2_BYTES;
    if (file->size < prefix) {
        return nj_fail(err, NJ_INPUT, "%s: %zu bytes end within the first %zu", path, file->size,
                       prefix);
    }
    size_t length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (prefix == PREFIX_V2_BYTES) {
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    }
    if (length > NJ_NPY_HEADER_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: header of %zu bytes, the limit is %d", path, length,
                       NJ_NPY_HEADER_BYTES_MAX);
    }
    if (length > file->size - prefix) {
        return nj_fail(err, NJ_INPUT, "%s: header of %zu bytes ends beyond the file's %zu bytes",
                       path, length, file->size);
    }
    *out_text = (nj_slice){(const char *)bytes + prefix, length};
    *out_data_at = prefix + length;
    return NJ_OK;
}

// False when the product of the lengths does not fit, also when a further length is zero: so every
// partial product fits.
static bool multiply_shape(const size_t *shape, size_t dim_count, size_t *out_count)
{
    size_t count = 1;
    bool is_empty = false;
    for (size_t i = 0; i < dim_count; i++) {
        is_empty = is_empty || shape[i] == 0;
        if (shape[i] != 0 && !nj_mul_size(count, shape[i], &count)) {
            return false;
        }
    }
    *out_count = is_empty ? 0 : count;
    return true;
}

static nj_status check_header(const nj_npy_header *header, size_t data_bytes, const char *path,
                              nj_error *err)
{
    size_t count;
    size_t need;
    if (header->fortran_order && header->dim_count > 1) {
        return nj_fail(err, NJ_INPUT,
                       "%s: is in Fortran order, only C order is read (numpy.ascontiguousarray)",
                       path);
    }
    if (!multiply_shape(header->shape, header->dim_count, &count) ||
        !nj_mul_size(count, header->element_bytes, &need)) {
        return nj_fail(err, NJ_INPUT, "%s: the shape's product is beyond 64 bits", path);
    }
    if (need != data_bytes) {
        return nj_fail(err, NJ_INPUT, "%s: has %zu bytes of data, shape and type need %zu", path,
                       data_bytes, need);
    }
    return NJ_OK;
}

// Fills in what the header of `npy->file` says.
static nj_status read_header(nj_npy *npy, const char *path, nj_error *err)
{
    nj_npy_header header;
    nj_slice text;
    size_t data_at = 0;
    nj_status status = find_header(&npy->file, path, &text, &data_at, err);
    if (status == NJ_OK) {
        status = nj_npy_header_parse(text, path, &header, err);
    }
    if (status == NJ_OK) {
        status = check_header(&header, npy->file.size - data_at, path, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    npy->data = npy->file.bytes + data_at;
    npy->type = header.type;
    npy->element_bytes = header.element_bytes;
    npy->dim_count = header.dim_count;
    memcpy(npy->shape, header.shape, sizeof npy->shape);
    snprintf(npy->path, sizeof npy->path, "%s", path);
    return NJ_OK;
}

nj_status nj_npy_open(const char *path, nj_npy *out, nj_error *err)
{
    nj_npy npy = {0};
    nj_status status = nj_mapped_open(path, &npy.file, err);
    if (status == NJ_OK) {
        status = read_header(&npy, path, err);
    }
    if (status != NJ_OK) {
        nj_mapped_close(&npy.file);
        return status;
    }
    *out = npy;
    return NJ_OK;
}

nj_status nj_npy_view(const void *bytes, size_t size, const char *name, nj_npy *out, nj_error *err)
{
    nj_npy npy = {.file = {.bytes = bytes, .size = size}};
    nj_status status = read_header(&npy, name, err);
    if (status == NJ_OK) {
        *out = npy;
    }
    return status;
}

void nj_npy_close(nj_npy *npy)
{
    nj_mapped_close(&npy->file);
    *npy = (nj_npy){0};
}

// Elements of one row of the array seen as a matrix [shape[0], rest].
static size_t count_columns(const nj_npy *npy)
{
    size_t columns = 1;
    for (size_t i = 1; i < npy->dim_count; i++) {
        columns *= npy->shape[i]; // cannot overflow: nj_npy_open has multiplied them all
    }
    return columns;
}

static void assert_range(const nj_npy *npy, size_t first, size_t count)
{
    size_t total = count_columns(npy) * (npy->dim_count > 0 ? npy->shape[0] : 1);
    assert(first <= total && count <= total - first);
    (void)total;
    (void)first;
    (void)count;
}

// "row 2, column 1" of a matrix, "element [0, 2, 1]" of anything else.
static void format_place(const nj_npy *npy, size_t index, char out[PLACE_BYTES])
{
    size_t place[NJ_NPY_DIMS_MAX] = {0};
    for (size_t i = npy->dim_count; i-- > 0;) {
        place[i] = index % npy->shape[i];
        index /= npy->shape[i];
    }
    if (npy->dim_count == 2) {
        snprintf(out, PLACE_BYTES, "row %zu, column %zu", place[0], place[1]);
        return;
    }
    int at = snprintf(out, PLACE_BYTES, "element [");
    for (size_t i = 0; i < npy->dim_count; i++) {
        at += snprintf(out + at, PLACE_BYTES - (size_t)at, "%s%zu", i > 0 ? ", " : "", place[i]);
    }
    snprintf(out + at, PLACE_BYTES - (size_t)at, "]");
}

static nj_status fail_element(const nj_npy *npy, size_t index, const char *rule, nj_error *err)
{
    char place[PLACE_BYTES];
    format_place(npy, index, place);
    return nj_fail(err, NJ_INPUT, "%s: %s: %s", npy->path, place, rule);
}

static float load_float(const uint8_t *at, nj_npy_type type)
{
    if (type == NJ_NPY_F16) {
        uint16_t half;
        memcpy(&half, at, sizeof half);
        return nj_f32_of_f16(half);
    }
    if (type == NJ_NPY_F32) {
        float value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    double value;
    memcpy(&value, at, sizeof value);
    return (float)value;
}

nj_status nj_npy_read_f32(const nj_npy *npy, size_t first, size_t count, float *out, nj_error *err)
{
    if (npy->type > NJ_NPY_F64) {
        return nj_fail(err, NJ_INPUT, "%s: type '%s' holds whole numbers, floats are needed",
                       npy->path, nj_npy_type_descr(npy->type));
    }
    assert_range(npy, first, count);
    const uint8_t *at = npy->data + first * npy->element_bytes;
    for (size_t i = 0; i < count; i++, at += npy->element_bytes) {
        out[i] = load_float(at, npy->type);
        if (!isfinite(out[i])) {
            return fail_element(npy, first + i,
                                isnan(out[i]) ? "is not a number (NaN)" : "is infinite as float32",
                                err);
        }
    }
    return NJ_OK;
}

// Bytes of a whole number, little-endian; the sign of a signed one is spread over the upper bytes.
static uint64_t load_integer(const uint8_t *at, size_t bytes, bool is_signed)
{
    uint64_t value = 0;
    memcpy(&value, at, bytes);
    if (is_signed && bytes < 8 && (at[bytes - 1] & 0x80) != 0) {
        value |= UINT64_MAX << (8 * bytes);
    }
    return value;
}

nj_status nj_npy_read_i64(const nj_npy *npy, size_t first, size_t count, int64_t *out,
                          nj_error *err)
{
    if (npy->type <= NJ_NPY_F64) {
        return nj_fail(err, NJ_INPUT, "%s: type '%s' holds floats, whole numbers are needed",
                       npy->path, nj_npy_type_descr(npy->type));
    }
    assert_range(npy, first, count);
    bool is_signed = npy->type <= NJ_NPY_I64;
    const uint8_t *at = npy->data + first * npy->element_bytes;
    for (size_t i = 0; i < count; i++, at += npy->element_bytes) {
        uint64_t value = load_integer(at, npy->element_bytes, is_signed);
        if (!is_signed && value > INT64_MAX) {
            return fail_element(npy, first + i, "is beyond 2^63 - 1", err);
        }
        memcpy(&out[i], &value, sizeof value);
    }
    return NJ_OK;
}

// Version 1.0: the prefix, the dictionary, spaces up to the alignment, a newline.
static size_t format_header(char out[WRITTEN_HEADER_BYTES_MAX], nj_npy_type type,
                            const size_t *shape, size_t dim_count)
{
    memcpy(out, MAGIC, MAGIC_BYTES);
    out[6] = 1;
    out[7] = 0;
    int at = PREFIX_V1_BYTES;
    at += snprintf(out + at, WRITTEN_HEADER_BYTES_MAX - (size_t)at,
                   "{'descr': '%s', 'fortran_order': False, 'shape': (", nj_npy_type_descr(type));
    for (size_t i = 0; i < dim_count; i++) {
        at += snprintf(out + at, WRITTEN_HEADER_BYTES_MAX - (size_t)at, "%s%zu%s", i > 0 ? " " : "",
                       shape[i], dim_count == 1 || i + 1 < dim_count ? "," : "");
    }
    at += snprintf(out + at, WRITTEN_HEADER_BYTES_MAX - (size_t)at, "), }");
    size_t end = nj_round_up((size_t)at + 1, DATA_ALIGN);
    memset(out + at, ' ', end - (size_t)at);
    out[end - 1] = '\n';
    size_t length = end - PREFIX_V1_BYTES;
    out[8] = (char)(length & 0xff);
    out[9] = (char)(length >> 8);
    return end;
}

nj_status nj_npy_append_header(nj_buffer *out, nj_npy_type type, const size_t *shape,
                               size_t dim_count, nj_error *err)
{
    char header[WRITTEN_HEADER_BYTES_MAX];
    assert(dim_count <= NJ_NPY_DIMS_MAX);
    const size_t header_bytes = format_header(header, type, shape, dim_count);
    return nj_buffer_append(out, header, header_bytes) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for an array's header");
}

nj_status nj_npy_write_header(nj_file_draft *draft, nj_npy_type type, const size_t *shape,
                              size_t dim_count, nj_error *err)
{
    size_t count;
    size_t bytes;
    if (dim_count > NJ_NPY_DIMS_MAX || !multiply_shape(shape, dim_count, &count) ||
        !nj_mul_size(count, nj_npy_type_bytes(type), &bytes)) {
        return nj_fail(err, NJ_INPUT, "%s: a shape of %zu dimensions is too large to write",
                       draft->path.text, dim_count);
    }
    char header[WRITTEN_HEADER_BYTES_MAX];
    size_t header_bytes = format_header(header, type, shape, dim_count);
    fwrite(header, 1, header_bytes, draft->stream); // commit looks at the stream's error
    return NJ_OK;
}

nj_status nj_npy_write(const char *path, nj_npy_type type, const size_t *shape, size_t dim_count,
                       const void *data, nj_error *err)
{
    nj_file_draft draft;
    nj_status status = nj_file_draft_begin(path, &draft, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_npy_write_header(&draft, type, shape, dim_count, err);
    if (status != NJ_OK) {
        nj_file_draft_abort(&draft);
        return status;
    }
    size_t count = nj_npy_type_bytes(type);
    for (size_t i = 0; i < dim_count; i++) {
        count *= shape[i]; // fits: the header was written
    }
    if (count > 0) {
        fwrite(data, 1, count, draft.stream);
    }
    return nj_file_draft_commit(&draft, err);
}
