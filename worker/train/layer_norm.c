#include "worker/train/layer_norm.h"

#include <math.h>

#define LANES 16

static float fold_lanes(float lanes[LANES])
{
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t j = 0; j < half; j++) {
            lanes[j] += lanes[j + half];
        }
    }
    return lanes[0];
}

static float mean_of(size_t D, const float *x)
{
    float lanes[LANES] = {0};
    const size_t whole = D - D % LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            lanes[j] += x[i + j];
        }
    }
    for (size_t i = whole; i < D; i++) {
        lanes[i - whole] += x[i];
    }
    return fold_lanes(lanes) / (float)D;
}

static float mean_of_products(size_t D, const float *a, const float *b)
{
    float lanes[LANES] = {0};
    const size_t whole = D - D % LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            lanes[j] += a[i + j] * b[i + j];
        }
    }
    for (size_t i = whole; i < D; i++) {
        lanes[i - whole] += a[i] * b[i];
    }
    return fold_lanes(lanes) / (float)D;
}

void nj_layer_norm(size_t rows, size_t D, const float *x, const float *weight, const float *bias,
                   float epsilon, float *hat, float *inverse, float *out)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = hat + r * D;
        const float mean = mean_of(D, x + r * D);
        for (size_t d = 0; d < D; d++) {
            row[d] = x[r * D + d] - mean;
        }
        inverse[r] = 1.0f / sqrtf(mean_of_products(D, row, row) + epsilon);
        for (size_t d = 0; d < D; d++) {
            row[d] *= inverse[r];
            out[r * D + d] = row[d] * weight[d] + bias[d];
        }
    }
}

// With g = dout * weight: dx = inverse * (g - mean(g) - hat * mean(g * hat)).
void nj_layer_norm_backward(size_t rows, size_t D, const float *hat, const float *inverse,
                            const float *weight, const float *dout, float *dweight, float *dbias,
                            bool accumulate, float *dx)
{
    for (size_t r = 0; r < rows; r++) {
        const float *row = hat + r * D;
        const float *g = dout + r * D;
        float *to = dx + r * D;
        const float mean = mean_of_products(D, g, weight);
        float lanes[LANES] = {0};
        for (size_t d = 0; d < D; d++) {
            lanes[d % LANES] += g[d] * weight[d] * row[d];
        }
        const float along = fold_lanes(lanes) / (float)D;
        for (size_t d = 0; d < D; d++) {
            dweight[d] += g[d] * row[d];
            dbias[d] += g[d];
            const float change = inverse[r] * (g[d] * weight[d] - mean - row[d] * along);
            to[d] = accumulate ? to[d] + change : change;
        }
    }
}
