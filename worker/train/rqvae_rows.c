#include "worker/train/rqvae_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "worker/train/rqvae_model.h"

#define BLOCK_ROWS 256
#define VALUE_MAX 1e18f // its square is a float, and so is a sum of as many as a row has

// What the passes over all rows find of each column.
typedef struct {
    double *mean;   // [D]
    double *square; // [D] mean squared distance from the mean
    float *low;     // [D]
    float *high;    // [D]
    float *block;   // [BLOCK_ROWS, D]
} moments;

bool nj_rqvae_standard_from_name(const char *name, nj_rqvae_standard *out)
{
    static const char *const NAMES[] = {"columns", "whole", "none"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            *out = (nj_rqvae_standard)i;
            return true;
        }
    }
    return false;
}

// ---- reading ----

nj_status nj_rqvae_rows_read(const nj_rqvae_rows *rows, size_t first, size_t count, float *out,
                             nj_error *err)
{
    return nj_npy_read_f32(rows->npy, first * rows->D, count * rows->D, out, err);
}

void nj_rqvae_rows_standardise(const nj_rqvae_rows *rows, size_t row, float *out)
{
    const bool is_finite = nj_rqvae_rows_read(rows, row, 1, out, NULL) == NJ_OK;
    for (size_t d = 0; d < rows->D; d++) {
        out[d] = is_finite ? (out[d] - rows->mean[d]) * rows->scale[d] : NAN;
    }
}

// ---- moments ----

static nj_status check_matrix(const nj_npy *npy, nj_error *err)
{
    if (npy->dim_count != 2) {
        return nj_fail(err, NJ_INPUT, "%s: %zu dimensions, embeddings have 2", npy->path,
                       npy->dim_count);
    }
    if (npy->shape[0] < 1 || npy->shape[0] > UINT32_MAX || npy->shape[1] < 1 ||
        npy->shape[1] > NJ_RQVAE_WIDTH_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: %zu rows of %zu numbers, must be 1 to %u of 1 to %d",
                       npy->path, npy->shape[0], npy->shape[1], UINT32_MAX, NJ_RQVAE_WIDTH_MAX);
    }
    return NJ_OK;
}

static nj_status take_moments(moments *m, size_t D, nj_error *err)
{
    m->mean = calloc(D, sizeof *m->mean);
    m->square = calloc(D, sizeof *m->square);
    m->low = calloc(D, sizeof *m->low);
    m->high = calloc(D, sizeof *m->high);
    m->block = calloc(D * BLOCK_ROWS, sizeof *m->block);
    return m->mean != NULL && m->square != NULL && m->low != NULL && m->high != NULL &&
                   m->block != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for the moments of %zu columns", D);
}

static void free_moments(moments *m)
{
    free(m->mean);
    free(m->square);
    free(m->low);
    free(m->high);
    free(m->block);
}

static nj_status find_means(const nj_rqvae_rows *rows, moments *m, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t d = 0; d < rows->D; d++) {
        m->low[d] = INFINITY;
        m->high[d] = -INFINITY;
    }
    for (size_t first = 0; first < rows->count && status == NJ_OK; first += BLOCK_ROWS) {
        const size_t count = nj_min_size(BLOCK_ROWS, rows->count - first);
        status = nj_rqvae_rows_read(rows, first, count, m->block, err);
        for (size_t i = 0; i < count * rows->D && status == NJ_OK; i++) {
            const size_t d = i % rows->D;
            const float value = m->block[i];
            m->mean[d] += (double)value;
            m->low[d] = value < m->low[d] ? value : m->low[d];
            m->high[d] = value > m->high[d] ? value : m->high[d];
        }
    }
    for (size_t d = 0; d < rows->D; d++) {
        m->mean[d] /= (double)rows->count;
    }
    return status;
}

static nj_status find_squares(const nj_rqvae_rows *rows, moments *m, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t first = 0; first < rows->count && status == NJ_OK; first += BLOCK_ROWS) {
        const size_t count = nj_min_size(BLOCK_ROWS, rows->count - first);
        status = nj_rqvae_rows_read(rows, first, count, m->block, err);
        for (size_t i = 0; i < count * rows->D && status == NJ_OK; i++) {
            const size_t d = i % rows->D;
            const double distance = (double)m->block[i] - m->mean[d];
            m->square[d] += distance * distance;
        }
    }
    for (size_t d = 0; d < rows->D; d++) {
        m->square[d] /= (double)rows->count;
    }
    return status;
}

// ---- mean and scale ----

// 0 where no float is as large as the factor ought to be.
static float scale_for(double variance)
{
    const float scale = (float)(1.0 / sqrt(variance));
    return isfinite(scale) ? scale : 0;
}

static nj_status set_column(const nj_rqvae_rows *rows, const moments *m, size_t d, double variance,
                            nj_rqvae_standard standard, nj_error *err)
{
    rows->mean[d] = standard == NJ_RQVAE_AS_IS ? 0 : (float)m->mean[d];
    rows->scale[d] = standard == NJ_RQVAE_AS_IS ? 1 : scale_for(variance);
    const float ends[] = {m->low[d], m->high[d]};
    for (size_t i = 0; i < 2; i++) {
        const float value = (ends[i] - rows->mean[d]) * rows->scale[d];
        if (!isfinite(value) || fabsf(value) > VALUE_MAX) {
            return nj_fail(err, NJ_INPUT,
                           "%s: column %zu has %g: its standardised value %g, or the square of it, "
                           "is beyond float32",
                           rows->npy->path, d, (double)ends[i], (double)value);
        }
    }
    return NJ_OK;
}

static nj_status set_scales(nj_rqvae_rows *rows, const moments *m, nj_rqvae_standard standard,
                            nj_error *err)
{
    rows->variance = 0;
    for (size_t d = 0; d < rows->D; d++) {
        rows->variance += m->square[d];
    }
    if (!(rows->variance > 0)) {
        return nj_fail(err, NJ_INPUT, "%s: all %zu rows are equal, codes could not tell them apart",
                       rows->npy->path, rows->count);
    }
    nj_status status = NJ_OK;
    for (size_t d = 0; d < rows->D && status == NJ_OK; d++) {
        const double variance =
            standard == NJ_RQVAE_WHOLE ? rows->variance / (double)rows->D : m->square[d];
        status = set_column(rows, m, d, variance, standard, err);
    }
    return status;
}

static nj_status measure(nj_rqvae_rows *rows, nj_rqvae_standard standard, moments *m, nj_error *err)
{
    nj_status status = take_moments(m, rows->D, err);
    rows->mean = calloc(rows->D, sizeof *rows->mean);
    rows->scale = calloc(rows->D, sizeof *rows->scale);
    if (rows->mean == NULL || rows->scale == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the moments of %zu columns", rows->D);
    }
    if (status == NJ_OK) {
        status = find_means(rows, m, err);
    }
    if (status == NJ_OK) {
        status = find_squares(rows, m, err);
    }
    return status == NJ_OK ? set_scales(rows, m, standard, err) : status;
}

nj_status nj_rqvae_rows_init(const nj_npy *npy, nj_rqvae_standard standard, nj_rqvae_rows *out,
                             nj_error *err)
{
    moments m = {0};
    nj_status status = check_matrix(npy, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_rqvae_rows rows = {.npy = npy, .count = npy->shape[0], .D = npy->shape[1]};
    status = measure(&rows, standard, &m, err);
    free_moments(&m);
    if (status == NJ_OK) {
        rows.digest = nj_digest_of(npy->data, rows.count * rows.D * npy->element_bytes);
        *out = rows;
        rows = (nj_rqvae_rows){0};
    }
    nj_rqvae_rows_fini(&rows);
    return status;
}

void nj_rqvae_rows_fini(nj_rqvae_rows *rows)
{
    free(rows->mean);
    free(rows->scale);
    *rows = (nj_rqvae_rows){0};
}
