// kernels_int8_ref.c - the law of the class "int8": every product of int8.h as plain loops.
#include <float.h>

#include "common/base/checked.h"
#include "common/math/int8.h"
#include "common/math/kernels_sets.h"

// packed: of each segment the codes [N, K of the segment] and behind the last segment's the nj_int8_output [segments, N].
static size_t count_segments(size_t K)
{
    return K == 0 ? 0 : (K - 1) / NJ_INT8_SEGMENT + 1;
}

static size_t codes_bytes(size_t N, size_t K)
{
    return nj_round_up(N * K, sizeof(float));
}

static size_t pack_bytes(size_t N, size_t K)
{
    size_t codes;
    size_t outputs;
    size_t bytes;
    bool fits = nj_mul_size(N, K, &codes) && codes <= SIZE_MAX - sizeof(float) &&
                nj_mul_size(N, count_segments(K), &outputs) &&
                nj_mul_size(outputs, sizeof(nj_int8_output), &outputs) &&
                nj_add_size(codes_bytes(N, K), outputs, &bytes);
    return fits ? bytes : SIZE_MAX;
}

static void pack(nj_linear *linear, void *memory)
{
    size_t N = linear->N;
    size_t K = linear->K;
    int8_t *codes = memory;
    nj_int8_output *outputs = (void *)(codes + codes_bytes(N, K));
    for (size_t first = 0; first < K; first += NJ_INT8_SEGMENT) {
        size_t count = nj_min_size(K - first, NJ_INT8_SEGMENT);
        for (size_t n = 0; n < N; n++) {
            *outputs++ = nj_int8_round_weights(count, linear->weight + n * K + first, codes, 1);
            codes += count;
        }
    }
    linear->packed = memory;
}

static nj_int8_row round_row(size_t K, const float *x, uint8_t *codes)
{
    float least = K > 0 ? x[0] : 0.0f;
    float greatest = least;
    int finite = 1;
    for (size_t k = 0; k < K; k++) {
        finite = finite && isfinite(x[k]);
        least = x[k] < least ? x[k] : least;
        greatest = x[k] > greatest ? x[k] : greatest;
    }
    nj_int8_row row = nj_int8_row_from(least, greatest, finite);
    for (size_t k = 0; k < K; k++) {
        codes[k] = row.inverse > 0.0f ? (uint8_t)lrintf((x[k] - row.low) * row.inverse) : 0;
    }
    return row;
}

static float element(size_t K, const uint8_t *x, const nj_int8_row *row, const int8_t *w,
                     const nj_int8_output *output)
{
    int32_t sum = 0;
    for (size_t k = 0; k < K; k++) {
        sum += x[k] * w[k];
    }
    return fmaf((float)sum, row->step * output->scale, row->low * output->sum);
}

/// Y[m * row_stride + n * column_stride] of one segment of K.
static void multiply_segment(size_t M, size_t N, size_t K, const float *X, size_t ldx,
                             const int8_t *codes, const nj_int8_output *outputs, bool accumulate,
                             float *Y, size_t row_stride, size_t column_stride)
{
    uint8_t row_codes[NJ_INT8_SEGMENT];
    for (size_t m = 0; m < M; m++) {
        nj_int8_row row = round_row(K, X + m * ldx, row_codes);
        for (size_t n = 0; n < N; n++) {
            float *y = Y + m * row_stride + n * column_stride;
            float value = element(K, row_codes, &row, codes + n * K, outputs + n);
            *y = (accumulate ? *y : 0.0f) + value;
        }
    }
}

static void multiply(size_t M, const float *X, size_t ldx, const nj_linear *linear, bool accumulate,
                     float *Y, size_t row_stride, size_t column_stride)
{
    size_t N = linear->N;
    size_t K = linear->K;
    const int8_t *codes = linear->packed;
    const nj_int8_output *outputs = (const void *)(codes + codes_bytes(N, K));
    if (K == 0) {
        const nj_int8_output nothing = {0};
        for (size_t n = 0; n < N; n++) {
            multiply_segment(M, 1, 0, X, ldx, codes, &nothing, accumulate, Y + n * column_stride,
                             row_stride, column_stride);
        }
    }
    for (size_t first = 0; first < K; first += NJ_INT8_SEGMENT) {
        size_t count = nj_min_size(K - first, NJ_INT8_SEGMENT);
        multiply_segment(M, N, count, X + first, ldx, codes, outputs, accumulate || first > 0, Y,
                         row_stride, column_stride);
        codes += N * count;
        outputs += N;
    }
}

static void ref_linear(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                       bool accumulate, float *Y, size_t ldy)
{
    multiply(M, X, ldx, linear, accumulate, Y, ldy, 1);
}

static void ref_linear_many(size_t M, const float *X, size_t ldx, size_t count,
                            const nj_linear *const *linears, float *const *Ys, size_t ldy)
{
    for (size_t i = 0; i < count; i++) {
        multiply(M, X, ldx, linears[i], false, Ys[i], ldy, 1);
    }
}

static void ref_linear_transposed(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                                  float *Y, size_t ldy)
{
    multiply(M, X, ldx, linear, false, Y, 1, ldy);
}

void nj_kernels_int8_ref_over(nj_kernels *set)
{
    set->numeric_class = NJ_INT8_CLASS;
    set->packs_transposed = true;
    set->linear_pack_bytes = pack_bytes;
    set->linear_pack = pack;
    set->linear = ref_linear;
    set->linear_many = ref_linear_many;
    set->linear_transposed = ref_linear_transposed;
}
