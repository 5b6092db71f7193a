// kernel_digests.c - what every exact set of this CPU computes, and every int8 set, as one digest a function: the same numbers on every architecture.
//
//   kernel_digests            prints lines "FUNCTION DIGEST SET", ref first
//
// Inputs come from a seed, shapes lie around every edge of a tile and of a register. Each matrix ends at a page that may not be
// touched. The program links no OpenBLAS, so that it can be built for a machine of which only a C library is at hand.
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/checked.h"
#include "common/math/fused.h"
#include "common/math/kernels_sets.h"

static const size_t M_SIZES[] = {0, 1, 5, 6, 7, 13};
static const size_t N_SIZES[] = {1, 4, 7, 8, 9, 15, 16, 17, 33};
static const size_t K_SIZES[] = {0, 1, 3, 4, 7, 16, 65, 257};
static const size_t COLUMN_COUNTS[] = {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 80, 130};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define PADDING 3
#define ROWS 3

// In place of OpenBLAS, which is no exact set and is not visited.
void nj_kernels_openblas_over(nj_kernels *set)
{
    set->numeric_class = "none";
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed >> 16;
}

typedef struct {
    float *data;
    size_t rows;
    size_t columns;
    size_t ld;
    void *mapping;
    size_t mapped;
} matrix;

static matrix matrix_new(size_t rows, size_t columns, size_t padding, float reach, uint64_t *seed)
{
    matrix m = {.rows = rows, .columns = columns, .ld = columns + padding};
    size_t floats = rows == 0 ? 0 : (rows - 1) * m.ld + columns;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t usable = nj_round_up(nj_max_size(floats * sizeof(float), 1), page);
    m.mapped = usable + page;
    m.mapping = mmap(NULL, m.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *end = (char *)m.mapping + usable;
    if (m.mapping == MAP_FAILED || mprotect(end, page, PROT_NONE) != 0) {
        perror("kernel_digests: mmap");
        exit(1);
    }
    m.data = (float *)(void *)(end - floats * sizeof(float));
    for (size_t i = 0; i < floats; i++) {
        float value = (float)((int32_t)(next_random(seed) % (1u << 24)) - (1 << 23)) * 0x1p-23f;
        m.data[i] = m.ld > 0 && i % m.ld >= columns ? NAN : value * reach;
    }
    return m;
}

static void matrix_free(matrix *m)
{
    munmap(m->mapping, m->mapped);
}

/// FNV-1a over the bits of the rows. The padding must still be NaN, with whatever bits this CPU gives it.
static void digest_matrix(uint64_t *digest, const matrix *m)
{
    for (size_t r = 0; r < m->rows; r++) {
        for (size_t i = 0; i < (r + 1 < m->rows ? m->ld : m->columns); i++) {
            float value = m->data[r * m->ld + i];
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            *digest = (*digest ^ (isnan(value) ? 0x7fc00000u : bits)) * 0x100000001b3u;
        }
    }
}

// ---- products

typedef enum {
    LINEAR,
    LINEAR_ADDED,
    LINEAR_MANY,
    LINEAR_TRANSPOSED,
    MATMUL_NT,
    MATMUL_NN,
    PRODUCT_COUNT
} product;

static const char *const PRODUCT_NAMES[] = {
    "linear", "linear-accumulate", "linear_many", "linear_transposed", "matmul_nt", "matmul_nn"};

static void multiply_packed(const nj_kernels *k, product which, const matrix *A, const matrix *B,
                            matrix *C)
{
    nj_linear linear = {.weight = B->data, .N = B->rows, .K = B->columns};
    size_t bytes = k->linear_pack_bytes(B->rows, B->columns);
    void *memory = aligned_alloc(64, nj_round_up(nj_max_size(bytes, 1), 64));
    if (memory == NULL) {
        perror("kernel_digests: aligned_alloc");
        exit(1);
    }
    k->linear_pack(&linear, memory);
    if (which == LINEAR_TRANSPOSED) {
        k->linear_transposed(A->rows, A->data, A->ld, &linear, C->data, C->ld);
    } else if (which == LINEAR_MANY) {
        k->linear_many(A->rows, A->data, A->ld, 1, (const nj_linear *[]){&linear},
                       (float *[]){C->data}, C->ld);
    } else {
        k->linear(A->rows, A->data, A->ld, &linear, which == LINEAR_ADDED, C->data, C->ld);
    }
    free(memory);
}

static void digest_product(const nj_kernels *k, product which, size_t M, size_t N, size_t K,
                           uint64_t *digest)
{
    uint64_t seed = 1 + M + 100 * N + 10000 * K;
    bool packed = which != MATMUL_NT && which != MATMUL_NN;
    bool transposed = which == LINEAR_TRANSPOSED;
    matrix A = matrix_new(M, K, PADDING, 1.0f, &seed);
    matrix B = which == MATMUL_NN ? matrix_new(K, N, PADDING, 1.0f, &seed)
                                  : matrix_new(N, K, packed ? 0 : PADDING, 1.0f, &seed);
    matrix C = matrix_new(transposed ? N : M, transposed ? M : N, PADDING, 1.0f, &seed);
    if (packed) {
        multiply_packed(k, which, &A, &B, &C);
    } else if (which == MATMUL_NT) {
        k->matmul_nt(M, N, K, A.data, A.ld, B.data, B.ld, C.data, C.ld);
    } else {
        k->matmul_nn(M, N, K, A.data, A.ld, B.data, B.ld, C.data, C.ld);
    }
    digest_matrix(digest, &C);
    matrix_free(&A);
    matrix_free(&B);
    matrix_free(&C);
}

static uint64_t digest_products(const nj_kernels *k, product which)
{
    uint64_t digest = 0;
    for (size_t m = 0; m < COUNT(M_SIZES); m++) {
        for (size_t n = 0; n < COUNT(N_SIZES); n++) {
            for (size_t i = 0; i < COUNT(K_SIZES); i++) {
                digest_product(k, which, M_SIZES[m], N_SIZES[n], K_SIZES[i], &digest);
            }
        }
    }
    digest_product(k, which, 7, 17, 1024 - PADDING, &digest); // rows of A 4096 bytes apart
    return digest;
}

// ---- rows and heads

typedef enum {
    SOFTMAX,
    LOG_SUM_EXP,
    RMS_NORM,
    LAYER_NORM,
    BIAS_GELU,
    ADD_BIAS,
    RELU,
    GATED_GELU,
    GATED_SILU,
    ADD,
    SCALE,
    HEAD_SCORES,
    HEAD_MIX,
    ROW_COUNT
} row_function;

static const char *const ROW_NAMES[] = {
    "softmax",    "log_sum_exp", "rms_norm", "layer_norm", "bias_gelu",   "add_bias", "relu",
    "gated_gelu", "gated_silu",  "add",      "scale",      "head_scores", "head_mix"};

static void apply(const nj_kernels *k, row_function which, matrix *X, const matrix *other,
                  matrix *out)
{
    size_t columns = X->columns;
    const float *rows[ROWS] = {other->data, other->data + other->ld, other->data + 2 * other->ld};
    switch (which) {
    case SOFTMAX:
        k->softmax(ROWS, columns, X->data, X->ld);
        break;
    case LOG_SUM_EXP:
        k->log_sum_exp(ROWS, columns, X->data, X->ld, out->data);
        break;
    case RMS_NORM:
        k->rms_norm(ROWS, columns, X->data, X->ld, other->data, 1e-6f, X->data, X->ld);
        break;
    case LAYER_NORM:
        k->layer_norm(ROWS, columns, X->data, X->ld, rows[0], rows[1], 1e-12f, X->data, X->ld);
        break;
    case BIAS_GELU:
        k->bias_gelu(ROWS, columns, other->data, X->data, X->ld);
        break;
    case ADD_BIAS:
        k->add_bias(ROWS, columns, other->data, X->data, X->ld);
        break;
    case RELU:
        k->relu(ROWS, columns, X->data, X->ld);
        break;
    case GATED_GELU:
        k->gated_gelu(ROWS, columns, X->data, X->ld, other->data, other->ld);
        break;
    case GATED_SILU:
        k->gated_silu(ROWS, columns, X->data, X->ld, other->data, other->ld);
        break;
    case ADD:
        k->add(ROWS, columns, other->data, other->ld, X->data, X->ld);
        break;
    case SCALE:
        k->scale(ROWS, columns, 0.3f, X->data, X->ld);
        break;
    case HEAD_SCORES: // one head as wide as the row
        k->head_scores(ROWS, 1, columns, X->data, rows, out->data, ROWS);
        break;
    case HEAD_MIX:
        k->head_mix(ROWS, 1, columns, out->data, ROWS, rows, X->data);
        break;
    case ROW_COUNT:
        break;
    }
}

static uint64_t digest_rows(const nj_kernels *k, row_function which)
{
    static const float REACHES[] = {1e-20f, 0.7f, 12.0f, 120.0f};
    uint64_t digest = 0;
    for (size_t c = 0; c < COUNT(COLUMN_COUNTS); c++) {
        for (size_t i = 0; i < COUNT(REACHES); i++) {
            uint64_t seed = 5 + c + 100 * i;
            matrix X = matrix_new(ROWS, COLUMN_COUNTS[c], PADDING, REACHES[i], &seed);
            matrix other = matrix_new(ROWS, COLUMN_COUNTS[c], PADDING, 2.0f, &seed);
            matrix out = matrix_new(1, ROWS, 0, 1.0f, &seed);
            apply(k, which, &X, &other, &out);
            digest_matrix(&digest, &X);
            digest_matrix(&digest, &out);
            matrix_free(&X);
            matrix_free(&other);
            matrix_free(&out);
        }
    }
    return digest;
}

// ---- the fused multiply-add that stands in for the missing instruction

/// Random bits, and sums that lie a trifle beside the middle of two floats.
static void draw_triple(uint64_t *seed, float t[3])
{
    for (size_t i = 0; i < 3; i++) {
        uint32_t bits = (uint32_t)next_random(seed);
        memcpy(&t[i], &bits, sizeof bits);
    }
    if (next_random(seed) % 2 == 0 && isfinite(t[2]) && t[2] != 0.0f) {
        int exponent = ilogbf(t[2]) < -126 ? -126 : ilogbf(t[2]);
        float trifle = (float)(next_random(seed) % 100) * 0x1p-23f;
        t[0] = ldexpf(1.0f + trifle, (exponent - 24) / 2);
        t[1] = ldexpf(1.0f - trifle, exponent - 24 - (exponent - 24) / 2);
    }
}

static uint64_t digest_fused(bool emulated)
{
    uint64_t digest = 0;
    uint64_t seed = 77;
    for (size_t i = 0; i < 200000; i++) {
        float t[3];
        draw_triple(&seed, t);
        nj_float_4 sum =
            nj_fused((nj_float_4){1.0f, t[0]}, (nj_float_4){2.0f, t[1]}, (nj_float_4){3.0f, t[2]});
        float value = emulated ? sum[1] : fmaf(t[0], t[1], t[2]);
        matrix one = {.data = &value, .rows = 1, .columns = 1, .ld = 1};
        digest_matrix(&digest, &one);
    }
    return digest;
}

static void print_digest(const char *function, uint64_t digest, const char *set)
{
    printf("%-17s %016" PRIx64 " %s\n", function, digest, set);
}

int main(void)
{
    const nj_kernels *k;
    for (size_t i = 0; (k = nj_kernels_at(i)) != NULL; i++) {
        if (strcmp(k->numeric_class, "int8") == 0) { // all but its linears is an exact set's
            print_digest("int8-linear", digest_products(k, LINEAR), k->name);
            print_digest("int8-added", digest_products(k, LINEAR_ADDED), k->name);
            print_digest("int8-transposed", digest_products(k, LINEAR_TRANSPOSED), k->name);
        }
        if (strcmp(k->numeric_class, "exact") != 0) {
            continue;
        }
        for (product which = 0; which < PRODUCT_COUNT; which++) {
            print_digest(PRODUCT_NAMES[which], digest_products(k, which), k->name);
        }
        for (row_function which = 0; which < ROW_COUNT; which++) {
            print_digest(ROW_NAMES[which], digest_rows(k, which), k->name);
        }
    }
    print_digest("fused", digest_fused(false), "libm");
    print_digest("fused", digest_fused(true), "fused.h");
    return 0;
}
