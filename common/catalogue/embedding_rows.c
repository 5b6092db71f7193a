#include "common/catalogue/embedding_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

nj_status nj_embedding_rows_begin(nj_embedding_rows *rows, const nj_npy *npy,
                                  const nj_transform *transform, nj_error *err)
{
    *rows = (nj_embedding_rows){.npy = npy, .width = npy->shape[1]};
    if (nj_transform_is_none(transform)) {
        return NJ_OK;
    }
    rows->width = nj_transform_width(transform);
    rows->x = malloc(npy->shape[1] * sizeof *rows->x);
    if (rows->x == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for a row", npy->path);
    }
    return nj_transformer_new(transform, &rows->transformer, err);
}

void nj_embedding_rows_end(nj_embedding_rows *rows)
{
    nj_transformer_free(&rows->transformer);
    free(rows->x);
    *rows = (nj_embedding_rows){0};
}

static nj_status read_row(void *context, uint32_t row, float *out, nj_error *err)
{
    const nj_embedding_rows *rows = context;
    const size_t D = rows->npy->shape[1];
    if (rows->transformer == NULL) {
        return nj_npy_read_f32(rows->npy, row * D, D, out, err);
    }
    nj_status status = nj_npy_read_f32(rows->npy, row * D, D, rows->x, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_transformer_apply(rows->transformer, rows->x, 1, out);
    for (size_t d = 0; d < rows->width; d++) {
        if (!isfinite(out[d])) {
            return nj_fail(err, NJ_INPUT,
                           "%s: row %" PRIu32 ": is not finite behind the catalogue's transform",
                           rows->npy->path, row);
        }
    }
    return NJ_OK;
}

nj_row_reader nj_embedding_rows_reader(nj_embedding_rows *rows)
{
    return (nj_row_reader){rows, read_row};
}
