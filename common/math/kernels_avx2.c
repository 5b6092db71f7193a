// kernels_avx2.c - the exact set on AVX2 and FMA: two registers are the 16 lanes of a row sum, a tile has 6 rows of 2 registers.
//
// 12 accumulators, 2 registers of B and 1 broadcast of A fill 15 of the 16 registers.
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "common/math/kernels_x86.h"

typedef __m256 vec;

#define VEC_FLOATS 8
#define TILE_ROWS 6

static inline vec vec_set(float value)
{
    return _mm256_set1_ps(value);
}

static inline vec vec_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

static inline void vec_store(float *to, vec value)
{
    _mm256_storeu_ps(to, value);
}

static inline __m256i mask_first(size_t count)
{
    static const int32_t WINDOW[2 * VEC_FLOATS] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(WINDOW + VEC_FLOATS - count));
}

static inline vec vec_load_part(const float *from, size_t count, float fill)
{
    __m256i mask = mask_first(count);
    return _mm256_blendv_ps(vec_set(fill), _mm256_maskload_ps(from, mask),
                            _mm256_castsi256_ps(mask));
}

static inline void vec_store_part(float *to, size_t count, vec value)
{
    _mm256_maskstore_ps(to, mask_first(count), value);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

static inline vec vec_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

static inline vec vec_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

static inline vec vec_abs(vec a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

static inline vec vec_copysign(vec magnitude, vec sign)
{
    const __m256 SIGN = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(SIGN, magnitude), _mm256_and_ps(SIGN, sign));
}

static inline vec vec_select_less(vec a, vec b, vec when_less, vec otherwise)
{
    return _mm256_blendv_ps(otherwise, when_less, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

static inline bool vec_any_not_above(vec a, vec limit)
{
    return _mm256_movemask_ps(_mm256_cmp_ps(a, limit, _CMP_NGT_UQ)) != 0;
}

static inline __m256 power_of_two(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

static inline vec vec_scale_power(vec p, vec n)
{
    __m256i power = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(power, 1);
    vec scaled = _mm256_mul_ps(p, power_of_two(half));
    return _mm256_mul_ps(scaled, power_of_two(_mm256_sub_epi32(power, half)));
}

static inline float vec_fold_lanes(const vec lane[2])
{
    return fold_eight(_mm256_add_ps(lane[0], lane[1]));
}

static inline float vec_top(vec a)
{
    __m128 top = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    top = _mm_max_ps(top, _mm_movehl_ps(top, top));
    return _mm_cvtss_f32(_mm_max_ss(top, _mm_movehdup_ps(top)));
}

#define VECTOR_SET nj_kernels_avx2
#define VECTOR_SET_NAME "avx2"
#define VECTOR_BURST nj_fma_burst_avx2
#include "common/math/kernels_vector.inc.c"
