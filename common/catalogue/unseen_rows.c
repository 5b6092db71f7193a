#include "common/catalogue/unseen_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/base/checked.h"
#include "common/math/kernels.h"

#define UNSEEN_AT_ONCE 64 // rows of a task
#define SEEN_AT_ONCE 1024 // columns of a product

typedef struct {
    uint32_t D;
    const nj_kernels *kernels;
    float *unseen; // [count, D] of length 1
    float *seen;   // [seen_count, D] likewise, without rows of zeros
    uint32_t *seen_rows;
    uint32_t seen_count;
    float *products; // [threads, UNSEEN_AT_ONCE, SEEN_AT_ONCE]
    float *cosines;  // [count, nearest] of the sources
    nj_unseen_rows rows;
} search;

// ---- rows of length 1 ----

static double length_of(const float *row, size_t width)
{
    double square = 0;
    for (size_t d = 0; d < width; d++) {
        square += (double)row[d] * (double)row[d];
    }
    return sqrt(square);
}

static nj_status read_row(const nj_npy *npy, size_t row, size_t D, float *x, bool *out_zero,
                          nj_error *err)
{
    const nj_status status = nj_npy_read_f32(npy, row * D, D, x, err);
    const double length = status == NJ_OK ? length_of(x, D) : 0;
    *out_zero = !(length > 0);
    for (size_t d = 0; d < D && length > 0; d++) {
        x[d] = (float)((double)x[d] / length);
    }
    return status;
}

static nj_status read_rows(const nj_npy *npy, const uint64_t *seen, search *s, nj_error *err)
{
    const size_t N = npy->shape[0];
    bool is_zero = false;
    uint32_t unseen_count = 0;
    nj_status status = NJ_OK;
    for (size_t row = 0; row < N && status == NJ_OK; row++) {
        if (nj_bits_has(seen, row)) {
            status =
                read_row(npy, row, s->D, s->seen + (size_t)s->seen_count * s->D, &is_zero, err);
            s->seen_rows[s->seen_count] = (uint32_t)row;
            s->seen_count += !is_zero;
        } else {
            status =
                read_row(npy, row, s->D, s->unseen + (size_t)unseen_count * s->D, &is_zero, err);
            s->rows.found[unseen_count] = is_zero ? 0 : s->rows.nearest;
            s->rows.rows[unseen_count++] = (uint32_t)row;
        }
    }
    return status;
}

static nj_status take_memory(const nj_npy *npy, const uint64_t *seen, size_t threads, search *s,
                             nj_error *err)
{
    const size_t N = npy->shape[0];
    const size_t seen_count = nj_bits_count(seen, N);
    const size_t unseen_count = N - seen_count;
    nj_unseen_rows *rows = &s->rows;
    size_t products;
    size_t kept;
    if (!nj_mul_size(threads, (size_t)UNSEEN_AT_ONCE * SEEN_AT_ONCE, &products) ||
        !nj_mul_size(unseen_count, rows->nearest, &kept)) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu unseen items", unseen_count);
    }
    rows->count = (uint32_t)unseen_count;
    rows->rows = calloc(unseen_count + 1, sizeof *rows->rows);
    rows->found = calloc(unseen_count + 1, sizeof *rows->found);
    rows->sources = calloc(kept + 1, sizeof *rows->sources);
    s->cosines = calloc(kept + 1, sizeof *s->cosines);
    s->products = calloc(products, sizeof *s->products);
    s->seen_rows = calloc(seen_count + 1, sizeof *s->seen_rows);
    // Products that were checked when the file was opened: it holds N rows of D.
    s->seen = calloc(seen_count * s->D + 1, sizeof *s->seen);
    s->unseen = calloc(unseen_count * s->D + 1, sizeof *s->unseen);
    return rows->rows != NULL && rows->found != NULL && rows->sources != NULL &&
                   s->cosines != NULL && s->products != NULL && s->seen_rows != NULL &&
                   s->seen != NULL && s->unseen != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu items of %" PRIu32 " columns", N,
                         s->D);
}

// ---- the nearest ----

// Puts the item into a list of `count` that falls; of equal cosines the first that comes, which is the smaller row, stays in front.
static uint32_t insert(uint32_t row, float cosine, uint32_t count, uint32_t most, uint32_t *rows,
                       float *cosines)
{
    if (count == most && !(cosine > cosines[count - 1])) {
        return count;
    }
    uint32_t at = count < most ? count : most - 1;
    for (; at > 0 && cosine > cosines[at - 1]; at--) {
        cosines[at] = cosines[at - 1];
        rows[at] = rows[at - 1];
    }
    cosines[at] = cosine;
    rows[at] = row;
    return count < most ? count + 1 : most;
}

static void find_block(void *context, size_t task, size_t thread)
{
    search *s = context;
    const uint32_t nearest = s->rows.nearest;
    const size_t first = task * UNSEEN_AT_ONCE;
    const size_t count = nj_min_size(UNSEEN_AT_ONCE, s->rows.count - first);
    float *products = s->products + thread * UNSEEN_AT_ONCE * SEEN_AT_ONCE;
    uint32_t kept[UNSEEN_AT_ONCE] = {0};
    for (size_t at = 0; at < s->seen_count; at += SEEN_AT_ONCE) {
        const size_t n = nj_min_size(SEEN_AT_ONCE, s->seen_count - at);
        s->kernels->matmul_nt(count, n, s->D, s->unseen + first * s->D, s->D, s->seen + at * s->D,
                              s->D, products, SEEN_AT_ONCE);
        for (size_t i = 0; i < count; i++) {
            const size_t list = (first + i) * nearest;
            for (size_t k = 0; k < n && s->rows.found[first + i] > 0; k++) {
                kept[i] = insert(s->seen_rows[at + k], products[i * SEEN_AT_ONCE + k], kept[i],
                                 nearest, s->rows.sources + list, s->cosines + list);
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        s->rows.found[first + i] = kept[i];
    }
}

nj_status nj_unseen_rows_find(const nj_npy *embeddings, const uint64_t *seen, uint32_t nearest,
                              nj_pool *pool, nj_unseen_rows *out, nj_error *err)
{
    search s = {.rows.nearest = nearest};
    if (embeddings->dim_count != 2 || embeddings->shape[1] == 0 ||
        embeddings->shape[0] > UINT32_MAX || embeddings->shape[1] > UINT32_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: is no matrix of one row an item", embeddings->path);
    }
    s.D = (uint32_t)embeddings->shape[1];
    nj_status status = nj_kernels_select("auto", &s.kernels, err);
    if (status == NJ_OK) {
        status = take_memory(embeddings, seen, nj_pool_threads(pool), &s, err);
    }
    if (status == NJ_OK) {
        status = read_rows(embeddings, seen, &s, err);
    }
    if (status == NJ_OK) {
        nj_pool_run(pool, (s.rows.count + UNSEEN_AT_ONCE - 1) / UNSEEN_AT_ONCE, find_block, &s);
        *out = s.rows;
        s.rows = (nj_unseen_rows){0};
    }
    nj_unseen_rows_fini(&s.rows);
    free(s.cosines);
    free(s.products);
    free(s.seen_rows);
    free(s.seen);
    free(s.unseen);
    return status;
}

void nj_unseen_rows_fini(nj_unseen_rows *unseen)
{
    free(unseen->rows);
    free(unseen->found);
    free(unseen->sources);
    *unseen = (nj_unseen_rows){0};
}

static void fill_row(const uint32_t *sources, uint32_t count, double length, float *vectors,
                     size_t width, float *row)
{
    double lengths = 0;
    for (uint32_t k = 0; k < count; k++) {
        lengths += length_of(vectors + sources[k] * width, width);
    }
    for (size_t d = 0; d < width; d++) {
        double sum = 0;
        for (uint32_t k = 0; k < count; k++) {
            sum += (double)vectors[sources[k] * width + d];
        }
        row[d] = count > 0 ? (float)(sum / count) : 0;
    }
    const double mean = length_of(row, width);
    const double factor = length > 0 && mean > 0 ? length * lengths / count / mean : 1;
    for (size_t d = 0; d < width; d++) {
        row[d] = (float)((double)row[d] * factor);
    }
}

void nj_unseen_rows_fill(const nj_unseen_rows *unseen, double length, float *vectors, size_t width)
{
    for (uint32_t i = 0; i < unseen->count; i++) {
        fill_row(unseen->sources + (size_t)i * unseen->nearest, unseen->found[i], length, vectors,
                 width, vectors + (size_t)unseen->rows[i] * width);
    }
}
