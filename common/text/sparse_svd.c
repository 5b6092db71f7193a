#include "common/text/sparse_svd.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/rng.h"
#include "common/quant/pca.h"

// A column whose square, once what earlier columns say is taken off, is less than this part of what it was, says nothing new. Its
// rounding is some 1e-16 of it.
#define DEPENDENT 1e-13
#define CHUNK_ROWS 512 // of [V, l], a task

#define BLOCK NJ_SVD_BLOCK
#define PAIR 2

typedef struct {
    const nj_sparse *matrix;
    const nj_svd_config *config;
    size_t V;
    size_t l;           // columns of Q
    size_t blocks;      // l / BLOCK, rounded up; columns behind l are 0
    size_t width;       // blocks * BLOCK
    double *q;          // [blocks, V, BLOCK]
    double *z;          // [blocks, V, BLOCK] A^T A Q
    const double *left; // of a product of two such matrices
    const double *right;
    double *gram; // [width, width] left^T right
    double *
        mixing; // [blocks, width, BLOCK] what a row of `mixed` is multiplied with, by blocks of its columns
    bool is_triangular; // `mixing` is 0 below the diagonal
    double *mixed;      // one of q and z
    double *scratch;    // [threads, CHUNK_ROWS, width]
    double *factor;     // [width, width] of Cholesky
} svd_work;

static double *block_of(const svd_work *w, const double *columns, size_t block)
{
    return (double *)columns + block * w->V * BLOCK;
}

// ---- products, a block of columns a task ----

// Z[:, block] = A^T (A Q[:, block])
static void multiply_block(void *context, size_t block, size_t thread)
{
    const svd_work *w = context;
    const nj_sparse *a = w->matrix;
    const double *q = block_of(w, w->q, block);
    double *z = block_of(w, w->z, block);
    (void)thread;
    memset(z, 0, w->V * BLOCK * sizeof *z);
    for (size_t r = 0; r < a->row_count; r++) {
        double y[BLOCK] = {0};
        for (uint64_t e = a->starts[r]; e < a->starts[r + 1]; e++) {
            const double value = (double)a->entries[e].value;
            const double *from = q + (size_t)a->entries[e].column * BLOCK;
            for (size_t j = 0; j < BLOCK; j++) {
                y[j] += value * from[j];
            }
        }
        for (uint64_t e = a->starts[r]; e < a->starts[r + 1]; e++) {
            const double value = (double)a->entries[e].value;
            double *to = z + (size_t)a->entries[e].column * BLOCK;
            for (size_t j = 0; j < BLOCK; j++) {
                to[j] += value * y[j];
            }
        }
    }
}

// Adds rows of X^T Y for `count` rows; PAIR rows of sums at a time stay in registers.
static void add_products(const double *x, const double *y, size_t count, double sums[BLOCK][BLOCK])
{
    for (size_t a = 0; a < BLOCK; a += PAIR) {
        double part[PAIR][BLOCK];
        memcpy(part, sums[a], sizeof part);
        for (size_t v = 0; v < count; v++) {
            for (size_t p = 0; p < PAIR; p++) {
                for (size_t b = 0; b < BLOCK; b++) {
                    part[p][b] += x[v * BLOCK + a + p] * y[v * BLOCK + b];
                }
            }
        }
        memcpy(sums[a], part, sizeof part);
    }
}

// gram[i block, j block] = left^T right for one pair of blocks
static void multiply_pair(void *context, size_t task, size_t thread)
{
    const svd_work *w = context;
    const size_t i = task / w->blocks;
    const size_t j = task % w->blocks;
    (void)thread;
    if (i > j) {
        return; // symmetric
    }
    const double *x = block_of(w, w->left, i);
    const double *y = block_of(w, w->right, j);
    double sums[BLOCK][BLOCK] = {{0}};
    for (size_t v = 0; v < w->V; v += CHUNK_ROWS) {
        add_products(x + v * BLOCK, y + v * BLOCK, nj_min_size(CHUNK_ROWS, w->V - v), sums);
    }
    for (size_t a = 0; a < BLOCK; a++) {
        memcpy(w->gram + (i * BLOCK + a) * w->width + j * BLOCK, sums[a], sizeof sums[a]);
    }
}

static void multiply_gram(svd_work *w, const double *left, const double *right)
{
    w->left = left;
    w->right = right;
    nj_pool_run(w->config->pool, w->blocks * w->blocks, multiply_pair, w);
}

// Block b of the rows that are in `rows` [count, width], times `mixing`.
static void mix_block(const svd_work *w, const double *rows, size_t count, size_t b, double *out)
{
    const double *mixing = w->mixing + b * w->width * BLOCK;
    const size_t used = w->is_triangular ? (b + 1) * BLOCK : w->width;
    for (size_t v = 0; v < count; v++) {
        double sum[BLOCK] = {0};
        for (size_t i = 0; i < used; i++) {
            for (size_t j = 0; j < BLOCK; j++) {
                sum[j] += rows[v * w->width + i] * mixing[i * BLOCK + j];
            }
        }
        memcpy(out + v * BLOCK, sum, sizeof sum);
    }
}

// Rows of `mixed` become rows times `mixing`.
static void mix_chunk(void *context, size_t task, size_t thread)
{
    const svd_work *w = context;
    const size_t first = task * CHUNK_ROWS;
    const size_t count = nj_min_size(CHUNK_ROWS, w->V - first);
    double *rows = w->scratch + thread * CHUNK_ROWS * w->width;
    for (size_t b = 0; b < w->blocks; b++) {
        const double *block = block_of(w, w->mixed, b) + first * BLOCK;
        for (size_t v = 0; v < count; v++) {
            memcpy(rows + v * w->width + b * BLOCK, block + v * BLOCK, BLOCK * sizeof *rows);
        }
    }
    for (size_t b = 0; b < w->blocks; b++) {
        mix_block(w, rows, count, b, block_of(w, w->mixed, b) + first * BLOCK);
    }
}

static void mix(svd_work *w, double *columns, bool is_triangular)
{
    w->mixed = columns;
    w->is_triangular = is_triangular;
    nj_pool_run(w->config->pool, (w->V + CHUNK_ROWS - 1) / CHUNK_ROWS, mix_chunk, w);
}

// ---- orthonormal columns ----

// gram = R^T R; `factor` gets R, whose row and column are 0 where a column depends on those before it.
static void factorise(svd_work *w)
{
    const size_t n = w->width;
    double *R = w->factor;
    memset(R, 0, n * n * sizeof *R);
    for (size_t j = 0; j < n; j++) {
        double left = w->gram[j * n + j];
        for (size_t i = 0; i < j; i++) {
            if (R[i * n + i] == 0) {
                continue;
            }
            double sum = w->gram[i * n + j];
            for (size_t m = 0; m < i; m++) {
                sum -= R[m * n + i] * R[m * n + j];
            }
            R[i * n + j] = sum / R[i * n + i];
            left -= R[i * n + j] * R[i * n + j];
        }
        if (left > DEPENDENT * w->gram[j * n + j]) {
            R[j * n + j] = sqrt(left);
        } else {
            for (size_t i = 0; i < j; i++) {
                R[i * n + j] = 0;
            }
        }
    }
}

static double *mixing_at(const svd_work *w, size_t i, size_t j)
{
    return w->mixing + (j / BLOCK * w->width + i) * BLOCK + j % BLOCK;
}

// mixing = R^-1, 0 where a column is left out.
static void invert(svd_work *w)
{
    const size_t n = w->width;
    const double *R = w->factor;
    memset(w->mixing, 0, n * n * sizeof *w->mixing);
    for (size_t j = 0; j < n; j++) {
        if (R[j * n + j] == 0) {
            continue;
        }
        const double last = 1 / R[j * n + j];
        for (size_t i = 0; i < j; i++) {
            double sum = 0;
            for (size_t m = i; m < j; m++) {
                sum += *mixing_at(w, i, m) * R[m * n + j];
            }
            *mixing_at(w, i, j) = -sum * last;
        }
        *mixing_at(w, j, j) = last;
    }
}

// One pass leaves columns that are orthonormal to some digits, enough to go on with; two to rounding.
static void orthonormalise(svd_work *w, double *columns, int passes)
{
    for (int pass = 0; pass < passes; pass++) {
        multiply_gram(w, columns, columns);
        factorise(w);
        invert(w);
        mix(w, columns, true);
    }
}

// ---- the axes ----

static void draw(svd_work *w)
{
    const uint64_t key = nj_rng_mix(w->config->seed + NJ_RNG_STEP);
    for (size_t b = 0; b < w->blocks; b++) {
        double *q = block_of(w, w->q, b);
        for (size_t v = 0; v < w->V; v++) {
            for (size_t j = 0; j < BLOCK; j++) {
                const size_t column = b * BLOCK + j;
                const uint64_t bits =
                    nj_rng_mix(key + (v * (uint64_t)w->width + column) * NJ_RNG_STEP);
                q[v * BLOCK + j] = column < w->l ? (double)(bits >> 11) * 0x1p-52 - 1 : 0;
            }
        }
    }
}

static void swap_columns(svd_work *w)
{
    double *other = w->q;
    w->q = w->z;
    w->z = other;
}

static void multiply_matrix(svd_work *w, size_t round)
{
    nj_pool_run(w->config->pool, w->blocks, multiply_block, w);
    if (w->config->progress != NULL) {
        w->config->progress(w->config->context, round, w->config->iterations + 2);
    }
}

// Within the span of Q: eigenvectors of Q^T A^T A Q, and Q turned onto them.
static nj_status turn_to_axes(svd_work *w, nj_svd *out, nj_error *err)
{
    const size_t n = w->width;
    const size_t count = nj_min_size(w->config->dimensions, w->l);
    double *values = calloc(count, sizeof *values);
    float *vectors = calloc(count * n, sizeof *vectors);
    if (values == NULL || vectors == NULL) {
        free(values);
        free(vectors);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu axes", count);
    }
    multiply_gram(w, w->q, w->z);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            w->gram[i * n + j] = w->gram[j * n + i];
        }
    }
    nj_status status = nj_pca_axes(w->gram, n, count, values, vectors, err);
    memset(w->mixing, 0, n * n * sizeof *w->mixing);
    for (size_t k = 0; status == NJ_OK && k < count; k++) {
        if (!(values[k] > NJ_SVD_SHORTEST * NJ_SVD_SHORTEST * values[0])) {
            break;
        }
        out->lengths[out->rank++] = sqrt(values[k]);
        for (size_t i = 0; i < n; i++) {
            *mixing_at(w, i, k) = (double)vectors[k * n + i];
        }
    }
    if (status == NJ_OK) {
        mix(w, w->q, false);
    }
    free(values);
    free(vectors);
    return status;
}

static void fix_signs(svd_work *w, size_t rank)
{
    for (size_t k = 0; k < rank; k++) {
        double *axis = block_of(w, w->q, k / BLOCK) + k % BLOCK;
        size_t largest = 0;
        for (size_t v = 1; v < w->V; v++) {
            largest = fabs(axis[v * BLOCK]) > fabs(axis[largest * BLOCK]) ? v : largest;
        }
        const double sign = axis[largest * BLOCK] < 0 ? -1 : 1;
        for (size_t v = 0; v < w->V; v++) {
            axis[v * BLOCK] *= sign;
        }
    }
}

static double sum_squares(const nj_sparse *matrix)
{
    double sum = 0;
    for (uint64_t e = 0; e < matrix->starts[matrix->row_count]; e++) {
        const double value = (double)matrix->entries[e].value;
        sum += value * value;
    }
    return sum;
}

// ---- the whole ----

static size_t columns_for(size_t row_count, size_t column_count, size_t dimensions)
{
    return nj_min_size(dimensions + NJ_SVD_MORE_COLUMNS, nj_min_size(row_count, column_count));
}

size_t nj_svd_bytes(size_t row_count, size_t column_count, size_t dimensions)
{
    const size_t width = nj_round_up(columns_for(row_count, column_count, dimensions), BLOCK);
    size_t bytes;
    return nj_mul_size(column_count, width * 2 * sizeof(double), &bytes) ? bytes : SIZE_MAX;
}

static nj_status begin(svd_work *w, nj_error *err)
{
    const size_t threads = nj_pool_threads(w->config->pool);
    const size_t bytes = nj_svd_bytes(w->matrix->row_count, w->V, w->config->dimensions);
    const size_t square = w->width * w->width;
    if (bytes != SIZE_MAX) {
        w->q = malloc(nj_max_size(bytes / 2, 1));
        w->z = malloc(nj_max_size(bytes / 2, 1));
    }
    w->gram = calloc(square + 1, sizeof *w->gram);
    w->mixing = calloc(square + 1, sizeof *w->mixing);
    w->factor = calloc(square + 1, sizeof *w->factor);
    w->scratch = calloc(threads * CHUNK_ROWS * w->width + 1, sizeof *w->scratch);
    if (w->q == NULL || w->z == NULL || w->gram == NULL || w->mixing == NULL || w->factor == NULL ||
        w->scratch == NULL) {
        return nj_fail(
            err, NJ_NO_MEMORY,
            "no memory for the axes of %zu words in %zu dimensions (%zu MiB): take fewer "
            "words (--min-items, --words-max) or --dimensions",
            w->V, w->config->dimensions, bytes >> 20);
    }
    return NJ_OK;
}

static nj_status find_axes(svd_work *w, nj_svd *out, nj_error *err)
{
    draw(w);
    orthonormalise(w, w->q, 1);
    for (size_t i = 0; i <= w->config->iterations; i++) {
        multiply_matrix(w, i + 1);
        orthonormalise(w, w->z, i == w->config->iterations ? 2 : 1);
        swap_columns(w);
    }
    multiply_matrix(w, w->config->iterations + 2);
    nj_status status = turn_to_axes(w, out, err);
    if (status == NJ_OK) {
        fix_signs(w, out->rank);
        out->axes = w->q;
        w->q = NULL;
    }
    return status;
}

nj_status nj_svd_fit(const nj_sparse *matrix, const nj_svd_config *config, nj_svd *out,
                     nj_error *err)
{
    svd_work w = {.matrix = matrix, .config = config, .V = matrix->column_count};
    w.l = columns_for(matrix->row_count, w.V, config->dimensions);
    w.blocks = (w.l + BLOCK - 1) / BLOCK;
    w.width = w.blocks * BLOCK;
    *out = (nj_svd){.column_count = w.V, .square_total = sum_squares(matrix)};
    nj_status status = NJ_OK;
    if (w.l > 0) {
        status = begin(&w, err);
    }
    if (w.l > 0 && status == NJ_OK) {
        status = find_axes(&w, out, err);
    }
    free(w.q);
    free(w.z);
    free(w.gram);
    free(w.mixing);
    free(w.factor);
    free(w.scratch);
    return status;
}

void nj_svd_fini(nj_svd *svd)
{
    free(svd->axes);
    *svd = (nj_svd){0};
}

void nj_svd_project(const nj_svd *svd, const nj_sparse *matrix, size_t row, double *out)
{
    const size_t blocks = (svd->rank + BLOCK - 1) / BLOCK;
    memset(out, 0, blocks * BLOCK * sizeof *out);
    for (size_t b = 0; b < blocks; b++) {
        const double *axes = svd->axes + b * svd->column_count * BLOCK;
        for (uint64_t e = matrix->starts[row]; e < matrix->starts[row + 1]; e++) {
            const double value = (double)matrix->entries[e].value;
            const double *from = axes + (size_t)matrix->entries[e].column * BLOCK;
            for (size_t j = 0; j < BLOCK; j++) {
                out[b * BLOCK + j] += value * from[j];
            }
        }
    }
}
