// kernels_int8_avxvnni.c - the class "int8" on AVX-VNNI: vpdpbusd on 256 bits, for CPUs without AVX-512.
#include "common/math/narrow.h"
#include "common/math/ymm.h"

typedef uint8_t code;
typedef int8_t weight_code;

/// The codes of 8 registers. Packing joins the halves of its operands: `order` puts the groups back into their places.
static inline void store_codes(code *codes, const floats x[8])
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    for (size_t i = 0; i < 8; i += 4) {
        __m256i low = _mm256_packs_epi32(_mm256_cvtps_epi32(x[i]), _mm256_cvtps_epi32(x[i + 1]));
        __m256i high =
            _mm256_packs_epi32(_mm256_cvtps_epi32(x[i + 2]), _mm256_cvtps_epi32(x[i + 3]));
        __m256i bytes = _mm256_packus_epi16(low, high); // NaN was INT_MIN: 0
        _mm256_storeu_si256((void *)(codes + i * FLOATS),
                            _mm256_permutevar8x32_epi32(bytes, order));
    }
}

/// As in kernels_int8_vnni.c: the intrinsic keeps gcc 12 moving registers.
static inline __m256i sums_dot(__m256i sum, __m256i group, __m256i line)
{
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(group), "x"(line));
    return sum;
}

#define NARROW_OVER nj_kernels_int8_avxvnni_over
#include "common/math/kernels_int8_ymm.inc.c"
