// ulid.h - names that sort by time: 48 bits of milliseconds, 80 random bits, 26 characters of Crockford's base 32.
//
// Source   the ULID specification (github.com/ulid/spec), without its monotonic mode: two names of one millisecond
//          are in no order.
#ifndef NJ_STORE_ULID_H
#define NJ_STORE_ULID_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"

#define NJ_ULID_CHARS 26

typedef struct {
    char text[NJ_ULID_CHARS + 1];
} nj_ulid;

/// `ms` since 1970; only its low 48 bits are kept.
nj_ulid nj_ulid_make(uint64_t ms);

/// True for 26 characters of the alphabet (capital letters without I, L, O, U) that stand for at most 128 bits.
bool nj_ulid_valid(nj_slice text);

/// The milliseconds inside a valid one.
uint64_t nj_ulid_ms(const nj_ulid *ulid);

#endif
