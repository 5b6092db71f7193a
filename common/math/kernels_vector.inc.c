// kernels_vector.inc.c - the exact set over vector registers: one text, included by the file of each set.
//
// The including file defines
//   vec, VEC_FLOATS, TILE_ROWS       a register of floats, how many it holds, how many rows a tile has
//   vec_set, _load, _store           one value in all lanes; unaligned access
//   vec_load_part, vec_store_part    the first `count` < VEC_FLOATS lanes; the rest reads as `fill` and is not touched in memory
//   vec_add, _sub, _mul, _div, _fma  one rounding each
//   vec_min(a, b), vec_max(a, b)     a < b ? a : b, a > b ? a : b: so a NaN in b stays
//   vec_abs, vec_copysign, vec_select_less(a, b, when_less, otherwise)
//   vec_scale_power(p, n)            p * 2^n rounded once, n whole
//   vec_fold_lanes(lane)             the tree of the contract over the 16 lanes: + 8, + 4, + 2, + 1
//   vec_top                          the largest lane
//   vec_any_not_above(a, limit)      whether a lane is not a > limit, as a NaN is not
//   transpose_by_four(count, in, ld, out, width), TRANSPOSE_COLUMNS   VEC_FLOATS or a part of it
//                                    out[k * width + j] = in[j * ld + k] for k < 4 and j < TRANSPOSE_COLUMNS; rows of `in`
//                                    from `count` on are 0 and are not read
//   VECTOR_SET, VECTOR_SET_NAME, VECTOR_BURST   the names it exports
//
// Products. A strip is C[M, PANEL]; B stands K-major beside it, [K, PANEL], so that one step of k is two loads of B and a
// broadcast of A for each row of a tile:
//
//            B panel   k -> [ b b ]          Every element keeps one accumulator over all of k: K is never shared between
//   A tile                                   accumulators. Where B is packed in blocks of k, the unfinished chain waits in C
//   [ a ] x TILE_ROWS       [ acc acc ]      and is taken up again (`resume`), which rounds nothing.
//
// Weights are packed into such panels once (linear_pack). matmul_nt transposes B into a panel on the stack, a block of K_BLOCK at a
// time; matmul_nn reads B where it lies and copies only the ragged last panel; matmul_tn copies B panel by panel, because its rows are often a
// multiple of a page apart, and reads a tile's part of a row of A where it lies.
//
// Scratch   K_BLOCK * PANEL floats of stack (32 KiB at most) in matmul_nt, matmul_nn and matmul_tn, nothing in linear
#include <math.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/math/kernels_sets.h"
#include "common/math/vecmath.h"

#define LANES 16
#define LANE_VECS (LANES / VEC_FLOATS)
#define PANEL (2 * VEC_FLOATS)
#define K_BLOCK 256
#define CACHE_ALIGN 64
#define PREFETCH_ROWS 40 // of B ahead: some 400 cycles of a full tile

// Before loops over registers: only without the loop do arrays of them leave memory.
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 24")
#endif

// Rows that are a multiple of 4096 bytes apart share one set of the first cache, which has 8 ways on many CPUs: a tile takes no
// more than 6 of such rows, so that they and B do not push each other out.
#define SET_STRIDE_BYTES 4096
#define SET_ROWS 6

static inline vec load_first(const float *from, size_t count, float fill)
{
    return count >= VEC_FLOATS ? vec_load(from) : vec_load_part(from, count, fill);
}

static inline void store_first(float *to, size_t count, vec value)
{
    if (count >= VEC_FLOATS) {
        vec_store(to, value);
    } else {
        vec_store_part(to, count, value);
    }
}

// ---- products

typedef struct {
    size_t K;
    const float *A; // [M, K]
    size_t lda;
    const float *B; // [K, width], width = VEC_FLOATS where that holds all columns, else PANEL
    size_t ldb;
    float *C; // [M, columns]
    size_t ldc;
    size_t columns;  // 1..PANEL
    bool turned;     // A is [K, M] instead
    bool resume;     // the chain begins with what C holds
    bool accumulate; // the finished chain is added to what C holds
} strip;

/// Floats of a row of B that a strip of so many columns reads.
static inline size_t strip_width(size_t columns)
{
    return columns <= VEC_FLOATS ? VEC_FLOATS : PANEL;
}

static inline void finish(bool accumulate, float *C, size_t count, vec sum)
{
    store_first(C, count, accumulate ? vec_add(load_first(C, count, 0.0f), sum) : sum);
}

// What a tile reads, moving on along k. Rows of A are reached from one pointer for every GROUP_ROWS of them and a multiple of lda: with
// a pointer or an index of its own for each row the scalar registers run out, and what refills them takes the ports of the FMAs.
#define GROUP_ROWS 3
#define TILE_GROUPS ((TILE_ROWS + GROUP_ROWS - 1) / GROUP_ROWS)
#define K_STEP 2

typedef struct {
    const float *A[TILE_GROUPS];
    size_t lda;
    const float *B;
    size_t ldb;
} tile_sources;

/// `steps` steps of k. The pointers are opaque to the compiler, or it would make one for each row after all.
static inline __attribute__((always_inline)) void
add_products(size_t rows, size_t vecs, bool turned, size_t steps, tile_sources *from,
             vec low[TILE_ROWS], vec high[TILE_ROWS])
{
    UNROLL
    for (size_t g = 0; g * GROUP_ROWS < rows; g++) {
        __asm__("" : "+r"(from->A[g]));
    }
    UNROLL
    for (size_t step = 0; step < steps; step++) {
        // B of a first tile comes from far away: the rows ahead, or what lies behind the strip, are asked for in time. An
        // address past the end of the array is only a hint that leads nowhere.
        const char *ahead =
            (const char *)((uintptr_t)from->B + PREFETCH_ROWS * from->ldb * sizeof(float));
        __builtin_prefetch(ahead);
        vec b_low = vec_load(from->B);
        vec b_high = b_low;
        if (vecs == 2) {
            __builtin_prefetch(ahead + sizeof(vec));
            b_high = vec_load(from->B + VEC_FLOATS);
        }
        UNROLL
        for (size_t r = 0; r < rows; r++) {
            vec a = turned ? vec_set(from->A[0][r])
                           : vec_set(from->A[r / GROUP_ROWS][r % GROUP_ROWS * from->lda + step]);
            low[r] = vec_fma(a, b_low, low[r]);
            if (vecs == 2) {
                high[r] = vec_fma(a, b_high, high[r]);
            }
        }
        from->B += from->ldb;
        if (turned) {
            __builtin_prefetch(
                (const char *)((uintptr_t)from->A[0] + PREFETCH_ROWS * from->lda * sizeof(float)));
            from->A[0] += from->lda;
        }
    }
    if (!turned) {
        UNROLL
        for (size_t g = 0; g * GROUP_ROWS < rows; g++) {
            from->A[g] += steps;
        }
    }
}

/// `rows` rows from m on, `vecs` registers wide. Both are constants where this is inlined, so the accumulators are registers.
static inline __attribute__((always_inline)) void
multiply_tile(size_t rows, size_t vecs, bool turned, const strip *s, size_t m)
{
    const float *A = s->A + (turned ? m : m * s->lda);
    float *C = s->C + m * s->ldc;
    bool wide = vecs == 2;
    size_t low_count = wide ? VEC_FLOATS : s->columns;
    size_t high_count = s->columns - low_count;
    vec low[TILE_ROWS];
    vec high[TILE_ROWS];
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        low[r] = s->resume ? load_first(C + r * s->ldc, low_count, 0.0f) : vec_set(0.0f);
        if (wide) {
            const float *from = C + r * s->ldc + VEC_FLOATS;
            high[r] = s->resume ? load_first(from, high_count, 0.0f) : vec_set(0.0f);
        }
    }
    tile_sources from = {.B = s->B, .ldb = s->ldb, .lda = s->lda};
    UNROLL
    for (size_t g = 0; g < TILE_GROUPS; g++) {
        from.A[g] = A + (turned ? 0 : g * GROUP_ROWS * s->lda);
    }
    size_t k = 0;
    for (; k + K_STEP <= s->K; k += K_STEP) {
        add_products(rows, vecs, turned, K_STEP, &from, low, high);
    }
    for (; k < s->K; k++) {
        add_products(rows, vecs, turned, 1, &from, low, high);
    }
    UNROLL
    for (size_t r = 0; r < rows; r++) {
        finish(s->accumulate, C + r * s->ldc, low_count, low[r]);
        if (wide) {
            finish(s->accumulate, C + r * s->ldc + VEC_FLOATS, high_count, high[r]);
        }
    }
}

/// The one place where a height that is known at run time becomes a constant.
static inline __attribute__((always_inline)) void
multiply_rows(size_t rows, size_t vecs, bool turned, const strip *s, size_t m)
{
    switch (rows) {
    case 1:
        multiply_tile(1, vecs, turned, s, m);
        break;
    case 2:
        multiply_tile(2, vecs, turned, s, m);
        break;
    case 3:
        multiply_tile(3, vecs, turned, s, m);
        break;
    case 4:
        multiply_tile(4, vecs, turned, s, m);
        break;
    case 5:
        multiply_tile(5, vecs, turned, s, m);
        break;
    case 6:
        multiply_tile(6, vecs, turned, s, m);
        break;
#if TILE_ROWS > 6
    case 7:
        multiply_tile(7, vecs, turned, s, m);
        break;
    case 8:
        multiply_tile(8, vecs, turned, s, m);
        break;
    case 9:
        multiply_tile(9, vecs, turned, s, m);
        break;
    case 10:
        multiply_tile(10, vecs, turned, s, m);
        break;
    case 11:
        multiply_tile(11, vecs, turned, s, m);
        break;
    case 12:
        multiply_tile(12, vecs, turned, s, m);
        break;
#endif
    }
}

/// Cuts M into tiles of nearly equal height: 13 rows run as 7 + 6, not as 12 + 1.
static void multiply_strip(size_t M, const strip *s)
{
    bool crowded = !s->turned && s->lda * sizeof(float) % SET_STRIDE_BYTES == 0;
    size_t height = crowded ? SET_ROWS : TILE_ROWS;
    size_t tiles = (M + height - 1) / height;
    for (size_t m = 0; tiles > 0; tiles--) {
        size_t rows = (M - m + tiles - 1) / tiles;
        bool wide = strip_width(s->columns) == PANEL;
        if (s->turned && wide) {
            multiply_rows(rows, 2, true, s, m);
        } else if (s->turned) {
            multiply_rows(rows, 1, true, s, m);
        } else if (wide) {
            multiply_rows(rows, 2, false, s, m);
        } else {
            multiply_rows(rows, 1, false, s, m);
        }
        m += rows;
    }
}

/// panel[K, width] = the transpose of B[columns, K]; columns that are not there become 0.
static void pack_transposed(size_t columns, size_t K, const float *B, size_t ldb, float *panel)
{
    size_t width = strip_width(columns);
    for (size_t j = 0; j < width; j += TRANSPOSE_COLUMNS) {
        size_t count = columns > j ? nj_min_size(columns - j, TRANSPOSE_COLUMNS) : 0;
        const float *in = count > 0 ? B + j * ldb : B; // not read where there is no column
        size_t k = 0;
        for (; count == TRANSPOSE_COLUMNS && k + 4 <= K; k += 4) {
            transpose_by_four(TRANSPOSE_COLUMNS, in + k, ldb, panel + k * width + j, width);
        }
        for (; k + 4 <= K; k += 4) {
            transpose_by_four(count, in + k, ldb, panel + k * width + j, width);
        }
        for (; k < K; k++) {
            for (size_t i = 0; i < TRANSPOSE_COLUMNS; i++) {
                panel[k * width + j + i] = i < count ? in[i * ldb + k] : 0.0f;
            }
        }
    }
}

/// panel[K, width] = B[K, columns]; columns that are not there become 0.
static void pack_straight(size_t columns, size_t K, const float *B, size_t ldb, float *panel)
{
    size_t width = strip_width(columns);
    for (size_t k = 0; k < K; k++) {
        for (size_t j = 0; j < width; j += VEC_FLOATS) {
            vec_store(panel + k * width + j, load_first(B + k * ldb + j, columns - j, 0.0f));
        }
    }
}

static size_t vector_linear_pack_bytes(size_t N, size_t K)
{
    size_t floats = 0;
    size_t bytes = 0;
    bool fits = N <= SIZE_MAX - PANEL && nj_mul_size(nj_round_up(N, VEC_FLOATS), K, &floats) &&
                nj_mul_size(floats, sizeof(float), &bytes);
    return fits ? bytes : SIZE_MAX;
}

static void vector_linear_pack(nj_linear *linear, void *memory)
{
    float *packed = memory;
    size_t K = linear->K;
    for (size_t n = 0; n < linear->N; n += PANEL) {
        pack_transposed(nj_min_size(linear->N - n, PANEL), K, linear->weight + n * K, K,
                        packed + n * K);
    }
    linear->packed = packed;
}

static void vector_linear(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                          bool accumulate, float *Y, size_t ldy)
{
    strip s = {.K = linear->K, .A = X, .lda = ldx, .ldc = ldy, .accumulate = accumulate};
    for (size_t n = 0; n < linear->N; n += PANEL) {
        s.B = (const float *)linear->packed + n * linear->K;
        s.C = Y + n;
        s.columns = nj_min_size(linear->N - n, PANEL);
        s.ldb = strip_width(s.columns);
        multiply_strip(M, &s);
    }
}

static void vector_matmul_nt(size_t M, size_t N, size_t K, const float *A, size_t lda,
                             const float *B, size_t ldb, float *C, size_t ldc)
{
    alignas(CACHE_ALIGN) float panel[K_BLOCK * PANEL];
    strip s = {.lda = lda, .B = panel, .ldc = ldc};
    for (size_t n = 0; n < N; n += PANEL) {
        s.C = C + n;
        s.columns = nj_min_size(N - n, PANEL);
        s.ldb = strip_width(s.columns);
        size_t k = 0;
        do {
            s.K = nj_min_size(K - k, K_BLOCK);
            s.A = A + k;
            s.resume = k > 0;
            pack_transposed(s.columns, s.K, B + n * ldb + k, ldb, panel);
            multiply_strip(M, &s);
            k += s.K;
        } while (k < K);
    }
}

static void vector_linear_many(size_t M, const float *X, size_t ldx, size_t count,
                               const nj_linear *const *linears, float *const *Ys, size_t ldy)
{
    for (size_t i = 0; i < count; i++) {
        vector_linear(M, X, ldx, linears[i], false, Ys[i], ldy);
    }
}

/// The weight is the left factor: element by element the same chain, and the output comes in rows.
static void vector_linear_transposed(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                                     float *Y, size_t ldy)
{
    vector_matmul_nt(linear->N, M, linear->K, linear->weight, linear->K, X, ldx, Y, ldy);
}

/// The columns behind the last full panel.
static void multiply_ragged(size_t M, size_t K, size_t columns, const float *A, size_t lda,
                            const float *B, size_t ldb, float *C, size_t ldc)
{
    alignas(CACHE_ALIGN) float panel[K_BLOCK * PANEL];
    strip s = {.lda = lda, .B = panel, .C = C, .ldc = ldc, .columns = columns};
    s.ldb = strip_width(columns);
    size_t k = 0;
    do {
        s.K = nj_min_size(K - k, K_BLOCK);
        s.A = A + k;
        s.resume = k > 0;
        pack_straight(columns, s.K, B + k * ldb, ldb, panel);
        multiply_strip(M, &s);
        k += s.K;
    } while (k < K);
}

static void vector_matmul_nn(size_t M, size_t N, size_t K, const float *A, size_t lda,
                             const float *B, size_t ldb, float *C, size_t ldc)
{
    strip s = {.K = K, .A = A, .lda = lda, .ldb = ldb, .ldc = ldc, .columns = PANEL};
    size_t n = 0;
    for (; n + PANEL <= N; n += PANEL) {
        s.B = B + n;
        s.C = C + n;
        multiply_strip(M, &s);
    }
    if (N - n >= VEC_FLOATS) {
        s.B = B + n;
        s.C = C + n;
        s.columns = VEC_FLOATS;
        multiply_strip(M, &s);
        n += VEC_FLOATS;
    }
    if (n < N) {
        multiply_ragged(M, K, N - n, A, lda, B + n, ldb, C + n, ldc);
    }
}

/// A block of k at a time, a panel of B is copied to the stack, so that its rows lie side by side; A is read along its rows.
static void vector_matmul_tn(size_t M, size_t N, size_t K, const float *A, size_t lda,
                             const float *B, size_t ldb, float *C, size_t ldc)
{
    alignas(CACHE_ALIGN) float panel[K_BLOCK * PANEL];
    strip s = {.lda = lda, .B = panel, .ldc = ldc, .turned = true, .resume = true};
    for (size_t k = 0; k < K; k += K_BLOCK) {
        s.K = nj_min_size(K - k, K_BLOCK);
        s.A = A + k * lda;
        for (size_t n = 0; n < N; n += PANEL) {
            s.C = C + n;
            s.columns = nj_min_size(N - n, PANEL);
            s.ldb = strip_width(s.columns);
            pack_straight(s.columns, s.K, B + k * ldb + n, ldb, panel);
            multiply_strip(M, &s);
        }
    }
}

// ---- rows: nj_exp of vecmath.h, operation by operation

static inline vec exp_vec(vec x)
{
    x = vec_min(vec_set(NJ_EXP_MAX), x);
    x = vec_max(vec_set(NJ_EXP_MIN), x);
    vec rounder = vec_set(NJ_EXP_ROUNDER);
    vec n = vec_sub(vec_fma(x, vec_set(NJ_EXP_LOG2E), rounder), rounder);
    vec r = vec_fma(n, vec_set(-NJ_EXP_LN2_HIGH), x);
    r = vec_fma(n, vec_set(-NJ_EXP_LN2_LOW), r);
    vec p = vec_fma(vec_set(NJ_EXP_P4), r, vec_set(NJ_EXP_P3));
    p = vec_fma(p, r, vec_set(NJ_EXP_P2));
    p = vec_fma(p, r, vec_set(NJ_EXP_P1));
    p = vec_fma(p, r, vec_set(NJ_EXP_P0));
    p = vec_fma(p, r, vec_set(1.0f));
    p = vec_fma(p, r, vec_set(1.0f));
    return vec_scale_power(p, n);
}

static inline float find_maximum(size_t columns, const float *row)
{
    vec maximum = vec_set(-INFINITY);
    for (size_t i = 0; i < columns; i += VEC_FLOATS) {
        maximum = vec_max(maximum, load_first(row + i, columns - i, -INFINITY));
    }
    return vec_top(maximum);
}

/// Sum of exp(row - maximum); the terms are written to `out` unless it is NULL.
static inline float sum_exp(size_t columns, const float *row, float maximum, float *out)
{
    vec lane[LANE_VECS];
    for (size_t v = 0; v < LANE_VECS; v++) {
        lane[v] = vec_set(0.0f);
    }
    for (size_t i = 0; i < columns; i += LANES) {
        for (size_t v = 0; v < LANE_VECS && i + v * VEC_FLOATS < columns; v++) {
            size_t j = i + v * VEC_FLOATS;
            // Lanes behind the end read -inf and add +0, which changes no sum.
            vec x = load_first(row + j, columns - j, -INFINITY);
            vec term = exp_vec(vec_sub(x, vec_set(maximum)));
            lane[v] = vec_add(lane[v], term);
            if (out != NULL) {
                store_first(out + j, columns - j, term);
            }
        }
    }
    return vec_fold_lanes(lane);
}

/// Each product is rounded, then added to its lane.
static inline float sum_products(size_t columns, const float *a, const float *b)
{
    vec lane[LANE_VECS];
    for (size_t v = 0; v < LANE_VECS; v++) {
        lane[v] = vec_set(0.0f);
    }
    for (size_t i = 0; i < columns; i += LANES) {
        for (size_t v = 0; v < LANE_VECS && i + v * VEC_FLOATS < columns; v++) {
            size_t j = i + v * VEC_FLOATS;
            vec product =
                vec_mul(load_first(a + j, columns - j, 0.0f), load_first(b + j, columns - j, 0.0f));
            lane[v] = vec_add(lane[v], product);
        }
    }
    return vec_fold_lanes(lane);
}

static void vector_head_scores(size_t T, size_t H, size_t E, const float *q,
                               const float *const *keys, float *scores, size_t ld)
{
    for (size_t h = 0; h < H; h++) {
        for (size_t t = 0; t < T; t++) {
            scores[h * ld + t] = sum_products(E, q + h * E, keys[t] + h * E);
        }
    }
}

static void vector_head_mix(size_t T, size_t H, size_t E, const float *weights, size_t ld,
                            const float *const *values, float *out)
{
    for (size_t h = 0; h < H; h++) {
        for (size_t j = 0; j < E; j += VEC_FLOATS) {
            vec sum = vec_set(0.0f);
            for (size_t t = 0; t < T; t++) {
                vec v = load_first(values[t] + h * E + j, E - j, 0.0f);
                sum = vec_add(sum, vec_mul(vec_set(weights[h * ld + t]), v));
            }
            store_first(out + h * E + j, E - j, sum);
        }
    }
}

static void vector_scale(size_t rows, size_t columns, float factor, float *X, size_t ldx)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = X + r * ldx;
        for (size_t i = 0; i < columns; i += VEC_FLOATS) {
            vec x = load_first(row + i, columns - i, 0.0f);
            store_first(row + i, columns - i, vec_mul(x, vec_set(factor)));
        }
    }
}

static void vector_softmax(size_t rows, size_t columns, float *X, size_t ldx)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = X + r * ldx;
        float sum = sum_exp(columns, row, find_maximum(columns, row), row);
        vector_scale(1, columns, 1.0f / sum, row, ldx);
    }
}

static void vector_log_sum_exp(size_t rows, size_t columns, const float *X, size_t ldx, float *out)
{
    for (size_t r = 0; r < rows; r++) {
        const float *row = X + r * ldx;
        float maximum = find_maximum(columns, row);
        out[r] = maximum + nj_log(sum_exp(columns, row, maximum, NULL));
    }
}

static inline float sum_squares(size_t columns, const float *row)
{
    vec lane[LANE_VECS];
    for (size_t v = 0; v < LANE_VECS; v++) {
        lane[v] = vec_set(0.0f);
    }
    for (size_t i = 0; i < columns; i += LANES) {
        for (size_t v = 0; v < LANE_VECS && i + v * VEC_FLOATS < columns; v++) {
            size_t j = i + v * VEC_FLOATS;
            vec x = load_first(row + j, columns - j, 0.0f);
            lane[v] = vec_fma(x, x, lane[v]);
        }
    }
    return vec_fold_lanes(lane);
}

static void vector_rms_norm(size_t rows, size_t D, const float *X, size_t ldx, const float *weight,
                            float epsilon, float *Y, size_t ldy)
{
    for (size_t r = 0; r < rows; r++) {
        const float *x = X + r * ldx;
        float *y = Y + r * ldy;
        vec factor = vec_set(1.0f / sqrtf(sum_squares(D, x) / (float)D + epsilon));
        for (size_t i = 0; i < D; i += VEC_FLOATS) {
            vec scaled = vec_mul(load_first(x + i, D - i, 0.0f), factor);
            vec product = vec_mul(scaled, load_first(weight + i, D - i, 0.0f));
            store_first(y + i, D - i, product);
        }
    }
}

static inline float sum_row(size_t columns, const float *row)
{
    vec lane[LANE_VECS];
    for (size_t v = 0; v < LANE_VECS; v++) {
        lane[v] = vec_set(0.0f);
    }
    for (size_t i = 0; i < columns; i += LANES) {
        for (size_t v = 0; v < LANE_VECS && i + v * VEC_FLOATS < columns; v++) {
            size_t j = i + v * VEC_FLOATS;
            lane[v] = vec_add(lane[v], load_first(row + j, columns - j, 0.0f));
        }
    }
    return vec_fold_lanes(lane);
}

/// Sum of (row - mean)^2.
static inline float sum_deviations(size_t columns, const float *row, float mean)
{
    vec lane[LANE_VECS];
    for (size_t v = 0; v < LANE_VECS; v++) {
        lane[v] = vec_set(0.0f);
    }
    for (size_t i = 0; i < columns; i += LANES) {
        for (size_t v = 0; v < LANE_VECS && i + v * VEC_FLOATS < columns; v++) {
            size_t j = i + v * VEC_FLOATS;
            // Lanes behind the end read the mean and add +0.
            vec d = vec_sub(load_first(row + j, columns - j, mean), vec_set(mean));
            lane[v] = vec_fma(d, d, lane[v]);
        }
    }
    return vec_fold_lanes(lane);
}

static void vector_layer_norm(size_t rows, size_t D, const float *X, size_t ldx,
                              const float *weight, const float *bias, float epsilon, float *Y,
                              size_t ldy)
{
    for (size_t r = 0; r < rows; r++) {
        const float *x = X + r * ldx;
        float *y = Y + r * ldy;
        float mean = sum_row(D, x) / (float)D;
        vec factor = vec_set(1.0f / sqrtf(sum_deviations(D, x, mean) / (float)D + epsilon));
        for (size_t i = 0; i < D; i += VEC_FLOATS) {
            vec d = vec_sub(load_first(x + i, D - i, 0.0f), vec_set(mean));
            vec out = vec_fma(vec_mul(d, factor), load_first(weight + i, D - i, 0.0f),
                              load_first(bias + i, D - i, 0.0f));
            store_first(y + i, D - i, out);
        }
    }
}

static void vector_add_bias(size_t rows, size_t columns, const float *bias, float *Y, size_t ldy)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = Y + r * ldy;
        for (size_t i = 0; i < columns; i += VEC_FLOATS) {
            vec sum = vec_add(load_first(row + i, columns - i, 0.0f),
                              load_first(bias + i, columns - i, 0.0f));
            store_first(row + i, columns - i, sum);
        }
    }
}

static void vector_add(size_t rows, size_t columns, const float *X, size_t ldx, float *Y,
                       size_t ldy)
{
    for (size_t r = 0; r < rows; r++) {
        float *row = Y + r * ldy;
        for (size_t i = 0; i < columns; i += VEC_FLOATS) {
            vec sum = vec_add(load_first(row + i, columns - i, 0.0f),
                              load_first(X + r * ldx + i, columns - i, 0.0f));
            store_first(row + i, columns - i, sum);
        }
    }
}

// ---- activations

#include "common/math/kernels_activations.inc.c"

// ---- training

#include "common/math/kernels_training.inc.c"

// ---- nearest rows

#include "common/math/kernels_nearest.inc.c"

const nj_kernels VECTOR_SET = {
    .name = VECTOR_SET_NAME,
    .precision = "float32",
    .numeric_class = "exact",
    .linear_pack_bytes = vector_linear_pack_bytes,
    .linear_pack = vector_linear_pack,
    .linear = vector_linear,
    .linear_many = vector_linear_many,
    .linear_transposed = vector_linear_transposed,
    .matmul_nt = vector_matmul_nt,
    .matmul_nn = vector_matmul_nn,
    .matmul_tn = vector_matmul_tn,
    .head_scores = vector_head_scores,
    .head_mix = vector_head_mix,
    .softmax = vector_softmax,
    .log_sum_exp = vector_log_sum_exp,
    .rms_norm = vector_rms_norm,
    .layer_norm = vector_layer_norm,
    .relu = vector_relu,
    .gated_gelu = vector_gated_gelu,
    .gated_silu = vector_gated_silu,
    .bias_gelu = vector_bias_gelu,
    .add_bias = vector_add_bias,
    .add = vector_add,
    .scale = vector_scale,
    .drop = vector_drop,
    .softmax_backward = vector_softmax_backward,
    .screen = vector_screen,
    .find_not_above = vector_find_not_above,
    .difference = vector_difference,
};

// ---- the peak of this core

size_t VECTOR_BURST(size_t rounds, float *sink)
{
    vec acc[NJ_BURST_CHAINS];
    vec a = vec_set(0.5f);
    vec b = vec_set(sink[0]);
    UNROLL
    for (size_t i = 0; i < NJ_BURST_CHAINS; i++) {
        acc[i] = vec_set((float)i);
    }
    for (size_t round = 0; round < rounds; round++) {
        UNROLL
        for (size_t i = 0; i < NJ_BURST_CHAINS; i++) {
            acc[i] = vec_fma(acc[i], a, b);
        }
    }
    for (size_t i = 1; i < NJ_BURST_CHAINS; i++) {
        acc[0] = vec_add(acc[0], acc[i]);
    }
    sink[0] = vec_top(acc[0]);
    return rounds * NJ_BURST_CHAINS * VEC_FLOATS * 2;
}
