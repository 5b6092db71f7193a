// vecmath.h - exp, log, tanh, both GELUs and SiLU in float32, one value at a time: the law of the class "exact".
//
// Each function is a fixed list of correctly rounded float32 operations (add, subtract, multiply, divide, fma, compare), with no
// table, no library call and no branch that changes a result's rounding. A vector version that does the same list in each
// lane gives the same bits; kernels_vector.inc.c is that version and takes its numbers from here.
//
// Coefficients are minimax fits of this project on the reduced ranges named below, rounded to float32.
//
// Errors    largest distance to the true value, in units in the last place of the result (denormal results: of 2^-149), over
//           every float32 of the range; the test checks every 1009th
//             nj_exp   [-inf, +inf]                      0.92
//             nj_log   (0, +inf]  denormals included     0.84
//             nj_tanh  [-inf, +inf]                      1.37
// Source    range reductions as in the Cephes library (expf.c, logf.c, tanhf.c)
// Proof     tests/unit/math/test_vecmath.c
#ifndef NJ_MATH_VECMATH_H
#define NJ_MATH_VECMATH_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

// exp: x = n ln2 + r with |r| <= ln2 / 2; exp(r) = 1 + r (1 + r P(r)). Outside [MIN, MAX] the result is 0 or infinite anyway.
#define NJ_EXP_MIN (-104.0f)
#define NJ_EXP_MAX 89.0f
#define NJ_EXP_ROUNDER 12582912.0f // 1.5 * 2^23: a sum with it is whole, its low bits are n
#define NJ_EXP_LOG2E 1.44269504f
#define NJ_EXP_LN2_HIGH 0.693359375f // few bits, so that n * high is exact
#define NJ_EXP_LN2_LOW (-2.12194440e-4f)
#define NJ_EXP_P0 0.5f
#define NJ_EXP_P1 0.16666518f
#define NJ_EXP_P2 0.041666206f
#define NJ_EXP_P3 0.00836889f
#define NJ_EXP_P4 0.0013950489f

// tanh: below SMALL x + x^3 P(x^2), above it 1 - 2 / (exp(2x) + 1); from MAX on the result is 1.
#define NJ_TANH_SMALL 0.625f
#define NJ_TANH_MAX 10.0f
#define NJ_TANH_P0 (-0.3333328f)
#define NJ_TANH_P1 0.13331442f
#define NJ_TANH_P2 (-0.05373971f)
#define NJ_TANH_P3 0.020639079f
#define NJ_TANH_P4 (-0.0057049785f)

// The share of the normal distribution beyond |x|, twice: exp(-|x| P(|x|)), P of what is at most MAX. The fit makes |x| times it, which the
// error function's GELU takes, accurate to 1e-8.
#define NJ_TAIL_MAX 6.0f
#define NJ_TAIL_P0 0.7978893518447876f
#define NJ_TAIL_P1 0.31826692819595337f
#define NJ_TAIL_P2 0.0364786833524704f
#define NJ_TAIL_P3 (-0.005022148601710796f)
#define NJ_TAIL_P4 0.00018859203555621207f
#define NJ_TAIL_P5 9.112904081121087e-05f
#define NJ_TAIL_P6 (-1.9447359591140412e-05f)
#define NJ_TAIL_P7 1.3183945384298568e-06f

#define NJ_GELU_CUBIC 0.044715f
#define NJ_GELU_SLOPE 0.79788456f // sqrt(2 / pi)

static inline uint32_t nj_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float nj_float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/// 2^n for n in [-126, 127], n as a two's complement word.
static inline float nj_power_of_two(uint32_t n)
{
    return nj_float_from_bits((n + 127u) << 23);
}

/// e^x. -inf gives 0, +inf and x > 88.72 give +inf, results below 2^-126 are denormal, NaN stays NaN.
static inline float nj_exp(float x)
{
    x = x > NJ_EXP_MAX ? NJ_EXP_MAX : x;
    x = x < NJ_EXP_MIN ? NJ_EXP_MIN : x;
    float shifted = fmaf(x, NJ_EXP_LOG2E, NJ_EXP_ROUNDER);
    float n = shifted - NJ_EXP_ROUNDER;
    float r = fmaf(n, -NJ_EXP_LN2_HIGH, x);
    r = fmaf(n, -NJ_EXP_LN2_LOW, r);
    float p = fmaf(NJ_EXP_P4, r, NJ_EXP_P3);
    p = fmaf(p, r, NJ_EXP_P2);
    p = fmaf(p, r, NJ_EXP_P1);
    p = fmaf(p, r, NJ_EXP_P0);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    // 2^n may lie outside the normal floats; its two halves never do, and only the second product rounds.
    uint32_t power = nj_float_bits(shifted) - nj_float_bits(NJ_EXP_ROUNDER);
    uint32_t half = (power + 256u) / 2u - 128u; // floor(n / 2); n is above -256
    return p * nj_power_of_two(half) * nj_power_of_two(power - half);
}

/// Natural logarithm. 0 gives -inf, negative values and NaN give NaN, +inf stays, log(1) is +0.
static inline float nj_log(float x)
{
    if (!(x > 0.0f)) {
        return x == 0.0f ? -INFINITY : NAN;
    }
    if (x > FLT_MAX) {
        return x;
    }
    float exponent = 0.0f;
    if (x < FLT_MIN) {
        x *= 8388608.0f; // 2^23
        exponent = -23.0f;
    }
    // x = 2^n m with m in [sqrt(1/2), sqrt(2)).
    const uint32_t SQRT_HALF_BITS = 0x3f3504f3u;
    uint32_t offset = nj_float_bits(x) - SQRT_HALF_BITS;
    exponent += (float)((offset + (128u << 23)) >> 23) - 128.0f;
    float f = nj_float_from_bits((offset & 0x007fffffu) + SQRT_HALF_BITS) - 1.0f;
    float p = fmaf(0.06746601f, f, -0.11675641f);
    p = fmaf(p, f, 0.11888175f);
    p = fmaf(p, f, -0.124055915f);
    p = fmaf(p, f, 0.14219551f);
    p = fmaf(p, f, -0.16667996f);
    p = fmaf(p, f, 0.20002119f);
    p = fmaf(p, f, -0.2500001f);
    p = fmaf(p, f, 0.33333313f);
    // log(1 + f) = f - f^2 / 2 + f^3 p(f), smallest terms first.
    float square = f * f;
    float tail = fmaf(exponent, NJ_EXP_LN2_LOW, square * f * p);
    tail = fmaf(square, -0.5f, tail);
    return fmaf(exponent, NJ_EXP_LN2_HIGH, f + tail);
}

/// Hyperbolic tangent; odd, +-inf give +-1, NaN stays NaN.
static inline float nj_tanh(float x)
{
    float magnitude = fabsf(x);
    magnitude = magnitude > NJ_TANH_MAX ? NJ_TANH_MAX : magnitude;
    float result;
    if (magnitude < NJ_TANH_SMALL) {
        float square = magnitude * magnitude;
        float p = fmaf(NJ_TANH_P4, square, NJ_TANH_P3);
        p = fmaf(p, square, NJ_TANH_P2);
        p = fmaf(p, square, NJ_TANH_P1);
        p = fmaf(p, square, NJ_TANH_P0);
        result = fmaf(p * square, magnitude, magnitude);
    } else {
        result = 1.0f - 2.0f / (nj_exp(magnitude + magnitude) + 1.0f);
    }
    return copysignf(result, x);
}

/// gelu_new of HuggingFace Transformers: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
static inline float nj_gelu(float x)
{
    float inner = x * fmaf(NJ_GELU_CUBIC, x * x, 1.0f);
    return 0.5f * x * (1.0f + nj_tanh(NJ_GELU_SLOPE * inner));
}

/// The GELU of Hendrycks and Gimpel 2016 as written: x times the share of the normal distribution below x, 0.5 x (1 + erf(x / sqrt(2))). Within
/// 3e-7 of it everywhere, and within 1e-7 of it below 2. Finite x; NaN stays NaN.
static inline float nj_gelu_erf(float x)
{
    float magnitude = fabsf(x);
    float t = magnitude > NJ_TAIL_MAX ? NJ_TAIL_MAX : magnitude;
    float p = fmaf(NJ_TAIL_P7, t, NJ_TAIL_P6);
    p = fmaf(p, t, NJ_TAIL_P5);
    p = fmaf(p, t, NJ_TAIL_P4);
    p = fmaf(p, t, NJ_TAIL_P3);
    p = fmaf(p, t, NJ_TAIL_P2);
    p = fmaf(p, t, NJ_TAIL_P1);
    p = fmaf(p, t, NJ_TAIL_P0);
    float beyond = 0.5f * x * nj_exp(-(magnitude * p));
    return x < 0.0f ? beyond : x - beyond;
}

/// x times its logistic function, "swish": x / (1 + e^-x). Large negative x give -0, NaN stays NaN.
static inline float nj_silu(float x)
{
    return x / (1.0f + nj_exp(-x));
}

#endif
