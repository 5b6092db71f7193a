// int8.h - the numeric class "int8": what a product with a weight is, exactly. Sets of the class differ in speed only.
//
// Weights are rounded to int8 once, output by output; the rows of X when they come, row by row, to uint8 between the row's least
// and greatest value. The products of both are summed exactly in int32 and turned back to float32 in one fixed order:
//
//   of a row x of K values          low = min x (+0, never -0), range = max x - low, step = range / 255
//                                   code[k] = round((x[k] - low) * (255 / range)), halves to even: 0..255
//   of an output's weights w        peak = max |w|, scale = peak / 127
//                                   code[k] = round(w[k] * (127 / peak)): -127..127
//                                   sum = (sum of its codes) * scale
//   an element                      fma((float)(sum of code * code), step * scale, low * sum)
//
// A row that is nowhere negative (behind relu) so has twice the steps of a symmetric one, and 0 is met exactly. The element is
// added to what C holds with `accumulate`, to +0 without. Every operation above is one rounded float32 operation, except
// the sums of codes, which are exact: 255 * 127 * NJ_INT8_SEGMENT < 2^31.
//
// Segments  Each NJ_INT8_SEGMENT values of K are a product of their own; the second and later are accumulated in order.
// Tiny      A range or peak below NJ_INT8_TINY counts as 0: codes, step and scale are then 0. K = 0 gives zeros.
// NaN       A row that holds NaN or infinity, or whose range exceeds FLT_MAX, gives NaN in every output; so does an output whose
//           weights are not finite.
// Batch     An element depends on its row and its weights alone.
// Scratch   the codes of a block of rows stand on the stack: at most 72 KiB
// Proof     tests/unit/math/test_int8.c
#ifndef NJ_MATH_INT8_H
#define NJ_MATH_INT8_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define NJ_INT8_SEGMENT 4096
#define NJ_INT8_TINY 0x1p-100f
#define NJ_INT8_CLASS "int8"
#define NJ_INT8_ROW_STEPS 255.0f
#define NJ_INT8_WEIGHT_STEPS 127.0f

// What stands beside the codes of a row.
typedef struct {
    float step;
    float low;
    float inverse; // 255 / range, or 0: what the codes are made with
} nj_int8_row;

// What stands beside the codes of an output's weights.
typedef struct {
    float scale;
    float sum;
} nj_int8_output;

/// From the least and greatest value of a row, which are not to be trusted unless `finite`.
static inline nj_int8_row nj_int8_row_from(float least, float greatest, int finite)
{
    float low = least + 0.0f;
    float range = greatest - low;
    if (!finite || !(range < INFINITY)) {
        return (nj_int8_row){.step = NAN, .low = NAN};
    }
    if (range < NJ_INT8_TINY) {
        return (nj_int8_row){.low = low};
    }
    return (nj_int8_row){
        .step = range / NJ_INT8_ROW_STEPS, .low = low, .inverse = NJ_INT8_ROW_STEPS / range};
}

/// Writes the codes of K <= NJ_INT8_SEGMENT weights of one output, `stride` apart.
static inline nj_int8_output nj_int8_round_weights(size_t K, const float *weight, int8_t *codes,
                                                   size_t stride)
{
    float peak = 0.0f;
    int finite = 1;
    for (size_t k = 0; k < K; k++) {
        finite = finite && isfinite(weight[k]);
        peak = fabsf(weight[k]) > peak ? fabsf(weight[k]) : peak;
    }
    float inverse = finite && peak >= NJ_INT8_TINY ? NJ_INT8_WEIGHT_STEPS / peak : 0.0f;
    int32_t sum = 0;
    for (size_t k = 0; k < K; k++) {
        int8_t rounded = inverse > 0.0f ? (int8_t)lrintf(weight[k] * inverse) : 0;
        codes[k * stride] = rounded;
        sum += rounded;
    }
    float scale = !finite ? NAN : inverse > 0.0f ? peak / NJ_INT8_WEIGHT_STEPS : 0.0f;
    return (nj_int8_output){.scale = scale, .sum = (float)sum * scale};
}

#endif
