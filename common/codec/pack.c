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

void nj_pack_bin_head(nj_packer *packer, size_t size)
{
    msgpack_pack_bin(&packer->packer, size);
}

void nj_pack_nil(nj_packer *packer)
{
    msgpack_pack_nil(&packer->packer);
}

// ---- the walk ----

// What one value's first bytes say: how many bytes it takes (head and body), and how many values follow inside it.
typedef struct {
    size_t bytes;
    uint64_t children;
} value_shape;

// A type byte of 0xc0..0xdf: the bytes of its head, of which the last length_bytes are a length; what the length counts.
typedef struct {
    uint8_t head_bytes; // 0 = refused: reserved (0xc1) and the ext types
    uint8_t length_bytes;
    uint8_t bytes_per_length;
    uint8_t children_per_length;
} type_shape;

#define TYPE_FIRST 0xc0

static const type_shape TYPES[] = {
    [0xc0 - TYPE_FIRST] = {1, 0, 0, 0}, // nil
    [0xc2 - TYPE_FIRST] = {1, 0, 0, 0}, // false
    [0xc3 - TYPE_FIRST] = {1, 0, 0, 0}, // true
    [0xc4 - TYPE_FIRST] = {2, 1, 1, 0}, // bin 8
    [0xc5 - TYPE_FIRST] = {3, 2, 1, 0}, // bin 16
    [0xc6 - TYPE_FIRST] = {5, 4, 1, 0}, // bin 32
    [0xca - TYPE_FIRST] = {5, 0, 0, 0}, // float 32
    [0xcb - TYPE_FIRST] = {9, 0, 0, 0}, // float 64
    [0xcc - TYPE_FIRST] = {2, 0, 0, 0}, // uint 8
    [0xcd - TYPE_FIRST] = {3, 0, 0, 0}, // uint 16
    [0xce - TYPE_FIRST] = {5, 0, 0, 0}, // uint 32
    [0xcf - TYPE_FIRST] = {9, 0, 0, 0}, // uint 64
    [0xd0 - TYPE_FIRST] = {2, 0, 0, 0}, // int 8
    [0xd1 - TYPE_FIRST] = {3, 0, 0, 0}, // int 16
    [0xd2 - TYPE_FIRST] = {5, 0, 0, 0}, // int 32
    [0xd3 - TYPE_FIRST] = {9, 0, 0, 0}, // int 64
    [0xd9 - TYPE_FIRST] = {2, 1, 1, 0}, // str 8
    [0xda - TYPE_FIRST] = {3, 2, 1, 0}, // str 16
    [0xdb - TYPE_FIRST] = {5, 4, 1, 0}, // str 32
    [0xdc - TYPE_FIRST] = {3, 2, 0, 1}, // array 16
    [0xdd - TYPE_FIRST] = {5, 4, 0, 1}, // array 32
    [0xde - TYPE_FIRST] = {3, 2, 0, 2}, // map 16
    [0xdf - TYPE_FIRST] = {5, 4, 0, 2}, // map 32
};

static uint64_t read_big_endian(const uint8_t *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

// MessagePack specification, "Formats". False: a refused type, or a value that is cut off.
static bool read_shape(const uint8_t *at, size_t left, value_shape *out)
{
    uint8_t type = at[0];
    *out = (value_shape){1, 0}; // fixint
    if (type >= 0x80 && type <= 0x8f) {
        out->children = 2u * (type & 0x0fu); // fixmap
    } else if (type >= 0x90 && type <= 0x9f) {
        out->children = type & 0x0fu; // fixarray
    } else if (type >= 0xa0 && type <= 0xbf) {
        out->bytes += type & 0x1fu; // fixstr
    } else if (type >= 0xc0 && type <= 0xdf) {
        const type_shape *shape = &TYPES[type - TYPE_FIRST];
        if (shape->head_bytes == 0 || shape->head_bytes > left) {
            return false;
        }
        uint64_t length = read_big_endian(at + 1, shape->length_bytes);
        out->bytes = shape->head_bytes + (size_t)length * shape->bytes_per_length;
        out->children = length * shape->children_per_length;
    }
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

bool nj_field_nil(nj_fields *fields)
{
    const bool is_nil = fields->status == NJ_OK && fields->next < fields->count &&
                        fields->fields[fields->next].type == MSGPACK_OBJECT_NIL;
    fields->next += is_nil;
    return is_nil;
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

// msgpack-c gives no address where there are no bytes.
static nj_slice peek_bytes(const char *bytes, size_t size)
{
    return (nj_slice){size > 0 ? bytes : "", size};
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
    return peek_bytes(field->via.str.ptr, field->via.str.size);
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
    return peek_bytes(field->via.bin.ptr, field->via.bin.size);
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
