// rqvae_rows.h - the embeddings that an RQ-VAE learns from: a mapped .npy, and what standardises its rows.
//
// Rows stay in the file: what is read of them at a time is a shard. So memory does not grow with their number.
#ifndef NJ_WORKER_TRAIN_RQVAE_ROWS_H
#define NJ_WORKER_TRAIN_RQVAE_ROWS_H

#include <stdint.h>

#include "common/base/digest.h"
#include "common/input/npy.h"

#define NJ_RQVAE_STANDARDS "columns, whole or none" // for texts

typedef enum {
    NJ_RQVAE_COLUMNS, // each column gets mean 0 and variance 1; constant ones, and those no float can scale, become 0
    NJ_RQVAE_WHOLE, // each column gets mean 0, and all one factor: variance 1 in the middle
    NJ_RQVAE_AS_IS,
} nj_rqvae_standard;

typedef struct {
    const nj_npy *npy; // borrowed
    size_t count;      // N
    size_t D;
    float *mean;  // owned; [D] standardised is (x - mean) * scale
    float *scale; // owned; [D]
    double
        variance; // mean squared distance of a row from the mean of all, as `catalogue fit` says it
    nj_digest digest;
} nj_rqvae_rows;

/// False (and *out unchanged) for another word than columns, whole, none.
bool nj_rqvae_standard_from_name(const char *name, nj_rqvae_standard *out);

/// Looks at all rows twice. `npy` is borrowed until nj_rqvae_rows_fini.
/// Errors  NJ_INPUT with file and numbers: no matrix of floats, no rows or columns or too many, NaN or infinity (row and column), rows
///         that are all equal, values so large that float32 does not hold their distance from the mean; NJ_NO_MEMORY
/// Proof   tests/unit/train/test_rqvae_codes.c
NJ_CHECKED nj_status nj_rqvae_rows_init(const nj_npy *npy, nj_rqvae_standard standard,
                                        nj_rqvae_rows *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_rqvae_rows_fini(nj_rqvae_rows *rows);

/// out[count, D]: rows first .. first + count - 1 as they are in the file.
NJ_CHECKED nj_status nj_rqvae_rows_read(const nj_rqvae_rows *rows, size_t first, size_t count,
                                        float *out, nj_error *err);
/// The row standardised, as a transform of the same mean and scale makes it. NaN where the file has changed since and has such values now.
void nj_rqvae_rows_standardise(const nj_rqvae_rows *rows, size_t row, float *out);

#endif
