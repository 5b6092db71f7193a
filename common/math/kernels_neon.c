// kernels_neon.c - the exact set on NEON (AArch64): `vec` is a pair of registers, so two of them are the 16 lanes of a row sum and
// a tile has 6 rows of 2.
//
// 24 accumulators, 4 registers of B and up to 4 broadcasts of A fill the 32 registers. NEON has no masks: the part of a row that
// fills no register is loaded and stored lane by lane.
#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    float32x4_t low;
    float32x4_t high;
} vec;

#define QUAD 4 // floats of a register
#define VEC_FLOATS (2 * QUAD)
#define TILE_ROWS 6
#define TRANSPOSE_COLUMNS QUAD

static inline vec vec_set(float value)
{
    return (vec){vdupq_n_f32(value), vdupq_n_f32(value)};
}

static inline vec vec_load(const float *from)
{
    return (vec){vld1q_f32(from), vld1q_f32(from + QUAD)};
}

static inline void vec_store(float *to, vec value)
{
    vst1q_f32(to, value.low);
    vst1q_f32(to + QUAD, value.high);
}

/// The first `count` < QUAD lanes from memory, the others from `rest`.
static inline float32x4_t load_lanes(const float *from, size_t count, float32x4_t rest)
{
    rest = count > 0 ? vld1q_lane_f32(from, rest, 0) : rest;
    rest = count > 1 ? vld1q_lane_f32(from + 1, rest, 1) : rest;
    return count > 2 ? vld1q_lane_f32(from + 2, rest, 2) : rest;
}

static inline void store_lanes(float *to, size_t count, float32x4_t value)
{
    if (count > 0) {
        vst1q_lane_f32(to, value, 0);
    }
    if (count > 1) {
        vst1q_lane_f32(to + 1, value, 1);
    }
    if (count > 2) {
        vst1q_lane_f32(to + 2, value, 2);
    }
}

static inline vec vec_load_part(const float *from, size_t count, float fill)
{
    float32x4_t rest = vdupq_n_f32(fill);
    if (count < QUAD) {
        return (vec){load_lanes(from, count, rest), rest};
    }
    return (vec){vld1q_f32(from), load_lanes(from + QUAD, count - QUAD, rest)};
}

static inline void vec_store_part(float *to, size_t count, vec value)
{
    if (count < QUAD) {
        store_lanes(to, count, value.low);
    } else {
        vst1q_f32(to, value.low);
        store_lanes(to + QUAD, count - QUAD, value.high);
    }
}

static inline vec vec_add(vec a, vec b)
{
    return (vec){vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)};
}

static inline vec vec_sub(vec a, vec b)
{
    return (vec){vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)};
}

static inline vec vec_mul(vec a, vec b)
{
    return (vec){vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)};
}

static inline vec vec_div(vec a, vec b)
{
    return (vec){vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high)};
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return (vec){vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}

static inline vec vec_select_less(vec a, vec b, vec when_less, vec otherwise)
{
    return (vec){vbslq_f32(vcltq_f32(a.low, b.low), when_less.low, otherwise.low),
                 vbslq_f32(vcltq_f32(a.high, b.high), when_less.high, otherwise.high)};
}

static inline bool vec_any_not_above(vec a, vec limit)
{
    return vminvq_u32(vandq_u32(vcgtq_f32(a.low, limit.low), vcgtq_f32(a.high, limit.high))) == 0;
}

// Not vminq_f32 and vmaxq_f32: those let a NaN of either side through and put -0 below +0.
static inline vec vec_min(vec a, vec b)
{
    return vec_select_less(a, b, a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return vec_select_less(b, a, a, b);
}

static inline vec vec_abs(vec a)
{
    return (vec){vabsq_f32(a.low), vabsq_f32(a.high)};
}

static inline vec vec_copysign(vec magnitude, vec sign)
{
    const uint32x4_t SIGN = vdupq_n_u32(0x80000000u);
    return (vec){vbslq_f32(SIGN, sign.low, magnitude.low),
                 vbslq_f32(SIGN, sign.high, magnitude.high)};
}

static inline float32x4_t scale_quad(float32x4_t p, float32x4_t n)
{
    const int32x4_t BIAS = vdupq_n_s32(127);
    int32x4_t power = vcvtq_s32_f32(n);
    int32x4_t half = vshrq_n_s32(power, 1);
    int32x4_t first = vshlq_n_s32(vaddq_s32(half, BIAS), 23);
    int32x4_t second = vshlq_n_s32(vaddq_s32(vsubq_s32(power, half), BIAS), 23);
    return vmulq_f32(vmulq_f32(p, vreinterpretq_f32_s32(first)), vreinterpretq_f32_s32(second));
}

static inline vec vec_scale_power(vec p, vec n)
{
    return (vec){scale_quad(p.low, n.low), scale_quad(p.high, n.high)};
}

static inline float vec_fold_lanes(const vec lane[2])
{
    vec eight = vec_add(lane[0], lane[1]);
    float32x4_t four = vaddq_f32(eight.low, eight.high);
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

static inline float vec_top(vec a)
{
    return vmaxvq_f32(vmaxq_f32(a.low, a.high));
}

static inline float32x4_t load_row(size_t count, const float *in, size_t ld, size_t j)
{
    return j < count ? vld1q_f32(in + j * ld) : vdupq_n_f32(0.0f);
}

/// The lower or the upper halves of two registers, side by side.
static inline float32x4_t join_low(float32x4_t a, float32x4_t b)
{
    return vcombine_f32(vget_low_f32(a), vget_low_f32(b));
}

static inline float32x4_t join_high(float32x4_t a, float32x4_t b)
{
    return vcombine_f32(vget_high_f32(a), vget_high_f32(b));
}

static inline __attribute__((always_inline)) void
transpose_by_four(size_t count, const float *in, size_t ld, float *out, size_t width)
{
    float32x4_t row_0 = load_row(count, in, ld, 0);
    float32x4_t row_1 = load_row(count, in, ld, 1);
    float32x4_t row_2 = load_row(count, in, ld, 2);
    float32x4_t row_3 = load_row(count, in, ld, 3);
    float32x4x2_t pair_01 = vtrnq_f32(row_0, row_1); // k = 0 and 2, then 1 and 3
    float32x4x2_t pair_23 = vtrnq_f32(row_2, row_3);
    vst1q_f32(out, join_low(pair_01.val[0], pair_23.val[0]));
    vst1q_f32(out + width, join_low(pair_01.val[1], pair_23.val[1]));
    vst1q_f32(out + 2 * width, join_high(pair_01.val[0], pair_23.val[0]));
    vst1q_f32(out + 3 * width, join_high(pair_01.val[1], pair_23.val[1]));
}

#define VECTOR_SET nj_kernels_neon
#define VECTOR_SET_NAME "neon"
#define VECTOR_BURST nj_fma_burst_neon
#include "common/math/kernels_vector.inc.c"
