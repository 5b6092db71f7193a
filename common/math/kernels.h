// kernels.h - the arithmetic of the engine: the contract that every set of kernels keeps.
//
// kernels_ref.c is the law: plain loops anyone can check. Every other set is proved against it.
//
// Layout    row-major float32. `ld*` is the distance between rows in floats, >= the row's length. Padding between the end of
//           a row and the next is neither read as a value nor written.
// Aliasing  outputs overlap no input, except where a function says "in place".
// Sizes     any size is legal; zero rows or columns do nothing (K = 0 gives zeros).
//
// Numeric class "exact". Sets that name it give the same bits as kernels_ref.c for every element, whatever the tile, the batch
// or the instruction set:
//   - a product element is one chain over k ascending, acc = fma(a[k], b[k], acc) from acc = +0; `accumulate` then adds
//     it to what C holds with one rounded addition: C = C + acc;
//   - a sum over a row of n values uses 16 lanes: lane j takes elements j, j+16, j+32, ... in order (from +0); then lanes fold
//     as a tree: lane[j] += lane[j+8] (j<8), then +4, +2, +1;
//   - a maximum is exact in any order; exp, log and tanh are the polynomials of vecmath.h, written with fma().
// OpenBLAS is a class of its own: its bits may change with M. Sets of the precisions int8 and bf16 round the factors of linear,
// linear_many and linear_transposed (int8.h, kernels_bf16.inc.c); all else in them is the fastest exact set's. What each class
// promises stands in schemas/numeric_class.def.
//
// NaN       an input that is NaN is outside the contract, but no set hides it: relu, gated_gelu, gated_silu, softmax and products pass it on.
// Scratch   no set allocates; matmul_nt, matmul_nn and matmul_tn use at most 48 KiB of stack, the linears of int8 and bf16 at most 80 KiB. All
//           functions may run on several threads at once.
// Speed     matmul_nt transposes B at each call; where the same B serves many calls, matmul_nn on a stored transpose is faster. matmul_nn copies what is behind the last
//           16 columns of B: an N that is a multiple of 16 copies nothing.
// Proof     tests/unit/math/test_products.c, test_rows.c, test_heads.c, test_fused.c, test_nearest.c, test_drop.c; tests/cross for other CPUs
#ifndef NJ_MATH_KERNELS_H
#define NJ_MATH_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"

// What nj_kernels_select knows, for help texts.
#define NJ_KERNELS_KNOWN                                                                           \
    "auto, ref, openblas, portable, neon, avx2, avx512, int8-ref, int8-avx2, int8-avxvnni, "       \
    "int8-vnni, int8-amx, bf16-avx512, bf16-amx"

// A weight matrix as the model stores it (HuggingFace Linear: [out, in]), and the set's own packing of it.
typedef struct {
    const float *weight; // [N, K] contiguous, borrowed from the bundle
    const void *
        packed; // this set's layout, in memory that linear_pack was given; NULL when the set needs none
    size_t N; // outputs
    size_t K; // inputs
} nj_linear;

// Which values are dropped is a function of the key and of their places alone, so that a backward pass finds them again.
typedef struct {
    uint64_t key;
    uint32_t threshold; // 0..65535: a value is dropped when its 16 random bits are below
    float scale;        // of those that stay
} nj_drop;

typedef struct {
    const char *name;          // a name of NJ_KERNELS_KNOWN: the value of --kernels
    const char *precision;     // of its products with weights: the value of --precision
    const char *numeric_class; // "exact", or another of schemas/numeric_class.def, or the set's own

    /// Bytes that linear_pack needs for an [N, K] weight; 0 when the set reads `weight` itself, SIZE_MAX when the
    /// number does not fit.
    size_t (*linear_pack_bytes)(size_t N, size_t K);
    /// Fills `memory` (aligned to 64, linear_pack_bytes long) and sets linear->packed.
    void (*linear_pack)(nj_linear *linear, void *memory);

    /// Y[M, N] = X[M, K] * weight^T, plus Y itself when `accumulate`.
    void (*linear)(size_t M, const float *X, size_t ldx, const nj_linear *linear, bool accumulate,
                   float *Y, size_t ldy);
    /// Ys[i][M, N_i] = X[M, K] * weight_i^T for every i < count: what several `linear` calls give, for less where a set
    /// prepares X first. All have the same K, all outputs the row stride ldy.
    void (*linear_many)(size_t M, const float *X, size_t ldx, size_t count,
                        const nj_linear *const *linears, float *const *Ys, size_t ldy);
    /// Y[N, M] = weight * X[M, K]^T: the elements of `linear`, transposed.
    void (*linear_transposed)(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                              float *Y, size_t ldy);
    bool packs_transposed; // linear_transposed reads `packed`; else `weight`, and needs no packing

    /// C[M, N] = A[M, K] * B[N, K]^T: attention scores (no scaling).
    void (*matmul_nt)(size_t M, size_t N, size_t K, const float *A, size_t lda, const float *B,
                      size_t ldb, float *C, size_t ldc);
    /// C[M, N] = A[M, K] * B[K, N]: attention mixing.
    void (*matmul_nn)(size_t M, size_t N, size_t K, const float *A, size_t lda, const float *B,
                      size_t ldb, float *C, size_t ldc);
    /// C[M, N] += A[K, M]^T * B[K, N], each chain beginning with what C holds: the gradient of a weight.
    void (*matmul_tn)(size_t M, size_t N, size_t K, const float *A, size_t lda, const float *B,
                      size_t ldb, float *C, size_t ldc);

    /// Attention of one row over T positions, the first half: scores[h * ld + t] = sum over e of q[h * E + e] * keys[t][h * E + e];
    /// each product is rounded, then summed like a row.
    void (*head_scores)(size_t T, size_t H, size_t E, const float *q, const float *const *keys,
                        float *scores, size_t ld);
    /// The second half: out[h * E + e] = sum over t of weights[h * ld + t] * values[t][h * E + e], t ascending from +0; each
    /// product is rounded, then added.
    void (*head_mix)(size_t T, size_t H, size_t E, const float *weights, size_t ld,
                     const float *const *values, float *out);

    /// Each row becomes softmax(row), in place. Rows have at least one column; values are finite or -inf (not all -inf).
    void (*softmax)(size_t rows, size_t columns, float *X, size_t ldx);
    /// out[r] = log(sum(exp(X[r, :]))), with the maximum taken out first.
    void (*log_sum_exp)(size_t rows, size_t columns, const float *X, size_t ldx, float *out);
    /// Y = X / sqrt(mean(X^2) + epsilon) * weight, row by row (T5 norm: no mean is taken off, no bias). Y may be X.
    void (*rms_norm)(size_t rows, size_t D, const float *X, size_t ldx, const float *weight,
                     float epsilon, float *Y, size_t ldy);
    /// Y = (X - mean(X)) / sqrt(mean((X - mean(X))^2) + epsilon) * weight + bias, row by row: with d = X - mean, the squares are summed by fma
    /// and Y = fma(d * factor, weight, bias). Y may be X.
    void (*layer_norm)(size_t rows, size_t D, const float *X, size_t ldx, const float *weight,
                       const float *bias, float epsilon, float *Y, size_t ldy);
    /// X = max(X, 0) in place.
    void (*relu)(size_t rows, size_t columns, float *X, size_t ldx);
    /// X = gelu_new(X) * gate, in place in X: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) * gate.
    void (*gated_gelu)(size_t rows, size_t columns, float *X, size_t ldx, const float *gate,
                       size_t ldg);
    /// X = silu(X) * gate, in place in X: x / (1 + exp(-x)) * gate.
    void (*gated_silu)(size_t rows, size_t columns, float *X, size_t ldx, const float *gate,
                       size_t ldg);
    /// X = gelu(X + bias), in place, the same bias[columns] for every row; gelu(x) = x times the normal distribution's function (nj_gelu_erf).
    void (*bias_gelu)(size_t rows, size_t columns, const float *bias, float *X, size_t ldx);
    /// Y += bias[columns], the same for every row.
    void (*add_bias)(size_t rows, size_t columns, const float *bias, float *Y, size_t ldy);
    /// Y += X, row by row.
    void (*add)(size_t rows, size_t columns, const float *X, size_t ldx, float *Y, size_t ldy);
    /// X *= factor in place.
    void (*scale)(size_t rows, size_t columns, float factor, float *X, size_t ldx);

    /// Y[i] = X[i] * scale, or +0 where dropped, for i < count; Y may be X. Value i has the lower half of nj_drop_bits(key, i / 32 * 16 + i % 16)
    /// where i % 32 < 16, else the upper half (drop.h).
    void (*drop)(size_t count, const nj_drop *drop, const float *X, float *Y);
    /// From rows of P, results of softmax, and the derivatives D by them, in D those by what softmax was given: P * (D - sum(P * D)), each
    /// product rounded.
    void (*softmax_backward)(size_t rows, size_t columns, const float *P, size_t ldp, float *D,
                             size_t ldd);

    /// scores[k] = (terms[0][k] - 2 * products[k]) + terms[1][k] + ... in this order, each step rounded, for k < n; term_count >= 1.
    /// Returns the least score, passing over NaN; infinity where there is none. scores may be products. A sum of zeros may have either sign.
    float (*screen)(size_t n, const float *products, const float *const *terms, size_t term_count,
                    float *scores);
    /// Writes every k < n whose value is not above the limit, NaN included, to out[n] in ascending order; returns how many.
    size_t (*find_not_above)(size_t n, const float *values, float limit, uint32_t *out);
    /// The sum of (a[i] - b[i])^2 over i < n in float64: 16 lanes as in a row's sum, each product rounded. `out` (nullable, may
    /// be a) gets a[i] - b[i].
    double (*difference)(size_t n, const double *a, const float *b, double *out);
} nj_kernels;

/// The set called `name`, or for "auto" the fastest of class "exact" that this CPU runs. NJ_USAGE names the known sets;
/// NJ_CONFIG says which CPU feature is missing. Borrowed for ever.
NJ_CHECKED nj_status nj_kernels_select(const char *name, const nj_kernels **out, nj_error *err);

/// The same among the sets of one precision: "auto" is the fastest of them. NJ_USAGE names both when the set is of another.
NJ_CHECKED nj_status nj_kernels_choose(const char *precision, const char *name,
                                       const nj_kernels **out, nj_error *err);

/// Set number `index` of all that this CPU runs, NULL behind the last: tests and benchmarks visit each.
const nj_kernels *nj_kernels_at(size_t index);

/// What linear_pack_bytes consumes of an arena; SIZE_MAX when that does not fit.
size_t nj_linear_pack_cost(const nj_kernels *kernels, size_t N, size_t K);

#endif
