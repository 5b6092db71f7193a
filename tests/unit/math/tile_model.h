// tile_model.h - the tile operations of common/math/tiles_amx.h as plain C: what each does, in the words of the Intel SDM.
//
// With it the packing and the loops of the AMX sets are proved on any machine with AVX-512; where there is AMX, the same tests run
// the instructions too, and compare.
#ifndef NJ_TEST_MATH_TILE_MODEL_H
#define NJ_TEST_MATH_TILE_MODEL_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tests/support/nj_test.h"

#define TILE_COUNT 8
#define TILE_ROW_BYTES 64

typedef struct {
    uint8_t bytes[16][TILE_ROW_BYTES];
} model_tile;

static _Thread_local model_tile model_tiles[TILE_COUNT];
static _Thread_local bool model_configured;

static inline void tiles_begin(void)
{
    assert_false(model_configured);
    model_configured = true;
}

static inline void tiles_end(void)
{
    assert_true(model_configured);
    model_configured = false;
}

static inline void tile_zero(int tile)
{
    assert_true(model_configured && tile < TILE_COUNT);
    memset(&model_tiles[tile], 0, sizeof model_tiles[tile]);
}

static inline void tile_load(int tile, const void *from, size_t stride)
{
    assert_true(model_configured && tile < TILE_COUNT);
    for (size_t r = 0; r < 16; r++) {
        memcpy(model_tiles[tile].bytes[r], (const uint8_t *)from + r * stride, TILE_ROW_BYTES);
    }
}

static inline void tile_store(int tile, void *to, size_t stride)
{
    assert_true(model_configured && tile < TILE_COUNT);
    for (size_t r = 0; r < 16; r++) {
        memcpy((uint8_t *)to + r * stride, model_tiles[tile].bytes[r], TILE_ROW_BYTES);
    }
}

/// TDPBUSD: sums[m][n] += x[m][k] * weights[k / 4][n][k % 4], uint8 by int8, in int32 that wraps.
static inline void tile_dot_int8(int sums, int x, int weights)
{
    for (size_t m = 0; m < 16; m++) {
        for (size_t n = 0; n < 16; n++) {
            uint32_t sum;
            memcpy(&sum, model_tiles[sums].bytes[m] + 4 * n, sizeof sum);
            for (size_t k = 0; k < TILE_ROW_BYTES; k++) {
                int8_t weight = (int8_t)model_tiles[weights].bytes[k / 4][4 * n + k % 4];
                sum += (uint32_t)(model_tiles[x].bytes[m][k] * weight);
            }
            memcpy(model_tiles[sums].bytes[m] + 4 * n, &sum, sizeof sum);
        }
    }
}

/// A denormal is 0 to the bf16 instructions, coming and going.
static inline float flush(float value)
{
    return fpclassify(value) == FP_SUBNORMAL ? copysignf(0.0f, value) : value;
}

static inline float widen_bf16(const uint8_t *bytes)
{
    uint16_t half;
    memcpy(&half, bytes, sizeof half);
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return flush(value);
}

/// TDPBF16PS: the products of even k and of odd k are summed apart from +0, fused; then one is added to the other, that to the sum.
static inline void tile_dot_bf16(int sums, int x, int weights)
{
    for (size_t m = 0; m < 16; m++) {
        for (size_t n = 0; n < 16; n++) {
            float part[2] = {0.0f, 0.0f};
            for (size_t k = 0; k < TILE_ROW_BYTES / 2; k++) {
                float a = widen_bf16(model_tiles[x].bytes[m] + 2 * k);
                float b = widen_bf16(model_tiles[weights].bytes[k / 2] + 4 * n + k % 2 * 2);
                part[k % 2] = flush(fmaf(a, b, part[k % 2]));
            }
            float sum;
            memcpy(&sum, model_tiles[sums].bytes[m] + 4 * n, sizeof sum);
            sum = flush(flush(sum) + flush(part[0] + part[1]));
            memcpy(model_tiles[sums].bytes[m] + 4 * n, &sum, sizeof sum);
        }
    }
}

#endif
