// kernels_int8_zmm.inc.c - the class "int8" on AVX-512: codes of one byte. For the sets whose sums are VNNI's or AMX's.
#include "common/math/narrow.h"
#include "common/math/zmm.h"

typedef uint8_t code;
typedef int8_t weight_code;

/// The codes of 4 registers. Packing joins the quarters of its operands: `order` puts the groups back into their places.
static inline void store_codes(code *codes, const floats x[4])
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i low = _mm512_packs_epi32(_mm512_cvtps_epi32(x[0]), _mm512_cvtps_epi32(x[1]));
    __m512i high = _mm512_packs_epi32(_mm512_cvtps_epi32(x[2]), _mm512_cvtps_epi32(x[3]));
    __m512i bytes = _mm512_packus_epi16(low, high); // NaN was INT_MIN: 0
    _mm512_storeu_si512(codes, _mm512_permutexvar_epi32(order, bytes));
}

#include "common/math/kernels_int8.inc.c"

typedef struct {
    __m512 scale;
    __m512 sum;
} output_terms;

/// Of 16 outputs; `scales` stand behind the panel's codes.
static inline output_terms load_terms(const uint8_t *scales)
{
    const panel_scales *panel = (const void *)scales;
    return (output_terms){_mm512_loadu_ps(panel->scale), _mm512_loadu_ps(panel->sum)};
}

/// The elements of int8.h of one row, from 16 sums.
static inline void store_elements(lanes_put lanes, const row_scale *row, const output_terms *output,
                                  __m512i sums, float *C)
{
    __m512 factor = _mm512_mul_ps(floats_set(row->step), output->scale);
    __m512 offset = _mm512_mul_ps(floats_set(row->low), output->sum);
    floats_put(lanes, C, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), factor, offset));
}
