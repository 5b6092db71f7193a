// cached.h - what a row of the store is in a key-value cache: its key, its value, how long it stays, and the command that says so.
//
//   key     PREFIX "user:" id
//   value   the line of `store get`, without its newline; or the row's MessagePack as the store has it (schemas/store.md, "Value")
//   SET key value [PX milliseconds]        in RESP, as redis and those that speak like it take it
//
// Users do not expire all at once: each loses up to a share of the time to live, by a hash of his id, so that it is the same
// whoever loads him and however often.
#ifndef NJ_CACHE_CACHED_H
#define NJ_CACHE_CACHED_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/codec/row.h"

#define NJ_CACHE_PREFIX_BYTES_MAX 64
#define NJ_CACHE_KEY_BYTES_MAX (NJ_CACHE_PREFIX_BYTES_MAX + 5 + NJ_ID_BYTES_MAX)
#define NJ_CACHE_JITTER_MAX 90 // percent

typedef enum { NJ_CACHE_JSON, NJ_CACHE_MSGPACK } nj_cache_value;

typedef struct {
    const char *prefix; // borrowed; at most NJ_CACHE_PREFIX_BYTES_MAX bytes
    nj_cache_value value;
    uint64_t ttl_ms;         // 0: rows stay
    uint32_t jitter_percent; // of ttl_ms that is taken off at most
} nj_cache_form;

typedef struct {
    char bytes[NJ_CACHE_KEY_BYTES_MAX];
    size_t size;
} nj_cache_key;

/// The user's key. `user` is a valid id (id.h).
void nj_cache_key_make(const nj_cache_form *form, nj_slice user, nj_cache_key *out);

/// Milliseconds the user's row stays: above ttl_ms * (100 - jitter) / 100, at most ttl_ms. 0 where rows stay.
uint64_t nj_cache_ttl_ms(const nj_cache_form *form, nj_slice user);
/// Milliseconds before which no row that is written now is gone: the lower bound of the above.
uint64_t nj_cache_ttl_least_ms(const nj_cache_form *form);

/// Appends the value of a packed row. `scratch` holds nothing of use afterwards. NJ_REFUSED: what the store holds is no row.
NJ_CHECKED nj_status nj_cache_value_append(const nj_cache_form *form, nj_slice user, nj_slice row,
                                           nj_row *scratch, nj_buffer *out, nj_error *err);

/// Appends a command: an array of `count` bulk strings.
/// Source  the Redis serialization protocol, version 2
NJ_CHECKED nj_status nj_resp_append(nj_buffer *out, const nj_slice *words, size_t count);

/// Appends the SET of a user. `value` has been made by nj_cache_value_append.
/// Proof  tests/unit/cache/test_cached.c
NJ_CHECKED nj_status nj_cache_set_append(const nj_cache_form *form, nj_slice user, nj_slice value,
                                         nj_buffer *out);

#endif
