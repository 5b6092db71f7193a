// kernels_ref.c - the law: every function of kernels.h as the plainest loop that keeps the order of the class "exact".
//
// Nothing here is written for speed. A fast set is right when it gives these bits.
#include <math.h>

#include "common/math/drop.h"
#include "common/math/kernels_sets.h"
#include "common/math/vecmath.h"

#define LANES 16 // of a row sum

static size_t pack_nothing_bytes(size_t N, size_t K)
{
    (void)N;
    (void)K;
    return 0;
}

static void pack_nothing(nj_linear *linear, void *memory)
{
    (void)memory;
    linear->packed = NULL;
}

/// One element of a product: a[k] and b[k * stride], k ascending.
static float chain(size_t K, const float *a, const float *b, size_t stride)
{
    float acc = 0.0f;
    for (size_t k = 0; k < K; k++) {
        acc = fmaf(a[k], b[k * stride], acc);
    }
    return acc;
}

static void ref_linear(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                       bool accumulate, float *Y, size_t ldy)
{
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < linear->N; n++) {
            float acc = chain(linear->K, X + m * ldx, linear->weight + n * linear->K, 1);
            Y[m * ldy + n] = accumulate ? Y[m * ldy + n] + acc : acc;
        }
    }
}

static void ref_linear_many(size_t M, const float *X, size_t ldx, size_t count,
                            const nj_linear *const *linears, float *const *Ys, size_t ldy)
{
    for (size_t i = 0; i < count; i++) {
        ref_linear(M, X, ldx, linears[i], false, Ys[i], ldy);
    }
}

static void ref_linear_transposed(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                                  float *Y, size_t ldy)
{
    for (size_t n = 0; n < linear->N; n++) {
        for (size_t m = 0; m < M; m++) {
            Y[n * ldy + m] = chain(linear->K, X + m * ldx, linear->weight + n * linear->K, 1);
        }
    }
}

static void ref_matmul_nt(size_t M, size_t N, size_t K, const float *A, size_t lda, const float *B,
                          size_t ldb, float *C, size_t ldc)
{
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            C[m * ldc + n] = chain(K, A + m * lda, B + n * ldb, 1);
        }
    }
}

static void ref_matmul_nn(size_t M, size_t N, size_t K, const float *A, size_t lda, const float *B,
                          size_t ldb, float *C, size_t ldc)
{
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            C[m * ldc + n] = chain(K, A + m * lda, B + n, ldb);
        }
    }
}

static void ref_matmul_tn(size_t M, size_t N, size_t K, const float *A, size_t lda, const float *B,
                          size_t ldb, float *C, size_t ldc)
{
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            for (size_t k = 0; k < K; k++) {
                C[m * ldc + n] = fmaf(A[k * lda + m], B[k * ldb + n], C[m * ldc + n]);
            }
        }
    }
}

static float fold_lanes(float lane[LANES])
{
    for (size_t width = LANES / 2; width > 0; width /= 2) {
        for (size_t j = 0; j < width; j++) {
            lane[j] += lane[j + width];
        }
    }
    return lane[0];
}

static float find_maximum(size_t columns, const float *row)
{
    float maximum = -INFINITY;
    for (size_t i = 0; i < columns; i++) {
        maximum = row[i] > maximum ? row[i] : maximum;
    }
    return maximum;
}

static void ref_head_scores(size_t T, size_t H, size_t E, const float *q, const float *const *keys,
                            float *scores, size_t ld)
{
    for (size_t t = 0; t < T; t++) {
        for (size_t h = 0; h < H; h++) {
            float lane[LANES] = {0.0f};
            for (size_t e = 0; e < E; e++) {
                float product = q[h * E + e] * keys[t][h * E + e];
                lane[e % LANES] += product;
            }
            scores[h * ld + t] = fold_lanes(lane);
        }
    }
}

static void ref_head_mix(size_t T, size_t H, size_t E, const float *weights, size_t ld,
                         const float *const *values, float *out)
{
    for (size_t h = 0; h < H; h++) {
        for (size_t e = 0; e < E; e++) {
            float sum = 0.0f;
            for (size_t t = 0; t < T; t++) {
                float product = weights[h * ld + t] * values[t][h * E + e];
                sum += product;
            }
            out[h * E + e] = sum;
        }
    }
}

static void ref_softmax(size_t rows, size_t columns, float *X, size_t ldx)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = X + r * ldx;
        float maximum = find_maximum(columns, row);
        float lane[LANES] = {0.0f};
        for (size_t i = 0; i < columns; i++) {
            row[i] = nj_exp(row[i] - maximum);
            lane[i % LANES] += row[i];
        }
        float factor = 1.0f / fold_lanes(lane);
        for (size_t i = 0; i < columns; i++) {
            row[i] *= factor;
        }
    }
}

static void ref_log_sum_exp(size_t rows, size_t columns, const float *X, size_t ldx, float *out)
{
    for (size_t r = 0; r < rows; r++) {
        const float *row = X + r * ldx;
        float maximum = find_maximum(columns, row);
        float lane[LANES] = {0.0f};
        for (size_t i = 0; i < columns; i++) {
            lane[i % LANES] += nj_exp(row[i] - maximum);
        }
        out[r] = maximum + nj_log(fold_lanes(lane));
    }
}

static void ref_rms_norm(size_t rows, size_t D, const float *X, size_t ldx, const float *weight,
                         float epsilon, float *Y, size_t ldy)
{
    for (size_t r = 0; r < rows; r++) {
        const float *x = X + r * ldx;
        float lane[LANES] = {0.0f};
        for (size_t i = 0; i < D; i++) {
            lane[i % LANES] = fmaf(x[i], x[i], lane[i % LANES]);
        }
        float factor = 1.0f / sqrtf(fold_lanes(lane) / (float)D + epsilon);
        for (size_t i = 0; i < D; i++) {
            Y[r * ldy + i] = x[i] * factor * weight[i];
        }
    }
}

static void ref_layer_norm(size_t rows, size_t D, const float *X, size_t ldx, const float *weight,
                           const float *bias, float epsilon, float *Y, size_t ldy)
{
    for (size_t r = 0; r < rows; r++) {
        const float *x = X + r * ldx;
        float lane[LANES] = {0.0f};
        for (size_t i = 0; i < D; i++) {
            lane[i % LANES] += x[i];
        }
        float mean = fold_lanes(lane) / (float)D;
        float square[LANES] = {0.0f};
        for (size_t i = 0; i < D; i++) {
            float d = x[i] - mean;
            square[i % LANES] = fmaf(d, d, square[i % LANES]);
        }
        float factor = 1.0f / sqrtf(fold_lanes(square) / (float)D + epsilon);
        for (size_t i = 0; i < D; i++) {
            float scaled = (x[i] - mean) * factor;
            Y[r * ldy + i] = fmaf(scaled, weight[i], bias[i]);
        }
    }
}

static void ref_relu(size_t rows, size_t columns, float *X, size_t ldx)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            float x = X[r * ldx + i];
            X[r * ldx + i] = x < 0.0f ? 0.0f : x; // NaN stays to be seen
        }
    }
}

static void ref_gated_gelu(size_t rows, size_t columns, float *X, size_t ldx, const float *gate,
                           size_t ldg)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            X[r * ldx + i] = nj_gelu(X[r * ldx + i]) * gate[r * ldg + i];
        }
    }
}

static void ref_gated_silu(size_t rows, size_t columns, float *X, size_t ldx, const float *gate,
                           size_t ldg)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            X[r * ldx + i] = nj_silu(X[r * ldx + i]) * gate[r * ldg + i];
        }
    }
}

static void ref_bias_gelu(size_t rows, size_t columns, const float *bias, float *X, size_t ldx)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            X[r * ldx + i] = nj_gelu_erf(X[r * ldx + i] + bias[i]);
        }
    }
}

static void ref_add_bias(size_t rows, size_t columns, const float *bias, float *Y, size_t ldy)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            Y[r * ldy + i] += bias[i];
        }
    }
}

static void ref_add(size_t rows, size_t columns, const float *X, size_t ldx, float *Y, size_t ldy)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            Y[r * ldy + i] += X[r * ldx + i];
        }
    }
}

static void ref_scale(size_t rows, size_t columns, float factor, float *X, size_t ldx)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < columns; i++) {
            X[r * ldx + i] *= factor;
        }
    }
}

static void ref_drop(size_t count, const nj_drop *drop, const float *X, float *Y)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t both = nj_drop_bits(drop->key, (uint32_t)(i / (2 * LANES) * LANES + i % LANES));
        uint32_t bits = i % (2 * LANES) < LANES ? both & 0xffff : both >> 16;
        Y[i] = bits < drop->threshold ? 0.0f : X[i] * drop->scale;
    }
}

static void ref_softmax_backward(size_t rows, size_t columns, const float *P, size_t ldp, float *D,
                                 size_t ldd)
{
    for (size_t r = 0; r < rows; r++) {
        const float *p = P + r * ldp;
        float *d = D + r * ldd;
        float lane[LANES] = {0.0f};
        for (size_t i = 0; i < columns; i++) {
            float product = p[i] * d[i];
            lane[i % LANES] += product;
        }
        float mean = fold_lanes(lane);
        for (size_t i = 0; i < columns; i++) {
            d[i] = p[i] * (d[i] - mean);
        }
    }
}

static float ref_screen(size_t n, const float *products, const float *const *terms,
                        size_t term_count, float *scores)
{
    float least = INFINITY;
    for (size_t k = 0; k < n; k++) {
        float score = terms[0][k] - 2.0f * products[k];
        for (size_t t = 1; t < term_count; t++) {
            score += terms[t][k];
        }
        scores[k] = score;
        least = score < least ? score : least;
    }
    return least;
}

static size_t ref_find_not_above(size_t n, const float *values, float limit, uint32_t *out)
{
    size_t count = 0;
    for (size_t k = 0; k < n; k++) {
        if (!(values[k] > limit)) {
            out[count++] = (uint32_t)k;
        }
    }
    return count;
}

static double ref_difference(size_t n, const double *a, const float *b, double *out)
{
    double lane[LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        double difference = a[i] - (double)b[i];
        lane[i % LANES] += difference * difference;
        if (out != NULL) {
            out[i] = difference;
        }
    }
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t j = 0; j < half; j++) {
            lane[j] += lane[j + half];
        }
    }
    return lane[0];
}

const nj_kernels nj_kernels_ref = {
    .name = "ref",
    .precision = "float32",
    .numeric_class = "exact",
    .linear_pack_bytes = pack_nothing_bytes,
    .linear_pack = pack_nothing,
    .linear = ref_linear,
    .linear_many = ref_linear_many,
    .linear_transposed = ref_linear_transposed,
    .matmul_nt = ref_matmul_nt,
    .matmul_nn = ref_matmul_nn,
    .matmul_tn = ref_matmul_tn,
    .head_scores = ref_head_scores,
    .head_mix = ref_head_mix,
    .softmax = ref_softmax,
    .log_sum_exp = ref_log_sum_exp,
    .rms_norm = ref_rms_norm,
    .layer_norm = ref_layer_norm,
    .relu = ref_relu,
    .gated_gelu = ref_gated_gelu,
    .gated_silu = ref_gated_silu,
    .bias_gelu = ref_bias_gelu,
    .add_bias = ref_add_bias,
    .add = ref_add,
    .scale = ref_scale,
    .drop = ref_drop,
    .softmax_backward = ref_softmax_backward,
    .screen = ref_screen,
    .find_not_above = ref_find_not_above,
    .difference = ref_difference,
};
