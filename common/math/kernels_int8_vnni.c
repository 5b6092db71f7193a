// kernels_int8_vnni.c - the class "int8" on AVX-512 VNNI: vpdpbusd adds 4 products of uint8 and int8 exactly to a sum.
//
// 24 sums, 2 lines of weights and 1 group of X fill 27 of the 32 registers.
#include "common/math/kernels_int8_zmm.inc.c"

#define TILE_ROWS 12

typedef __m512i sums;
typedef __m512i sums_line;

static inline sums sums_zero(void)
{
    return _mm512_setzero_si512();
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

static inline sums sums_dot(sums sum, sums_line group, sums_line line)
{
    return _mm512_dpbusd_epi32(sum, group, line);
}

static inline void store_sums(bool accumulate, const row_scale *row, const uint8_t *scales,
                              sums sum, float *C, size_t count)
{
    store_elements(accumulate, row, (const void *)scales, sum, C, count);
}

#define WINDOW_TEXT "common/math/kernels_narrow_registers.inc.c"
#define NARROW_OVER nj_kernels_int8_vnni_over
#define NARROW_CLASS NJ_INT8_CLASS
#include "common/math/kernels_narrow.inc.c"
