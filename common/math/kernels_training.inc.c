// kernels_training.inc.c - what only a backward pass needs: the part of kernels_vector.inc.c about dropout and softmax's derivative.
#include "common/math/drop.h"

typedef uint32_t words __attribute__((vector_size(VEC_FLOATS * sizeof(float))));
typedef int32_t integers __attribute__((vector_size(VEC_FLOATS * sizeof(float))));

/// nj_drop_bits of VEC_FLOATS places.
static inline words drop_words(const nj_drop *drop, words place)
{
    words x = place + (uint32_t)drop->key;
    x = (x ^ x >> 17) * NJ_DROP_MULTIPLY_1;
    x = (x ^ x >> 11 ^ nj_drop_second(drop->key)) * NJ_DROP_MULTIPLY_2;
    x = (x ^ x >> 15) * NJ_DROP_MULTIPLY_3;
    return x ^ x >> 14;
}

/// Bits of 0..65535 against the threshold: signed numbers compare as they are.
static inline vec drop_some(vec x, words bits, const nj_drop *drop)
{
    words kept = (words)((integers)bits >= (int32_t)drop->threshold);
    vec scaled = vec_mul(x, vec_set(drop->scale));
    words pattern; // a vec may be several registers, which no cast turns into one
    memcpy(&pattern, &scaled, sizeof pattern);
    pattern &= kept;
    memcpy(&scaled, &pattern, sizeof scaled);
    return scaled;
}

static void vector_drop(size_t count, const nj_drop *drop, const float *X, float *Y)
{
    words place;
    for (size_t j = 0; j < VEC_FLOATS; j++) {
        place[j] = (uint32_t)j;
    }
    for (size_t i = 0; i < count; i += 2 * LANES) {
        for (size_t v = 0; v < LANE_VECS; v++) {
            words both = drop_words(drop, place + (uint32_t)(i / 2 + v * VEC_FLOATS));
            for (size_t half = 0; half < 2; half++) {
                size_t at = i + half * LANES + v * VEC_FLOATS;
                if (at < count) {
                    words bits = half == 0 ? both & 0xffff : both >> 16;
                    vec x = load_first(X + at, count - at, 0.0f);
                    store_first(Y + at, count - at, drop_some(x, bits, drop));
                }
            }
        }
    }
}

static void vector_softmax_backward(size_t rows, size_t columns, const float *P, size_t ldp,
                                    float *D, size_t ldd)
{
    for (size_t r = 0; r < rows; r++) {
        const float *p = P + r * ldp;
        float *d = D + r * ldd;
        vec mean = vec_set(sum_products(columns, p, d));
        for (size_t i = 0; i < columns; i += VEC_FLOATS) {
            vec x = vec_sub(load_first(d + i, columns - i, 0.0f), mean);
            store_first(d + i, columns - i, vec_mul(load_first(p + i, columns - i, 0.0f), x));
        }
    }
}
