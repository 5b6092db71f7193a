// zmm.h - AVX-512 registers of 16 floats under the names that the texts of the int8 and bf16 sets use; for those files only.
#ifndef NJ_MATH_ZMM_H
#define NJ_MATH_ZMM_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

typedef __m512 floats;
#define FLOATS 16
#define LANES 16

static inline __mmask16 first_lanes(size_t count)
{
    return (__mmask16)((1u << (count < 16 ? count : 16)) - 1u);
}

static inline floats floats_set(float value)
{
    return _mm512_set1_ps(value);
}

static inline floats floats_load_first(const float *from, size_t count, float fill)
{
    return count >= 16 ? _mm512_loadu_ps(from)
                       : _mm512_mask_loadu_ps(floats_set(fill), first_lanes(count), from);
}

static inline floats floats_min(floats a, floats b)
{
    return _mm512_min_ps(a, b);
}

static inline floats floats_max(floats a, floats b)
{
    return _mm512_max_ps(a, b);
}

static inline floats floats_sub(floats a, floats b)
{
    return _mm512_sub_ps(a, b);
}

static inline floats floats_mul(floats a, floats b)
{
    return _mm512_mul_ps(a, b);
}

static inline floats floats_fma(floats a, floats b, floats c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline bool floats_any_nan(floats a)
{
    return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q) != 0;
}

/// The least lane of one and the greatest of the other, folded together: the greatest is the least of the negated.
static inline void floats_fold(floats least, floats greatest, float *out_least, float *out_greatest)
{
    __m512 negated = _mm512_sub_ps(_mm512_setzero_ps(), greatest);
    __m512 both = _mm512_min_ps(_mm512_shuffle_f32x4(least, negated, _MM_SHUFFLE(1, 0, 1, 0)),
                                _mm512_shuffle_f32x4(least, negated, _MM_SHUFFLE(3, 2, 3, 2)));
    both = _mm512_min_ps(both, _mm512_shuffle_f32x4(both, both, _MM_SHUFFLE(2, 3, 0, 1)));
    both = _mm512_min_ps(both, _mm512_permute_ps(both, _MM_SHUFFLE(1, 0, 3, 2)));
    both = _mm512_min_ps(both, _mm512_permute_ps(both, _MM_SHUFFLE(2, 3, 0, 1)));
    *out_least = _mm512_cvtss_f32(both);
    *out_greatest = -_mm256_cvtss_f32(_mm512_extractf32x8_ps(both, 1));
}

// Where a register goes: how many lanes are written, and whether they are added to.
typedef struct {
    size_t count;
    bool accumulate;
} lanes_put;

/// The first `count` lanes; more than 16 are 16.
static inline lanes_put put_first(size_t count, bool accumulate)
{
    return (lanes_put){.count = count, .accumulate = accumulate};
}

/// Writes 0 + value, or what is there + value. Memory that is not added to is not read, and whole registers are not masked: both
/// cost a fifth of the speed.
static inline void floats_put(lanes_put lanes, float *to, floats value)
{
    floats before = lanes.accumulate ? floats_load_first(to, lanes.count, 0.0f) : floats_set(0.0f);
    value = _mm512_add_ps(before, value);
    if (lanes.count >= 16) {
        _mm512_storeu_ps(to, value);
    } else {
        _mm512_mask_storeu_ps(to, first_lanes(lanes.count), value);
    }
}

/// Y[n * ldy + m] = tile[m * 32 + n] of rows <= 16 and columns <= 32; what lies behind them in the tile is read.
static inline void write_transposed(size_t rows, size_t columns, const float *tile, bool accumulate,
                                    float *Y, size_t ldy)
{
    lanes_put lanes = put_first(rows, accumulate);
    for (size_t n = 0; n < columns; n += 16) {
        __m512 a[16];
        __m512 b[16];
        for (size_t i = 0; i < 16; i++) {
            a[i] = _mm512_load_ps(tile + i * 32 + n);
        }
        for (size_t i = 0; i < 16; i += 2) { // pairs of rows
            b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
            b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
        }
        for (size_t i = 0; i < 16; i += 4) { // fours of rows: a[i + j] has column j of each quarter
            a[i] = _mm512_shuffle_ps(b[i], b[i + 2], _MM_SHUFFLE(1, 0, 1, 0));
            a[i + 1] = _mm512_shuffle_ps(b[i], b[i + 2], _MM_SHUFFLE(3, 2, 3, 2));
            a[i + 2] = _mm512_shuffle_ps(b[i + 1], b[i + 3], _MM_SHUFFLE(1, 0, 1, 0));
            a[i + 3] = _mm512_shuffle_ps(b[i + 1], b[i + 3], _MM_SHUFFLE(3, 2, 3, 2));
        }
        for (size_t i = 0; i < 16;
             i +=
             8) { // eights of rows: b[i + j] has columns j and j + 8, b[i + j + 4] j + 4 and j + 12
            for (size_t j = 0; j < 4; j++) {
                b[i + j] = _mm512_shuffle_f32x4(a[i + j], a[i + j + 4], 0x88);
                b[i + j + 4] = _mm512_shuffle_f32x4(a[i + j], a[i + j + 4], 0xdd);
            }
        }
        for (size_t j = 0; j < 8; j++) { // all rows: a[j] is column j
            a[j] = _mm512_shuffle_f32x4(b[j], b[j + 8], 0x88);
            a[j + 8] = _mm512_shuffle_f32x4(b[j], b[j + 8], 0xdd);
        }
        for (size_t j = 0; j < 16 && n + j < columns; j++) {
            floats_put(lanes, Y + (n + j) * ldy, a[j]);
        }
    }
}

#endif
