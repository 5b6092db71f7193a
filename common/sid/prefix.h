// prefix.h - a short name for a prefix of codes: what a row's trace is made of (schemas/store.md).
#ifndef NJ_SID_PREFIX_H
#define NJ_SID_PREFIX_H

#include <stdint.h>

#define NJ_PREFIX_ROOT 0u // the empty prefix

/// The name of the prefix that goes on with `code`. Two prefixes may share a name (one pair in 2^32): who compares names takes that for
/// equality, which must be the careful answer.
/// Source  MurmurHash3's 32-bit finalizer (Appleby), over the name before and the code
static inline uint32_t nj_prefix_append(uint32_t prefix, uint16_t code)
{
    uint32_t h = (prefix + code + 1u) * 0x9e3779b1u;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    return h ^ (h >> 16);
}

#endif
