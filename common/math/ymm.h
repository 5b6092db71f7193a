// ymm.h - AVX2 registers of 8 floats under the names that the texts of the int8 sets use; for those files only.
#ifndef NJ_MATH_YMM_H
#define NJ_MATH_YMM_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef __m256 floats;
#define FLOATS 8
#define LANES 8

static inline __m256i first_lanes(size_t count)
{
    static const int32_t WINDOW[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(WINDOW + 8 - (count < 8 ? count : 8)));
}

static inline floats floats_set(float value)
{
    return _mm256_set1_ps(value);
}

static inline floats floats_load_first(const float *from, size_t count, float fill)
{
    if (count >= 8) {
        return _mm256_loadu_ps(from);
    }
    __m256i mask = first_lanes(count);
    return _mm256_blendv_ps(floats_set(fill), _mm256_maskload_ps(from, mask),
                            _mm256_castsi256_ps(mask));
}

static inline floats floats_min(floats a, floats b)
{
    return _mm256_min_ps(a, b);
}

static inline floats floats_max(floats a, floats b)
{
    return _mm256_max_ps(a, b);
}

static inline floats floats_sub(floats a, floats b)
{
    return _mm256_sub_ps(a, b);
}

static inline floats floats_mul(floats a, floats b)
{
    return _mm256_mul_ps(a, b);
}

static inline floats floats_fma(floats a, floats b, floats c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline float find_least(floats a)
{
    __m128 least = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    least = _mm_min_ps(least, _mm_movehl_ps(least, least));
    return _mm_cvtss_f32(_mm_min_ss(least, _mm_movehdup_ps(least)));
}

static inline float find_greatest(floats a)
{
    __m128 greatest = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    greatest = _mm_max_ps(greatest, _mm_movehl_ps(greatest, greatest));
    return _mm_cvtss_f32(_mm_max_ss(greatest, _mm_movehdup_ps(greatest)));
}

static inline void floats_fold(floats least, floats greatest, float *out_least, float *out_greatest)
{
    *out_least = find_least(least);
    *out_greatest = find_greatest(greatest);
}

static inline bool floats_any_nan(floats a)
{
    return _mm256_movemask_ps(_mm256_cmp_ps(a, a, _CMP_UNORD_Q)) != 0;
}

// Where a register goes: how many lanes are written, and whether they are added to.
typedef struct {
    size_t count;
    bool accumulate;
} lanes_put;

/// The first `count` lanes; more than 8 are 8.
static inline lanes_put put_first(size_t count, bool accumulate)
{
    return (lanes_put){.count = count, .accumulate = accumulate};
}

/// Writes 0 + value, or what is there + value.
static inline void floats_put(lanes_put lanes, float *to, floats value)
{
    floats before = lanes.accumulate ? floats_load_first(to, lanes.count, 0.0f) : floats_set(0.0f);
    value = _mm256_add_ps(before, value);
    if (lanes.count >= 8) {
        _mm256_storeu_ps(to, value);
    } else {
        _mm256_maskstore_ps(to, first_lanes(lanes.count), value);
    }
}

/// Y[n * ldy + m] = tile[m * 16 + n] of `rows` rows and `columns` columns.
static inline void write_transposed(size_t rows, size_t columns, const float *tile, bool accumulate,
                                    float *Y, size_t ldy)
{
    for (size_t n = 0; n < columns; n++) {
        for (size_t m = 0; m < rows; m++) {
            float *y = Y + n * ldy + m;
            *y = (accumulate ? *y : 0.0f) + tile[m * 16 + n];
        }
    }
}

#endif
