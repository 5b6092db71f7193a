// kernels_avx512.c - the exact set on AVX-512: one register is the 16 lanes of a row sum, a tile has 12 rows of 2 registers.
//
// 24 accumulators, 2 registers of B and 1 broadcast of A fill 27 of the 32 registers.
#include <immintrin.h>
#include <stddef.h>

#include "common/math/kernels_x86.h"

typedef __m512 vec;

#define VEC_FLOATS 16
#define TILE_ROWS 12

static inline vec vec_set(float value)
{
    return _mm512_set1_ps(value);
}

static inline vec vec_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

static inline void vec_store(float *to, vec value)
{
    _mm512_storeu_ps(to, value);
}

static inline __mmask16 mask_first(size_t count)
{
    return (__mmask16)((1u << count) - 1u);
}

static inline vec vec_load_part(const float *from, size_t count, float fill)
{
    return _mm512_mask_loadu_ps(vec_set(fill), mask_first(count), from);
}

static inline void vec_store_part(float *to, size_t count, vec value)
{
    _mm512_mask_storeu_ps(to, mask_first(count), value);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline vec vec_abs(vec a)
{
    return _mm512_abs_ps(a);
}

static inline vec vec_copysign(vec magnitude, vec sign)
{
    const __m512 SIGN = _mm512_set1_ps(-0.0f);
    return _mm512_or_ps(_mm512_andnot_ps(SIGN, magnitude), _mm512_and_ps(SIGN, sign));
}

static inline vec vec_select_less(vec a, vec b, vec when_less, vec otherwise)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), otherwise, when_less);
}

static inline bool vec_any_not_above(vec a, vec limit)
{
    return _mm512_cmp_ps_mask(a, limit, _CMP_NGT_UQ) != 0;
}

static inline vec vec_scale_power(vec p, vec n)
{
    return _mm512_scalef_ps(p, n);
}

static inline float vec_fold_lanes(const vec lane[1])
{
    __m256 upper = _mm512_extractf32x8_ps(lane[0], 1);
    return fold_eight(_mm256_add_ps(_mm512_castps512_ps256(lane[0]), upper));
}

static inline float vec_top(vec a)
{
    return _mm512_reduce_max_ps(a);
}

#define VECTOR_SET nj_kernels_avx512
#define VECTOR_SET_NAME "avx512"
#define VECTOR_BURST nj_fma_burst_avx512
#include "common/math/kernels_vector.inc.c"
