// half.h - the two 16-bit float formats, widened exactly.
#ifndef NJ_INPUT_HALF_H
#define NJ_INPUT_HALF_H

#include <stdint.h>
#include <string.h>

/// The float whose bits these are.
static inline float nj_f32_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/// IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits) to float32. Every value, subnormals
/// included, is exact; infinities and NaN stay what they are. Without a branch, so that a loop over a row runs on vectors.
static inline float nj_f32_of_f16(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t shifted = (uint32_t)(half & 0x7fffu) << 13;
    // The exponents are 2^112 apart; a power of two scales exactly, subnormals among the results' bits too.
    const float magnitude = nj_f32_of_bits(shifted) * 0x1p112f;
    uint32_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    bits = shifted >= 0x0f800000u ? shifted | 0x7f800000u : bits;
    return nj_f32_of_bits(sign | bits);
}

/// The binary16 nearest to a float, of two the even one: beyond 65504 and half a step infinity; NaN stays NaN.
/// Proof   tests/unit/input/test_half.c
static inline uint16_t nj_f16_of_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000u;
    const uint32_t size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) {
        return (uint16_t)(sign | 0x7e00u);
    }
    if (size < 0x38800000u) { // below the least normal number: a whole number of 2^-24
        const float steps = nj_f32_of_bits(size) * 0x1p24f;
        const uint32_t whole = (uint32_t)steps;
        const float rest = steps - (float)whole;
        return (uint16_t)(sign | (whole + (rest > 0.5f || (rest == 0.5f && (whole & 1) != 0))));
    }
    const uint32_t rounded = size + 0xfffu + (size >> 13 & 1); // 13 bits go
    if (rounded >= 0x47800000u) {
        return (uint16_t)(sign | 0x7c00u);
    }
    return (uint16_t)(sign | (rounded - 0x38000000u) >> 13);
}

/// bfloat16 is the upper half of a float32.
static inline float nj_f32_of_bf16(uint16_t half)
{
    return nj_f32_of_bits((uint32_t)half << 16);
}

#endif
