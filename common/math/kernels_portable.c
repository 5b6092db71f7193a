// kernels_portable.c - the exact set for every other CPU: vectors of four floats as gcc and clang spell them, whatever they become.
//
// A compiler that may use a fused multiply-add does (other architectures, or -march of this build); else fused.h stands in for it,
// as on x86-64 before AVX2, where products by the C library's own fmaf take some 50 times as long.
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/math/fused.h"

typedef nj_float_4 vec;

#define VEC_FLOATS 4
#define TILE_ROWS 6
#define TRANSPOSE_COLUMNS VEC_FLOATS

static inline vec vec_set(float value)
{
    return (vec){value, value, value, value};
}

static inline vec vec_load(const float *from)
{
    vec value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline void vec_store(float *to, vec value)
{
    memcpy(to, &value, sizeof value);
}

static inline vec vec_load_part(const float *from, size_t count, float fill)
{
    vec value = vec_set(fill);
    value[0] = count > 0 ? from[0] : fill;
    value[1] = count > 1 ? from[1] : fill;
    value[2] = count > 2 ? from[2] : fill;
    return value;
}

static inline void vec_store_part(float *to, size_t count, vec value)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = value[i];
    }
}

static inline vec vec_add(vec a, vec b)
{
    return a + b;
}

static inline vec vec_sub(vec a, vec b)
{
    return a - b;
}

static inline vec vec_mul(vec a, vec b)
{
    return a * b;
}

static inline vec vec_div(vec a, vec b)
{
    return a / b;
}

#if defined(__FP_FAST_FMAF) || defined(__FMA__) || defined(__ARM_FEATURE_FMA)
static inline vec vec_fma(vec a, vec b, vec c)
{
    return (vec){__builtin_fmaf(a[0], b[0], c[0]), __builtin_fmaf(a[1], b[1], c[1]),
                 __builtin_fmaf(a[2], b[2], c[2]), __builtin_fmaf(a[3], b[3], c[3])};
}
#else
static inline vec vec_fma(vec a, vec b, vec c)
{
    return nj_fused(a, b, c);
}
#endif

/// The bits of `a` where `mask` has ones, those of `b` elsewhere.
static inline vec blend(nj_int_4 mask, vec a, vec b)
{
    return (vec)(((nj_int_4)a & mask) | ((nj_int_4)b & ~mask));
}

static inline vec vec_select_less(vec a, vec b, vec when_less, vec otherwise)
{
    return blend(a < b, when_less, otherwise);
}

static inline vec vec_min(vec a, vec b)
{
    return blend(a < b, a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return blend(a > b, a, b);
}

static inline vec vec_copysign(vec magnitude, vec sign)
{
    return blend((nj_int_4)vec_set(-0.0f), sign, magnitude);
}

static inline vec vec_abs(vec a)
{
    return vec_copysign(a, vec_set(0.0f));
}

static inline bool vec_any_not_above(vec a, vec limit)
{
    return nj_any(~(nj_int_4)(a > limit));
}

static inline vec power_of_two(nj_word_4 n)
{
    return (vec)((n + 127u) << 23);
}

static inline vec vec_scale_power(vec p, vec n)
{
    // Rounded into the low bits, as in nj_exp: a NaN has no whole number to be converted to.
    nj_word_4 power = (nj_word_4)(n + 12582912.0f) - 0x4b400000u;
    nj_word_4 half = (power + 256u) / 2u - 128u; // floor(n / 2); n is above -256
    return p * power_of_two(half) * power_of_two(power - half);
}

static inline float vec_fold_lanes(const vec lane[4])
{
    vec four = (lane[0] + lane[2]) + (lane[1] + lane[3]);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

static inline float vec_top(vec a)
{
    float top = a[0] > a[1] ? a[0] : a[1];
    top = top > a[2] ? top : a[2];
    return top > a[3] ? top : a[3];
}

static inline vec load_row(size_t count, const float *in, size_t ld, size_t j)
{
    return j < count ? vec_load(in + j * ld) : vec_set(0.0f);
}

static inline __attribute__((always_inline)) void
transpose_by_four(size_t count, const float *in, size_t ld, float *out, size_t width)
{
    vec row_0 = load_row(count, in, ld, 0);
    vec row_1 = load_row(count, in, ld, 1);
    vec row_2 = load_row(count, in, ld, 2);
    vec row_3 = load_row(count, in, ld, 3);
    vec low_01 = __builtin_shufflevector(row_0, row_1, 0, 4, 1, 5);
    vec low_23 = __builtin_shufflevector(row_2, row_3, 0, 4, 1, 5);
    vec high_01 = __builtin_shufflevector(row_0, row_1, 2, 6, 3, 7);
    vec high_23 = __builtin_shufflevector(row_2, row_3, 2, 6, 3, 7);
    vec_store(out, __builtin_shufflevector(low_01, low_23, 0, 1, 4, 5));
    vec_store(out + width, __builtin_shufflevector(low_01, low_23, 2, 3, 6, 7));
    vec_store(out + 2 * width, __builtin_shufflevector(high_01, high_23, 0, 1, 4, 5));
    vec_store(out + 3 * width, __builtin_shufflevector(high_01, high_23, 2, 3, 6, 7));
}

#define VECTOR_SET nj_kernels_portable
#define VECTOR_SET_NAME "portable"
#define VECTOR_BURST nj_fma_burst_portable
#include "common/math/kernels_vector.inc.c"
