// checked.h - sizes that may come from outside are multiplied and added only through these.
#ifndef NJ_BASE_CHECKED_H
#define NJ_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// *out = a * b; false (and *out unchanged) when it does not fit.
static inline bool nj_mul_size(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *out = product;
    return true;
}

/// *out = a + b; false (and *out unchanged) when it does not fit.
static inline bool nj_add_size(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *out = sum;
    return true;
}

/// Rounds up to a multiple of `unit`, a power of two. The caller has checked that value + unit does not overflow.
static inline size_t nj_round_up(size_t value, size_t unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

static inline size_t nj_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t nj_max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
