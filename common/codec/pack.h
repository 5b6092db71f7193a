// pack.h - MessagePack, written without surprises and read with bounds. The only place that sees msgpack.h.
//
// Reading outside bytes happens in two steps: walk (depth, element count and every length are checked against the bytes
// that are there, and nothing is allocated), then unpack. msgpack-c alone would allocate gigabytes for an array header of
// five bytes, and would accept trailing bytes (measured with msgpack-c 4.0.0).
#ifndef NJ_CODEC_PACK_H
#define NJ_CODEC_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <msgpack.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_PACK_DEPTH_MAX 8

// ---- writing: errors stick, and are asked for once at the end ----

typedef struct {
    nj_buffer *out; // borrowed
    msgpack_packer packer;
    nj_status status; // the first failure, else NJ_OK
} nj_packer;

void nj_packer_init(nj_packer *packer, nj_buffer *out);
void nj_pack_array(nj_packer *packer, size_t count);
void nj_pack_uint(nj_packer *packer, uint64_t value);
void nj_pack_bool(nj_packer *packer, bool value);
void nj_pack_f32(nj_packer *packer, float value);
void nj_pack_str(nj_packer *packer, nj_slice text);
void nj_pack_nil(nj_packer *packer);
void nj_pack_bin(nj_packer *packer, const void *bytes, size_t size);
/// The head of a bin alone: the caller appends its `size` bytes to the buffer.
void nj_pack_bin_head(nj_packer *packer, size_t size);

// ---- reading ----

/// Checks that `bytes` is exactly one well-formed value: nesting at most NJ_PACK_DEPTH_MAX, at most `element_max` values in
/// all, every length inside the bytes, no ext type, nothing behind the end.
///
/// Returns NJ_OK or NJ_PROTOCOL. Allocates nothing.
/// Proof   tests/unit/codec/test_pack.c
NJ_CHECKED nj_status nj_pack_walk(nj_slice bytes, size_t element_max, nj_error *err);

typedef struct {
    msgpack_zone zone;   // owned
    msgpack_object root; // strings and bins borrow from the bytes that were unpacked
} nj_unpacked;

/// Walks, then unpacks. `bytes` must outlive the result. Call nj_unpacked_fini after success.
NJ_CHECKED nj_status nj_unpack(nj_slice bytes, size_t element_max, nj_unpacked *out, nj_error *err);
void nj_unpacked_fini(nj_unpacked *unpacked);

// Reads the fields of an array in order. The first failure sticks (status, err); later reads give zero values, so a
// message is read straight down and checked once.
typedef struct {
    const msgpack_object *fields;
    size_t count;
    size_t next;
    const char *what; // names the message in errors
    nj_error *err;
    nj_status status;
} nj_fields;

/// Opens an array of at least count_min fields; further ones are allowed and ignored (a newer peer).
void nj_fields_open(nj_fields *fields, const msgpack_object *array, const char *what,
                    size_t count_min, nj_error *err);
uint64_t nj_field_uint(nj_fields *fields, const char *name, uint64_t value_max);
bool nj_field_bool(nj_fields *fields, const char *name);
/// A finite float (float32 or float64 on the wire).
float nj_field_f32(nj_fields *fields, const char *name);
/// Valid UTF-8 of at most bytes_max bytes. As with nj_field_bin, `bytes` is never NULL.
nj_slice nj_field_str(nj_fields *fields, const char *name, size_t bytes_max);
nj_slice nj_field_bin(nj_fields *fields, const char *name, size_t bytes_max);
/// True where the next field is there and nil, which is passed; anything else stays to be read.
bool nj_field_nil(nj_fields *fields);
/// Exactly `size` bytes copied to `out` (cleared on failure).
void nj_field_bytes(nj_fields *fields, const char *name, void *out, size_t size);
/// An array of at most count_max elements; NULL on failure.
const msgpack_object_array *nj_field_array(nj_fields *fields, const char *name, size_t count_max);

#endif
