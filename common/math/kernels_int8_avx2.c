// kernels_int8_avx2.c - the class "int8" on AVX2: codes of two bytes, because vpmaddubsw would saturate what 8 bits make; vpmaddwd
// adds 2 products exactly. As fast as float32 here, no faster: for machines that must help in a night of the class.
#include "common/math/narrow.h"
#include "common/math/ymm.h"

typedef uint16_t code;
typedef int16_t weight_code;

/// The codes of 4 registers. Packing joins the halves of its operands: the permutation puts them back into their places.
static inline void store_codes(code *codes, const floats x[4])
{
    for (size_t i = 0; i < 4; i += 2) {
        __m256i words = _mm256_packus_epi32(_mm256_cvtps_epi32(x[i]), _mm256_cvtps_epi32(x[i + 1]));
        _mm256_storeu_si256((void *)(codes + i * FLOATS), _mm256_permute4x64_epi64(words, 0xd8));
    }
}

static inline __m256i sums_dot(__m256i sum, __m256i group, __m256i line)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(group, line));
}

#define NARROW_OVER nj_kernels_int8_avx2_over
#include "common/math/kernels_int8_ymm.inc.c"
