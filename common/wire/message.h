// message.h - the messages of schemas/wire.def as C structs, packed and unpacked.
//
// Knows no socket. What a blob means is decided above: users, rows and settings pass through as bytes.
#ifndef NJ_WIRE_MESSAGE_H
#define NJ_WIRE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_WIRE_VERSION 1

#define NJ_WIRE_NAME_BYTES_MAX 128
#define NJ_WIRE_CLASS_BYTES_MAX 64
#define NJ_WIRE_CLASSES_MAX 8
#define NJ_WIRE_INSTANCE_BYTES 16
#define NJ_WIRE_SECTION_NAME_BYTES_MAX 31 // as in a bundle, without its NUL
#define NJ_WIRE_SECTIONS_MAX 64           // as in a bundle
#define NJ_WIRE_SETTINGS_BYTES_MAX (64u << 10)
#define NJ_WIRE_CHUNK_BYTES_MAX (1u << 20)
#define NJ_WIRE_BLOB_BYTES_MAX (32u << 20) // users of a LEASE, rows of a RESULT
#define NJ_WIRE_TEXT_BYTES_MAX 1024
#define NJ_WIRE_LEASES_MAX 8               // leases one worker holds at a time
#define NJ_WIRE_SHARD_MAX ((1u << 24) - 2) // highest shard index
#define NJ_WIRE_STATUS_MAX 255
#define NJ_WIRE_INTERVAL_MS_MAX (24u * 60 * 60 * 1000)
/// A whole message: the largest blob, the settings, and room for everything small. Sockets refuse longer frames.
#define NJ_WIRE_MESSAGE_BYTES_MAX (NJ_WIRE_BLOB_BYTES_MAX + (128u << 10))

typedef enum { NJ_SIDE_WORKER, NJ_SIDE_COORDINATOR } nj_side;

// What became of a RESULT. After any of them the worker forgets the rows.
typedef enum {
    NJ_VERDICT_COMMITTED, // stored
    NJ_VERDICT_DUPLICATE, // the same rows were stored before
    NJ_VERDICT_STALE,     // of another epoch, or of an attempt nobody was given
    NJ_VERDICT_DIVERGED,  // other rows were stored before: one of the two workers computes wrongly
    NJ_VERDICT_REJECTED,  // digest or rows do not fit the shard; counts as a failed try
    NJ_VERDICT_MAX = NJ_VERDICT_REJECTED
} nj_verdict;

typedef enum {
    NJ_DRAIN_FINISHED, // every shard is done: drop what is in hand
    NJ_DRAIN_STOPPING, // the coordinator stops: finish what is being computed, give back the rest
    NJ_DRAIN_MAX = NJ_DRAIN_STOPPING
} nj_drain_reason;

typedef struct {
    uint8_t bytes[NJ_WIRE_INSTANCE_BYTES];
} nj_instance;

typedef struct {
    nj_slice name;
    uint64_t size;
    nj_digest digest;
} nj_wire_section;

typedef struct {
    uint32_t shard;
    uint32_t attempt;
} nj_wire_lease;

typedef enum {
#define NJ_MESSAGE(NAME, name, number, sender, meaning) NJ_MESSAGE_##NAME = number,
#include "schemas/wire.def"
} nj_message_kind;

#define NJ_DECLARE_U32(field, limit) uint32_t field;
#define NJ_DECLARE_LATER(field, limit) uint32_t field;
#define NJ_DECLARE_U64(field, limit) uint64_t field;
#define NJ_DECLARE_TEXT(field, limit) nj_slice field;
#define NJ_DECLARE_BLOB(field, limit) nj_slice field;
#define NJ_DECLARE_DIGEST(field, limit) nj_digest field;
#define NJ_DECLARE_INSTANCE(field, limit) nj_instance field;
#define NJ_DECLARE_TEXTS(field, limit)                                                             \
    nj_slice field[limit];                                                                         \
    uint32_t field##_count;
#define NJ_DECLARE_SECTIONS(field, limit)                                                          \
    nj_wire_section field[limit];                                                                  \
    uint32_t field##_count;
#define NJ_DECLARE_LEASES(field, limit)                                                            \
    nj_wire_lease field[limit];                                                                    \
    uint32_t field##_count;

// nj_message_hello, nj_message_welcome, ... with the fields of the table; an array `x` is followed by `x_count`.
// clang-format off
#define NJ_MESSAGE(NAME, name, number, sender, meaning) typedef struct {
#define NJ_FIELD(kind, field, limit, meaning) NJ_DECLARE_##kind(field, limit)
#define NJ_MESSAGE_END(NAME, name) } nj_message_##name;
#include "schemas/wire.def"
// clang-format on

// One message of any kind: message.kind says which member counts. Slices are borrowed.
typedef struct {
    nj_message_kind kind;
    union {
#define NJ_MESSAGE(NAME, name, number, sender, meaning) nj_message_##name name;
#include "schemas/wire.def"
    };
} nj_message;

/// "HELLO"; "?" for a number that is not in the table.
const char *nj_message_name(nj_message_kind kind);

/// Appends the packed message to `out` (nj_buffer_init with NJ_WIRE_MESSAGE_BYTES_MAX fits every message).
///
/// Returns NJ_INPUT when a field is over its limit (names message, field and both numbers), NJ_NO_MEMORY.
/// Proof   tests/unit/wire/test_message.c
NJ_CHECKED nj_status nj_message_pack(const nj_message *message, nj_buffer *out, nj_error *err);

/// Unpacks outside bytes that `sender` sent. Slices of `out` borrow from `bytes`. Everything is walked with bounds
/// first; nothing of `out` may be used after a refusal.
///
/// Returns NJ_PROTOCOL with message, field and rule: malformed, over a limit, unknown number, wrong direction, or
///         another protocol version (both are named); NJ_NO_MEMORY
/// Proof   tests/unit/wire/test_message.c
NJ_CHECKED nj_status nj_message_unpack(nj_slice bytes, nj_side sender, nj_message *out,
                                       nj_error *err);

#endif
