// fused.h - a * b + c rounded once, four floats at a time, on CPUs that have no instruction for it.
//
// The product of two floats is exact in a double, so s = a * b + c rounds once, to 53 bits, and the narrowing to a float a second
// time. Twice is wrong only where the first rounding lands on the middle between two floats and forgets on which side it was:
//
//   s is normal as a float       the middle is a 1 and 28 zeros behind the 24 bits that a float keeps
//   s is denormal as a float     the middle lies higher; every such s counts, except 0, which is exact
//
// Such an s is rare, and then the sum is taken again by rounding to odd: what was lost (exact, by Knuth's two-sum) leaves its
// trace in the last bit of the double, which is far below the float's, so that narrowing sees on which side it lies. That is
// right for every input; the test of the middle only saves its cost.
//
// Source    Boldo and Melquiond 2008, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd"
// Proof     tests/unit/math/test_fused.c
#ifndef NJ_MATH_FUSED_H
#define NJ_MATH_FUSED_H

#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef float nj_float_4 __attribute__((vector_size(16)));
typedef int32_t nj_int_4 __attribute__((vector_size(16)));
typedef uint32_t nj_word_4 __attribute__((vector_size(16)));
typedef float nj_float_2 __attribute__((vector_size(8)));
typedef double nj_double_2 __attribute__((vector_size(16)));
typedef int64_t nj_long_2 __attribute__((vector_size(16)));

// gcc 12 takes these three apart into single lanes, where x86 has an instruction for each.
#if defined(__SSE2__)
static inline nj_double_2 nj_widen_low(nj_float_4 a)
{
    return _mm_cvtps_pd(a);
}

static inline nj_double_2 nj_widen_high(nj_float_4 a)
{
    return _mm_cvtps_pd(_mm_movehl_ps(a, a));
}

static inline nj_float_4 nj_narrow(nj_double_2 low, nj_double_2 high)
{
    return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}

/// Whether a comparison was true anywhere.
static inline int nj_any(nj_int_4 mask)
{
    return _mm_movemask_ps((__m128)mask);
}
#else
static inline nj_double_2 nj_widen_low(nj_float_4 a)
{
    return __builtin_convertvector(__builtin_shufflevector(a, a, 0, 1), nj_double_2);
}

static inline nj_double_2 nj_widen_high(nj_float_4 a)
{
    return __builtin_convertvector(__builtin_shufflevector(a, a, 2, 3), nj_double_2);
}

static inline nj_float_4 nj_narrow(nj_double_2 low, nj_double_2 high)
{
    return __builtin_shufflevector(__builtin_convertvector(low, nj_float_2),
                                   __builtin_convertvector(high, nj_float_2), 0, 1, 2, 3);
}

static inline int nj_any(nj_int_4 mask)
{
    nj_long_2 halves = (nj_long_2)mask;
    return (halves[0] | halves[1]) != 0;
}
#endif

/// product + c rounded to odd: truncated, with a last bit of 1 where anything was lost. Infinities and NaN stay what they are.
static inline nj_double_2 nj_add_to_odd(nj_double_2 product, nj_double_2 c)
{
    nj_double_2 sum = product + c;
    nj_double_2 of_c = sum - product;
    nj_double_2 lost = (product - (sum - of_c)) + (c - of_c);
    // The sign of lost * sum says whether the sum is too large in magnitude; neither can underflow, as the smallest float is
    // 2^-149. A sum that is no number has compared false.
    nj_double_2 side = lost * sum;
    nj_long_2 too_large = side < 0.0; // -1 where true
    nj_long_2 too_small = side > 0.0;
    return (nj_double_2)(((nj_long_2)sum + too_large) | ((too_large | too_small) & 1));
}

/// Non-zero words where narrowing might round wrong. Both halves of a double are tested by one signed comparison: the lower is the
/// middle when its last 29 bits less 2^28 are 0; the upper is denormal as a float when in [1, 2^-126's).
static inline nj_int_4 nj_find_middles(nj_double_2 sum)
{
    const nj_long_2 KEEP = {0x7fffffff1fffffff, 0x7fffffff1fffffff};
    const nj_long_2 SHIFT = {0x7fffffff70000000, 0x7fffffff70000000}; // - 1 and - 2^28, sign turned
    const nj_long_2 LIMIT = {-0x47f000007fffffff, -0x47f000007fffffff};
    nj_word_4 words = ((nj_word_4)sum & (nj_word_4)KEEP) + (nj_word_4)SHIFT;
    return (nj_int_4)words < (nj_int_4)LIMIT;
}

static inline nj_float_4 nj_fused(nj_float_4 a, nj_float_4 b, nj_float_4 c)
{
    nj_double_2 low = nj_widen_low(a) * nj_widen_low(b);
    nj_double_2 high = nj_widen_high(a) * nj_widen_high(b);
    nj_double_2 low_sum = low + nj_widen_low(c);
    nj_double_2 high_sum = high + nj_widen_high(c);
    nj_int_4 middles = nj_find_middles(low_sum) | nj_find_middles(high_sum);
    if (__builtin_expect(nj_any(middles), 0)) {
        low_sum = nj_add_to_odd(low, nj_widen_low(c));
        high_sum = nj_add_to_odd(high, nj_widen_high(c));
    }
    return nj_narrow(low_sum, high_sum);
}

#endif
