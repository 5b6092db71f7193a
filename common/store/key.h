// key.h - a user's id as an LMDB key (schemas/store.md, "Key").
//
//   0x01 | u64 big-endian     a canonical decimal below 2^64: "7", "42"
//   0x02 | the id's bytes     everything else: "007", "u1", "18446744073709551616"
//
// So numbers come first and in numeric order, then texts in byte order, then "__meta__".
#ifndef NJ_STORE_KEY_H
#define NJ_STORE_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/slice.h"

#define NJ_STORE_KEY_BYTES_MAX (1 + NJ_ID_BYTES_MAX) // 511: LMDB's own limit
#define NJ_STORE_DIGITS_BYTES 21                     // of 2^64 - 1, with a NUL

typedef struct {
    size_t size;
    uint8_t bytes[NJ_STORE_KEY_BYTES_MAX];
} nj_store_key;

/// NJ_INPUT names the id and the rule of id.h it breaks.
NJ_CHECKED nj_status nj_store_key_pack(nj_slice user, nj_store_key *out, nj_error *err);

/// The id back. `*out_user` borrows from `key`, or from `digits` when it is a number. NJ_INPUT for bytes that
/// nj_store_key_pack never makes, the meta key among them.
NJ_CHECKED nj_status nj_store_key_unpack(nj_slice key, char digits[NJ_STORE_DIGITS_BYTES],
                                         nj_slice *out_user, nj_error *err);

/// NJ_INPUT where nj_store_key_unpack says so; makes no text of a number.
NJ_CHECKED nj_status nj_store_key_check(nj_slice key, nj_error *err);

#endif
