// thrift.h - the few values of Thrift's compact protocol that a Parquet file needs, appended to a buffer.
//
// A struct is its fields, each behind a byte (4 bits: number less the last field's, 4 bits: type), and a zero byte. The first
// failure sticks in `status`.
//
// Source  apache/thrift, doc/specs/thrift-compact-protocol.md
#ifndef NJ_PARQUET_THRIFT_H
#define NJ_PARQUET_THRIFT_H

#include <stdint.h>

#include "common/base/buffer.h"

typedef enum {
    NJ_THRIFT_I32 = 5,
    NJ_THRIFT_I64 = 6,
    NJ_THRIFT_BINARY = 8,
    NJ_THRIFT_LIST = 9,
    NJ_THRIFT_STRUCT = 12,
} nj_thrift_type;

typedef struct {
    nj_buffer *out; // borrowed
    unsigned last;  // the number of the struct's last field
    nj_status status;
} nj_thrift;

static inline void nj_thrift_bytes(nj_thrift *t, const void *bytes, size_t size)
{
    if (t->status == NJ_OK) {
        t->status = nj_buffer_append(t->out, bytes, size);
    }
}

static inline void nj_thrift_varint(nj_thrift *t, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (uint8_t)value;
    nj_thrift_bytes(t, bytes, size);
}

/// The head of field `number`, which is above the last one by 1 to 15.
static inline void nj_thrift_field(nj_thrift *t, unsigned number, nj_thrift_type type)
{
    const uint8_t head = (uint8_t)((number - t->last) << 4 | (unsigned)type);
    t->last = number;
    nj_thrift_bytes(t, &head, 1);
}

/// A number without a field's head, as lists have it: zigzag.
static inline void nj_thrift_number(nj_thrift *t, int64_t value)
{
    nj_thrift_varint(t, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static inline void nj_thrift_i32(nj_thrift *t, unsigned number, int32_t value)
{
    nj_thrift_field(t, number, NJ_THRIFT_I32);
    nj_thrift_number(t, value);
}

static inline void nj_thrift_i64(nj_thrift *t, unsigned number, uint64_t value)
{
    nj_thrift_field(t, number, NJ_THRIFT_I64);
    nj_thrift_number(t, (int64_t)value);
}

static inline void nj_thrift_text(nj_thrift *t, const char *text)
{
    const size_t size = strlen(text);
    nj_thrift_varint(t, size);
    nj_thrift_bytes(t, text, size);
}

/// The head of a list; its `count` values follow.
static inline void nj_thrift_list(nj_thrift *t, unsigned number, nj_thrift_type of, size_t count)
{
    nj_thrift_field(t, number, NJ_THRIFT_LIST);
    const uint8_t head = (uint8_t)((count < 15 ? count : 15) << 4 | (unsigned)of);
    nj_thrift_bytes(t, &head, 1);
    if (count >= 15) {
        nj_thrift_varint(t, count);
    }
}

/// Begins a struct (behind its field's head, or in a list); returns what nj_thrift_close wants.
static inline unsigned nj_thrift_open(nj_thrift *t)
{
    const unsigned outer = t->last;
    t->last = 0;
    return outer;
}

static inline void nj_thrift_close(nj_thrift *t, unsigned outer)
{
    nj_thrift_bytes(t, "", 1);
    t->last = outer;
}

#endif
