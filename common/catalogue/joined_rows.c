#include "common/catalogue/joined_rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

static double length_of(const float *x, size_t D)
{
    double square = 0;
    for (size_t d = 0; d < D; d++) {
        square += (double)x[d] * (double)x[d];
    }
    return sqrt(square);
}

// Reads a row of a part, of length 1 unless lengths are kept. *out_zero: it is all zeros.
static nj_status read_row(const nj_joined_part *part, size_t row, float *x, bool *out_zero,
                          nj_error *err)
{
    const size_t D = part->npy->shape[1];
    nj_status status = NJ_OK;
    if (part->filled != NULL) {
        memcpy(x, part->filled + row * D, D * sizeof *x);
    } else {
        status = nj_npy_read_f32(part->npy, row * D, D, x, err);
    }
    const double length = status == NJ_OK ? length_of(x, D) : 0;
    *out_zero = length == 0;
    for (size_t d = 0; d < D && length > 0 && !part->keeps_lengths; d++) {
        x[d] = (float)((double)x[d] / length);
    }
    return status;
}

static nj_status check_shapes(const nj_joined_part *parts, size_t count, nj_error *err)
{
    const nj_npy *first = parts[0].npy;
    for (size_t i = 0; i < count; i++) {
        const nj_npy *npy = parts[i].npy;
        if (npy->dim_count != 2 || npy->shape[0] == 0 || npy->shape[1] == 0) {
            return nj_fail(err, NJ_INPUT, "%s: is no matrix of one row an item", npy->path);
        }
        if (npy->shape[0] != first->shape[0]) {
            return nj_fail(err, NJ_INPUT,
                           "%s has %zu rows and %s %zu: embeddings are joined row by row, so all "
                           "must be of the same items in the same order",
                           first->path, first->shape[0], npy->path, npy->shape[0]);
        }
    }
    return NJ_OK;
}

nj_status nj_joined_fill(nj_joined_part *part, const nj_npy *first, const nj_unseen_rows *unseen,
                         nj_error *err)
{
    const nj_joined_part both[] = {{.npy = first}, *part};
    nj_status status = check_shapes(both, 2, err);
    if (status != NJ_OK) {
        return status;
    }
    // A product that was checked when the file was opened.
    const size_t elements = part->npy->shape[0] * part->npy->shape[1];
    part->filled = malloc(elements * sizeof *part->filled);
    if (part->filled == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its %zu rows", part->npy->path,
                       part->npy->shape[0]);
    }
    status = nj_npy_read_f32(part->npy, 0, elements, part->filled, err);
    if (status == NJ_OK) {
        nj_unseen_rows_fill(unseen, 0, part->filled, part->npy->shape[1]);
    }
    return status;
}

void nj_joined_part_fini(nj_joined_part *part)
{
    free(part->filled);
    part->filled = NULL;
}

// The mean of the rows that are not zeros, and how many rows those are.
static nj_status find_mean(const nj_joined_part *part, float *x, double *mean, size_t *out_rows,
                           nj_error *err)
{
    const size_t D = part->npy->shape[1];
    bool is_zero = false;
    nj_status status = NJ_OK;
    *out_rows = 0;
    for (size_t row = 0; row < part->npy->shape[0] && status == NJ_OK; row++) {
        status = read_row(part, row, x, &is_zero, err);
        for (size_t d = 0; d < D && status == NJ_OK; d++) {
            mean[d] += (double)x[d];
        }
        *out_rows += !is_zero;
    }
    for (size_t d = 0; d<D && * out_rows> 0; d++) {
        mean[d] /= (double)*out_rows;
    }
    return status;
}

// The mean squared distance from the mean, of the rows that are not zeros.
static nj_status find_variance(const nj_joined_part *part, float *x, double *mean, double *out,
                               nj_error *err)
{
    const size_t D = part->npy->shape[1];
    size_t rows = 0;
    double sum = 0;
    nj_status status = find_mean(part, x, mean, &rows, err);
    for (size_t row = 0; row < part->npy->shape[0] && status == NJ_OK; row++) {
        bool is_zero = false;
        status = read_row(part, row, x, &is_zero, err);
        for (size_t d = 0; d < D && status == NJ_OK && !is_zero; d++) {
            sum += ((double)x[d] - mean[d]) * ((double)x[d] - mean[d]);
        }
    }
    *out = rows > 0 ? sum / (double)rows : 0;
    return status;
}

// Rounding of float rows of length 1 is no variance.
#define VARIANCE_MIN 1e-12

nj_status nj_joined_scales(nj_joined_part *parts, size_t count, const double *shares, nj_error *err)
{
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        total += shares[i];
    }
    nj_status status = check_shapes(parts, count, err);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        const size_t D = parts[i].npy->shape[1];
        float *x = malloc(D * sizeof *x);
        double *mean = calloc(D, sizeof *mean);
        double variance = 0;
        status = x == NULL || mean == NULL
                     ? nj_fail(err, NJ_NO_MEMORY, "%s: no memory for a row", parts[i].npy->path)
                     : find_variance(&parts[i], x, mean, &variance, err);
        free(x);
        free(mean);
        if (status == NJ_OK && !(variance > VARIANCE_MIN)) {
            status =
                nj_fail(err, NJ_INPUT,
                        "%s: its rows are all the same (variance %g), so it has nothing to add",
                        parts[i].npy->path, variance);
        }
        parts[i].scale = status == NJ_OK ? (float)sqrt(shares[i] / total / variance) : 0;
    }
    return status;
}

size_t nj_joined_width(const nj_joined_part *parts, size_t count)
{
    size_t width = 0;
    for (size_t i = 0; i < count; i++) {
        width += parts[i].npy->shape[1];
    }
    return width;
}

static nj_status write_row(nj_joined_part *parts, size_t count, size_t row, float *x,
                           nj_file_draft *draft, nj_error *err)
{
    nj_status status = NJ_OK;
    float *at = x;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        bool is_zero = false;
        status = read_row(&parts[i], row, at, &is_zero, err);
        parts[i].zero_count += is_zero;
        for (size_t d = 0; d < parts[i].npy->shape[1]; d++) {
            at[d] *= parts[i].scale;
            if (status == NJ_OK && !isfinite(at[d])) {
                status = nj_fail(err, NJ_INPUT,
                                 "%s: row %zu, column %zu: times the scale %g is more than float32 "
                                 "holds: give a smaller one",
                                 parts[i].npy->path, row, d, (double)parts[i].scale);
            }
        }
        at += parts[i].npy->shape[1];
    }
    const size_t width = (size_t)(at - x);
    if (status == NJ_OK && fwrite(x, sizeof *x, width, draft->stream) != width) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s", draft->path.text);
    }
    return status;
}

nj_status nj_joined_write(nj_joined_part *parts, size_t count, nj_file_draft *draft, nj_error *err)
{
    nj_status status = check_shapes(parts, count, err);
    if (status != NJ_OK) {
        return status;
    }
    const size_t shape[] = {parts[0].npy->shape[0], nj_joined_width(parts, count)};
    float *x = calloc(shape[1], sizeof *x);
    status = x == NULL ? nj_fail(err, NJ_NO_MEMORY, "no memory for a row of %zu", shape[1])
                       : nj_npy_write_header(draft, NJ_NPY_F32, shape, 2, err);
    for (size_t i = 0; i < count; i++) {
        parts[i].zero_count = 0;
    }
    for (size_t row = 0; row < shape[0] && status == NJ_OK; row++) {
        status = write_row(parts, count, row, x, draft, err);
    }
    free(x);
    return status;
}
