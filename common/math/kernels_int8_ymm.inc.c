// kernels_int8_ymm.inc.c - the class "int8" in registers of AVX2; the including file has store_codes, `sums_dot` and the code's size.
//
// 12 sums, 2 lines of weights and 1 group of X fill 15 of the 16 registers.
#include "common/math/kernels_int8.inc.c"

#define TILE_ROWS 6

typedef __m256i sums;
typedef __m256i sums_line;

static inline sums sums_zero(void)
{
    return _mm256_setzero_si256();
}

static inline sums_line load_line(const uint8_t *line)
{
    return _mm256_loadu_si256((const void *)line);
}

static inline sums_line spread_group(const uint8_t *group)
{
    int32_t bytes;
    memcpy(&bytes, group, sizeof bytes);
    return _mm256_set1_epi32(bytes);
}

typedef struct {
    __m256 scale;
    __m256 sum;
} output_terms;

/// Of 8 outputs; `scales` are those of the first or of the last 8 of a panel.
static inline output_terms load_terms(const uint8_t *scales)
{
    const float *scale = (const void *)scales;
    return (output_terms){_mm256_loadu_ps(scale), _mm256_loadu_ps(scale + PANEL)};
}

static inline void store_sums(lanes_put lanes, const row_scale *row, const output_terms *output,
                              sums sum, float *C)
{
    __m256 factor = _mm256_mul_ps(floats_set(row->step), output->scale);
    __m256 offset = _mm256_mul_ps(floats_set(row->low), output->sum);
    floats_put(lanes, C, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), factor, offset));
}

#define WINDOW_TEXT "common/math/kernels_narrow_registers.inc.c"
#define NARROW_CLASS NJ_INT8_CLASS
#include "common/math/kernels_narrow.inc.c"
