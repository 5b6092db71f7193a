#include "common/quant/transform.h"

#include <math.h>
#include <stdio.h>

#include "common/quant/quant.h"

#define PART_NAME_BYTES 32

size_t nj_transform_width(const nj_transform *transform)
{
    if (transform->layer_count > 0) {
        return transform->layers[transform->layer_count - 1].rows;
    }
    return transform->matrix.rows > 0 ? transform->matrix.rows : transform->D_in;
}

// ---- checking ----

static nj_status check_finite(const float *values, size_t rows, size_t columns, const char *part,
                              nj_error *err)
{
    for (size_t i = 0; values != NULL && i < rows * columns; i++) {
        if (!isfinite(values[i])) {
            return nj_fail(err, NJ_INPUT, "%s, row %zu, column %zu: %g is not finite", part,
                           i / columns, i % columns, (double)values[i]);
        }
    }
    return NJ_OK;
}

// `*width` is what comes in, and then what goes out.
static nj_status check_dense(const nj_dense *dense, const char *part, size_t *width, nj_error *err)
{
    if (dense->columns != *width) {
        return nj_fail(err, NJ_INPUT, "%s takes %zu numbers, it is given %zu", part, dense->columns,
                       *width);
    }
    if (dense->rows < 1 || dense->rows > NJ_QUANT_DIMS_MAX) {
        return nj_fail(err, NJ_INPUT, "%s gives %zu numbers, must be 1 to %d", part, dense->rows,
                       NJ_QUANT_DIMS_MAX);
    }
    *width = dense->rows;
    nj_status status = check_finite(dense->weight, dense->rows, dense->columns, part, err);
    return status == NJ_OK ? check_finite(dense->bias, 1, dense->rows, part, err) : status;
}

nj_status nj_transform_check(const nj_transform *transform, nj_error *err)
{
    size_t width = transform->D_in;
    if (width < 1 || width > NJ_QUANT_DIMS_MAX) {
        return nj_fail(err, NJ_INPUT, "transform takes %zu numbers, must be 1 to %d", width,
                       NJ_QUANT_DIMS_MAX);
    }
    if (transform->layer_count > NJ_TRANSFORM_LAYERS_MAX) {
        return nj_fail(err, NJ_INPUT, "encoder has %zu layers, at most %d are possible",
                       transform->layer_count, NJ_TRANSFORM_LAYERS_MAX);
    }
    nj_status status = check_finite(transform->mean, 1, width, "transform.mean", err);
    if (status == NJ_OK) {
        status = check_finite(transform->scale, 1, width, "transform.scale", err);
    }
    if (status == NJ_OK && transform->matrix.rows > 0) {
        status = check_dense(&transform->matrix, "transform.matrix", &width, err);
    }
    for (size_t i = 0; i < transform->layer_count && status == NJ_OK; i++) {
        char part[PART_NAME_BYTES];
        snprintf(part, sizeof part, "encoder.%zu", i);
        status = check_dense(&transform->layers[i], part, &width, err);
    }
    return status;
}
