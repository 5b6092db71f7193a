// embedding_rows.h - single rows of an embeddings file as the codebooks see them: behind the transform, where there is one.
#ifndef NJ_CATALOGUE_EMBEDDING_ROWS_H
#define NJ_CATALOGUE_EMBEDDING_ROWS_H

#include "common/catalogue/collisions.h"
#include "common/input/npy.h"
#include "common/quant/transform.h"

typedef struct {
    const nj_npy *npy;           // [N, D_in] borrowed
    nj_transformer *transformer; // owned; NULL = none
    float *x;                    // owned; [D_in]
    size_t width;                // behind the transform
} nj_embedding_rows;

/// Borrows the file and the transform (which may be none) until nj_embedding_rows_end. The file's shape has been checked.
/// Errors  those of nj_transformer_new; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_embedding_rows_begin(nj_embedding_rows *rows, const nj_npy *npy,
                                             const nj_transform *transform, nj_error *err);
/// Accepts a struct that is all zero.
void nj_embedding_rows_end(nj_embedding_rows *rows);

/// Borrowed until nj_embedding_rows_end; for one thread. Reading is NJ_INPUT for a value that is not finite, or a row that a transform
/// makes so (names the row).
nj_row_reader nj_embedding_rows_reader(nj_embedding_rows *rows);

#endif
