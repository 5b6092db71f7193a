#include "worker/train/rows.h"

#include <math.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/rng.h"

#define LANES 16

// ---- dropout ----

nj_dropout nj_dropout_make(double rate)
{
    uint32_t threshold = (uint32_t)lround(rate * 65536.0);
    threshold = threshold < 65536 ? threshold : 65535;
    return (nj_dropout){threshold, (float)(65536.0 / (65536.0 - threshold))};
}

uint64_t nj_dropout_key(uint64_t seed, uint32_t use)
{
    return nj_rng_mix(nj_rng_mix(seed + NJ_RNG_STEP) + (uint64_t)use * NJ_RNG_STEP);
}

void nj_dropout_apply(const nj_kernels *kernels, nj_dropout dropout, uint64_t key, size_t count,
                      const float *in, float *out)
{
    const nj_drop drop = {key, dropout.threshold, dropout.scale};
    if (dropout.threshold != 0) {
        kernels->drop(count, &drop, in, out);
    } else if (in != out) {
        memcpy(out, in, count * sizeof *out);
    }
}

// ---- moving ----

void nj_rows_transpose(size_t rows, size_t columns, const float *in, size_t ld, float *out)
{
    enum { TILE = 16 };
    for (size_t r = 0; r < rows; r += TILE) {
        size_t r_end = nj_min_size(rows, r + TILE);
        for (size_t c = 0; c < columns; c += TILE) {
            size_t c_end = nj_min_size(columns, c + TILE);
            for (size_t j = c; j < c_end; j++) {
                for (size_t i = r; i < r_end; i++) {
                    out[j * rows + i] = in[i * ld + j];
                }
            }
        }
    }
}

// ---- sums over a row ----

static float fold_lanes(float lanes[LANES])
{
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t j = 0; j < half; j++) {
            lanes[j] += lanes[j + half];
        }
    }
    return lanes[0];
}

static float sum_products(size_t n, const float *a, const float *b)
{
    float lanes[LANES] = {0};
    size_t whole = n - n % LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            lanes[j] += a[i + j] * b[i + j];
        }
    }
    for (size_t i = whole; i < n; i++) {
        lanes[i - whole] += a[i] * b[i];
    }
    return fold_lanes(lanes);
}

// sum of a * b * c
static float sum_triples(size_t n, const float *a, const float *b, const float *c)
{
    float lanes[LANES] = {0};
    size_t whole = n - n % LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            lanes[j] += a[i + j] * b[i + j] * c[i + j];
        }
    }
    for (size_t i = whole; i < n; i++) {
        lanes[i - whole] += a[i] * b[i] * c[i];
    }
    return fold_lanes(lanes);
}

// ---- norm ----

void nj_rows_norm(size_t rows, size_t D, const float *x, const float *weight, float epsilon,
                  float *normed, float *inverse)
{
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * D;
        inverse[r] = 1.0f / sqrtf(sum_products(D, row, row) / (float)D + epsilon);
        for (size_t d = 0; d < D; d++) {
            normed[r * D + d] = row[d] * inverse[r] * weight[d];
        }
    }
}

// With s = inverse: d normed_i / d x_j = s * w_i * (i == j) - s^3 / D * w_i * x_i * x_j.
void nj_rows_norm_backward(size_t rows, size_t D, const float *x, const float *inverse,
                           const float *weight, const float *dnormed, float *dx, float *dweight)
{
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * D;
        const float *dy = dnormed + r * D;
        float s = inverse[r];
        float along = sum_triples(D, row, weight, dy) * s * s * s / (float)D;
        for (size_t d = 0; d < D; d++) {
            dx[r * D + d] += dy[d] * weight[d] * s - row[d] * along;
            dweight[d] += dy[d] * row[d] * s;
        }
    }
}

// ---- activations ----

void nj_rows_relu_backward(size_t count, const float *h, float scale, float *dh)
{
    for (size_t i = 0; i < count; i++) {
        dh[i] *= h[i] > 0.0f ? scale : 0.0f;
    }
}

void nj_rows_gated_gelu_backward(size_t count, const float *u, const float *gate, float *dh,
                                 float *dgate)
{
    const float root = 0.7978845608028654f; // sqrt(2 / pi)
    const float cube = 0.044715f;
    for (size_t i = 0; i < count; i++) {
        float x = u[i];
        float t = tanhf(root * (x + cube * x * x * x));
        float slope =
            0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * root * (1.0f + 3.0f * cube * x * x);
        dgate[i] = dh[i] * 0.5f * x * (1.0f + t);
        dh[i] = dh[i] * gate[i] * slope;
    }
}
