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

/// The intrinsic would do, but gcc 12 moves every sum out of its register and back around it: a third of the speed.
static inline sums sums_dot(sums sum, sums_line group, sums_line line)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(group), "v"(line));
    return sum;
}

static inline void store_sums(lanes_put lanes, const row_scale *row, const output_terms *output,
                              sums sum, float *C)
{
    store_elements(lanes, row, output, sum, C);
}

#define WINDOW_TEXT "common/math/kernels_narrow_registers.inc.c"
#define NARROW_OVER nj_kernels_int8_vnni_over
#define NARROW_CLASS NJ_INT8_CLASS
#include "common/math/kernels_narrow.inc.c"
