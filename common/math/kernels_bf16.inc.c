// kernels_bf16.inc.c - what the bf16 sets share: rows and weights rounded to bf16, halves to even.
//
// Each set is a numeric class of its own: the order in which an element is summed is the instruction's (kernels_bf16_*.c say it), and
// the instructions take denormal inputs and results as 0. It is the same for every row, whatever the batch. Each NJ_BF16_SEGMENT
// values of K are a product of their own; the second and later are accumulated in order.
#include "common/base/checked.h"
#include "common/math/narrow.h"
#include "common/math/zmm.h"

#define NJ_BF16_SEGMENT 2048
#define SEGMENT NJ_BF16_SEGMENT
#define SCALES_BYTES 0

typedef uint16_t code;
typedef uint16_t weight_code;

// Neither a row nor an output of bf16 needs a scale.
typedef struct {
    char none;
} row_scale;

typedef row_scale output_terms;

static inline output_terms load_terms(const uint8_t *scales)
{
    (void)scales;
    return (output_terms){0};
}

static inline void encode_first(const float *x, size_t count, code *codes)
{
    __m512 value = floats_load_first(x, count, 0.0f);
    _mm256_storeu_si256((void *)codes, (__m256i)_mm512_cvtneps_pbh(value));
}

static inline row_scale encode_row(size_t K, size_t padded, const float *x, code *codes)
{
    for (size_t k = 0; k < padded; k += FLOATS) {
        if (k < K) {
            encode_first(x + k, K - k, codes + k);
        } else {
            _mm256_storeu_si256((void *)(codes + k), _mm256_setzero_si256());
        }
    }
    return (row_scale){0};
}

static void encode_panel(size_t columns, size_t K, size_t padded, const float *weight, size_t ld,
                         uint8_t *out)
{
    enum { GROUP_CODES = GROUP_BYTES / sizeof(weight_code) };
    weight_code *codes = (void *)out;
    memset(out, 0, padded / GROUP_CODES * LINE_BYTES);
    for (size_t n = 0; n < columns; n++) {
        for (size_t first = 0; first < K; first += FLOATS) {
            weight_code rounded[FLOATS];
            encode_first(weight + n * ld + first, K - first, rounded);
            for (size_t k = first; k < K && k < first + FLOATS; k++) {
                codes[k / GROUP_CODES * PANEL * GROUP_CODES + n * GROUP_CODES + k % GROUP_CODES] =
                    rounded[k - first];
            }
        }
    }
}
