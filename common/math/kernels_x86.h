// kernels_x86.h - what the two x86 sets share: the last steps of a fold and the transposition of a block.
#ifndef NJ_MATH_KERNELS_X86_H
#define NJ_MATH_KERNELS_X86_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

#define TRANSPOSE_COLUMNS 8

/// Adds lane[j + 4] to lane[j], then + 2, + 1.
static inline float fold_eight(__m256 eight)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline __m128 load_four(const float *in, size_t offset, bool exists)
{
    return exists ? _mm_loadu_ps(in + offset) : _mm_setzero_ps();
}

/// in[j] and in[j + 4] side by side, four values of each.
static inline __m256 load_rows(size_t count, const float *in, size_t ld, size_t j)
{
    __m128 upper = load_four(in, (j + 4) * ld, j + 4 < count);
    return _mm256_set_m128(upper, load_four(in, j * ld, j < count));
}

static inline __attribute__((always_inline)) void
transpose_by_four(size_t count, const float *in, size_t ld, float *out, size_t width)
{
    __m256 row_0 = load_rows(count, in, ld, 0);
    __m256 row_1 = load_rows(count, in, ld, 1);
    __m256 row_2 = load_rows(count, in, ld, 2);
    __m256 row_3 = load_rows(count, in, ld, 3);
    __m256 low_01 = _mm256_unpacklo_ps(row_0, row_1);
    __m256 low_23 = _mm256_unpacklo_ps(row_2, row_3);
    __m256 high_01 = _mm256_unpackhi_ps(row_0, row_1);
    __m256 high_23 = _mm256_unpackhi_ps(row_2, row_3);
    _mm256_storeu_ps(out, _mm256_shuffle_ps(low_01, low_23, _MM_SHUFFLE(1, 0, 1, 0)));
    _mm256_storeu_ps(out + width, _mm256_shuffle_ps(low_01, low_23, _MM_SHUFFLE(3, 2, 3, 2)));
    _mm256_storeu_ps(out + 2 * width, _mm256_shuffle_ps(high_01, high_23, _MM_SHUFFLE(1, 0, 1, 0)));
    _mm256_storeu_ps(out + 3 * width, _mm256_shuffle_ps(high_01, high_23, _MM_SHUFFLE(3, 2, 3, 2)));
}

#endif
