// kernels_bf16_avx512.c - the class "bf16-avx512": vdpbf16ps adds two products to a float32 sum.
//
// Order  one sum an element, from +0, by pairs of k ascending; of a pair the instruction adds the second product, then the first, each
//        rounded to even, denormals as 0 (Intel SDM, VDPBF16PS). The test compares with that order: a CPU of AMD's Zen 5 class keeps
//        it too. No other has been asked, so the class promises equal bits on equal CPUs only (schemas/numeric_class.def).
// Proof  tests/unit/math/test_bf16.c
#include "common/math/kernels_bf16.inc.c"

#define TILE_ROWS 12

typedef __m512 sums;
typedef __m512i sums_line;

static inline sums sums_zero(void)
{
    return _mm512_setzero_ps();
}

static inline sums_line load_line(const uint8_t *line)
{
    return _mm512_loadu_si512(line);
}

static inline sums_line spread_group(const uint8_t *group)
{
    int32_t bytes;
    memcpy(&bytes, group, sizeof bytes);
    return _mm512_set1_epi32(bytes);
}

/// As in kernels_int8_vnni.c: the intrinsic keeps gcc 12 moving registers.
static inline sums sums_dot(sums sum, sums_line group, sums_line line)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(group), "v"(line));
    return sum;
}

static inline void store_sums(lanes_put lanes, const row_scale *row, const output_terms *output,
                              sums sum, float *C)
{
    (void)row;
    (void)output;
    floats_put(lanes, C, sum);
}

#define WINDOW_TEXT "common/math/kernels_narrow_registers.inc.c"
#define NARROW_OVER nj_kernels_bf16_avx512_over
#define NARROW_CLASS "bf16-avx512"
#include "common/math/kernels_narrow.inc.c"
