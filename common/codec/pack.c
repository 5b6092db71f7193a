#include "common/codec/pack.h"

#include <inttypes.h>
#include <math.h>

#include "common/base/id.h"

static int append_callback(void *data, const char *bytes, size_t size)
{
    nj_packer *packer = data;
    if (packer->status == NJ_OK) {
        packer->status = nj_buffer_append(packer->out, bytes, size);
    }
    return packer->status == NJ_OK ? 0 : -1;
}

void nj_packer_init(nj_packer *packer, nj_buffer *out)
{
    packer->out = out;
    packer->status = NJ_OK;
    msgpack_packer_init(&packer->packer, packer, append_callback);
}

void nj_pack_array(nj_packer *packer, size_t count)
{
    msgpack_pack_array(&packer->packer, count);
}

void nj_pack_uint(nj_packer *packer, uint64_t value)
{
    msgpack_pack_uint64(&packer->packer, value);
}

void nj_pack_bool(nj_packer *packer, bool value)
{
    if (value) {
        msgpack_pack_true(&packer->packer);
    } else {
        msgpack_pack_false(&packer->packer);
    }
}

void nj_pack_f32(nj_packer *packer, float value)
{
    msgpack_pack_float(&packer->packer, value);
}

void nj_pack_str(nj_packer *packer, nj_slice text)
{
    msgpack_pack_str(&packer->packer, text.size);
    msgpack_pack_str_body(&packer->packer, text.bytes, text.size);
}

void nj_pack_bin(nj_packer *packer, const void *bytes, size_t size)
{
    msgpack_pack_bin(&packer->packer, size);
    msgpack_pack_bin_body(&packer->packer, bytes, size);
}

// ---- the walk ----

// What one value's first bytes say: how many bytes it takes (head and body), and how many values follow inside it.
typedef struct {
    size_t bytes;
    uint64_t children;
} value_shape;

static uint64_t read_big_endian(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

// MessagePack specification, "Formats". False: a reserved or ext type, or a head that is cut off.
static bool read_shape(const uint8_t *at, size_t left, value_shape *out)
{
    uint8_t type = at[0];
    size_t length_bytes = 0; // of a length that follows the type
    size_t fixed = 1;        // bytes of a value without length
    uint64_t per_child = 0;  // 1 for arrays, 2 for maps
    bool is_blob = false;
    if (type <= 0x7f || type >= 0xe0 || type == 0xc0 || type == 0xc2 || type == 0xc3) {
        *out = (value_shape){1, 0};
        return true;
    }
    if ((type & 0xf0) == 0x80) {
        *out = (value_shape){1, 2u * (type & 0x0fu)};
        return true;
    }
    if ((type & 0xf0) == 0x90) {
        *out = (value_shape){1, type & 0x0fu};
        return true;
    }
    if ((type & 0xe0) == 0xa0) {
        *out = (value_shape){1 + (type & 0x1fu), 0};
        return out->bytes <= left;
    }
    switch (type) {
    case 0xc4: case 0xd9: is_blob = true; length_bytes = 1; break;
    case 0xc5: case 0xda: is_blob = true; length_bytes = 2; break;
    case 0xc6: case 0xdb: is_blob = true; length_bytes = 4; break;
    case 0xca: fixed = 5; break;
    case 0xcb: fixed = 9; break;
    case 0xcc: case 0xd0: fixed = 2; break;
    case 0xcd: case 0xd1: fixed = 3; break;
    case 0xce: case 0xd2: fixed = 5; break;
    case 0xcf: case 0xd3: fixed = 9; break;
    case 0xdc: per_child = 1; length_bytes = 2; break;
    case 0xdd: per_child = 1; length_bytes = 4; break;
    case 0xde: per_child = 2; length_bytes = 2; break;
    case 0xdf: per_child = 2; length_bytes = 4; break;
    default: return false;
    }
    if (1 + length_bytes > left) {
        return false;
    }
    uint64_t length = read_big_endian(at + 1, length_bytes);
    out->bytes = fixed + length_bytes + (is_blob ? (size_t)length : 0);
    out->children = per_child * length;
    return out->bytes <= left;
}

nj_status nj_pack_walk(nj_slice bytes, size_t element_max, nj_error *err)
{
    const uint8_t *at = (const uint8_t *)bytes.bytes;
    size_t left = bytes.size;
    uint64_t pending[NJ_PACK_DEPTH_MAX + 1]; // values still to come at each depth
    size_t depth = 0;
    size_t elements = 0;
    pending[0] = 1;
    for (;;) {
        while (pending[depth] == 0) {
            if (depth == 0) {
                return left == 0 ? NJ_OK
                                 : nj_fail(err, NJ_PROTOCOL, "%zu bytes behind the end", left);
            }
            depth--;
        }
        pending[depth]--;
        value_shape shape;
        if (left == 0 || !read_shape(at, left, &shape)) {
            return nj_fail(err, NJ_PROTOCOL, "malformed MessagePack at byte %zu of %zu",
                           bytes.size - left, bytes.size);
        }
        if (++elements > element_max) {
            return nj_fail(err, NJ_PROTOCOL, "more than %zu values", element_max);
        }
        at += shape.bytes;
        left -= shape.bytes;
        if (shape.children > left) {
            return nj_fail(err, NJ_PROTOCOL, "%" PRIu64 " values announced, %zu bytes left",
                           shape.children, left);
        }
        if (shape.children > 0) {
            if (depth == NJ_PACK_DEPTH_MAX) {
                return nj_fail(err, NJ_PROTOCOL, "nested deeper than %d", NJ_PACK_DEPTH_MAX);
            }
            pending[++depth] = shape.children;
        }
    }
}

nj_status nj_unpack(nj_slice bytes, size_t element_max, nj_unpacked *out, nj_error *err)
{
    nj_status status = nj_pack_walk(bytes, element_max, err);
    if (status != NJ_OK) {
        return status;
    }
    if (!msgpack_zone_init(&out->zone, MSGPACK_ZONE_CHUNK_SIZE)) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to unpack");
    }
    size_t offset = 0;
    msgpack_unpack_return result =
        msgpack_unpack(bytes.bytes, bytes.size, &offset, &out->zone, &out->root);
    if (result != MSGPACK_UNPACK_SUCCESS || offset != bytes.size) {
        msgpack_zone_destroy(&out->zone);
        return nj_fail(err, NJ_PROTOCOL, "MessagePack could not be unpacked (%d)", (int)result);
    }
    return NJ_OK;
}

void nj_unpacked_fini(nj_unpacked *unpacked)
{
    msgpack_zone_destroy(&unpacked->zone);
}

// ---- fields ----

static void fail_field(nj_fields *fields, const char *name, const char *rule)
{
    if (fields->status == NJ_OK) {
        fields->status = nj_fail(fields->err, NJ_PROTOCOL, "%s: field %zu (%s) %s", fields->what,
                                 fields->next, name, rule);
    }
}

void nj_fields_open(nj_fields *fields, const msgpack_object *array, const char *what,
                    size_t count_min, nj_error *err)
{
    *fields = (nj_fields){.what = what, .err = err, .status = NJ_OK};
    if (array->type != MSGPACK_OBJECT_ARRAY) {
        fields->status = nj_fail(err, NJ_PROTOCOL, "%s: not an array", what);
    } else if (array->via.array.size < count_min) {
        fields->status = nj_fail(err, NJ_PROTOCOL, "%s: has %u fields, needs %zu", what,
                                 array->via.array.size, count_min);
    } else {
        fields->fields = array->via.array.ptr;
        fields->count = array->via.array.size;
    }
}

static const msgpack_object *take_field(nj_fields *fields, const char *name)
{
    if (fields->status != NJ_OK) {
        return NULL;
    }
    if (fields->next >= fields->count) {
        fail_field(fields, name, "is missing");
        return NULL;
    }
    return &fields->fields[fields->next++];
}

uint64_t nj_field_uint(nj_fields *fields, const char *name, uint64_t value_max)
{
    const msgpack_object *field = take_field(fields, name);
    if (field == NULL) {
        return 0;
    }
    if (field->type != MSGPACK_OBJECT_POSITIVE_INTEGER || field->via.u64 > value_max) {
        fail_field(fields, name, "is not a number within its limit");
        return 0;
    }
    return field->via.u64;
}

bool nj_field_bool(nj_fields *fields, const char *name)
{
    const msgpack_object *field = take_field(fields, name);
    if (field != NULL && field->type != MSGPACK_OBJECT_BOOLEAN) {
        fail_field(fields, name, "is not a boolean");
        return false;
    }
    return field != NULL && field->via.boolean;
}

float nj_field_f32(nj_fields *fields, const char *name)
{
    const msgpack_object *field = take_field(fields, name);
    if (field == NULL) {
        return 0.0f;
    }
    if ((field->type != MSGPACK_OBJECT_FLOAT32 && field->type != MSGPACK_OBJECT_FLOAT64) ||
        !isfinite((float)field->via.f64)) {
        fail_field(fields, name, "is not a finite float");
        return 0.0f;
    }
    return (float)field->via.f64;
}

nj_slice nj_field_str(nj_fields *fields, const char *name, size_t bytes_max)
{
    const msgpack_object *field = take_field(fields, name);
    if (field == NULL) {
        return (nj_slice){"", 0};
    }
    if (field->type != MSGPACK_OBJECT_STR || field->via.str.size > bytes_max ||
        !nj_utf8_valid(field->via.str.ptr, field->via.str.size)) {
        fail_field(fields, name, "is not UTF-8 text within its limit");
        return (nj_slice){"", 0};
    }
    return (nj_slice){field->via.str.ptr, field->via.str.size};
}

nj_slice nj_field_bin(nj_fields *fields, const char *name, size_t bytes_max)
{
    const msgpack_object *field = take_field(fields, name);
    if (field == NULL) {
        return (nj_slice){"", 0};
    }
    if (field->type != MSGPACK_OBJECT_BIN || field->via.bin.size > bytes_max) {
        fail_field(fields, name, "is not bytes within their limit");
        return (nj_slice){"", 0};
    }
    return (nj_slice){field->via.bin.ptr, field->via.bin.size};
}

void nj_field_bytes(nj_fields *fields, const char *name, void *out, size_t size)
{
    nj_slice bin = nj_field_bin(fields, name, size);
    if (fields->status == NJ_OK && bin.size != size) {
        fail_field(fields, name, "has the wrong size");
    }
    if (fields->status == NJ_OK) {
        memcpy(out, bin.bytes, size);
    } else {
        memset(out, 0, size);
    }
}

const msgpack_object_array *nj_field_array(nj_fields *fields, const char *name, size_t count_max)
{
    const msgpack_object *field = take_field(fields, name);
    if (field == NULL) {
        return NULL;
    }
    if (field->type != MSGPACK_OBJECT_ARRAY || field->via.array.size > count_max) {
        fail_field(fields, name, "is not an array within its limit");
        return NULL;
    }
    return &field->via.array;
}
