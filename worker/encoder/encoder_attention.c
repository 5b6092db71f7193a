#include <math.h>

#include "worker/encoder/encoder_internal.h"

// Keys of one head as columns, so that queries multiply them as they lie; those behind the last are 0.
static void turn_keys(const nj_encoder *encoder, const nj_encoder_scratch *scratch, size_t first,
                      size_t S, size_t head)
{
    const size_t E = encoder->config.E;
    const size_t columns = nj_encoder_columns(S);
    for (size_t e = 0; e < E; e++) {
        const float *from = scratch->k + first * encoder->D_row + head * E + e;
        float *to = scratch->keys + e * columns;
        for (size_t t = 0; t < S; t++) {
            to[t] = from[t * encoder->D_row];
        }
        for (size_t t = S; t < columns; t++) {
            to[t] = 0.0f;
        }
    }
}

void nj_encoder_attend(const nj_encoder *encoder, const nj_encoder_scratch *scratch, size_t first,
                       size_t S)
{
    const nj_kernels *kernels = encoder->kernels;
    const size_t E = encoder->config.E;
    const size_t ld = encoder->D_row;
    const size_t columns = nj_encoder_columns(S);
    const float factor = 1.0f / sqrtf((float)E);
    for (size_t h = 0; h < encoder->config.H; h++) {
        float *q = scratch->q + first * ld + h * E;
        const float *v = scratch->v + first * ld + h * E;
        turn_keys(encoder, scratch, first, S, h);
        kernels->matmul_nn(S, columns, E, q, ld, scratch->keys, columns, scratch->scores, columns);
        kernels->scale(S, S, factor, scratch->scores, columns);
        kernels->softmax(S, S, scratch->scores, columns);
        kernels->matmul_nn(S, E, S, scratch->scores, columns, v, ld, q, ld);
    }
}
