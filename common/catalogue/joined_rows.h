// joined_rows.h - embeddings of several origins side by side, as one: what people write of an item, and who takes it.
//
//   text    [N, 128]  each row to length 1 ─ × scale ─┐
//   sasrec  [N, 64]   each row to length 1 ─ × scale ─┴─► joined [N, 192]
//
// A quantizer spends its codes where the variance is. A part's scale gives it a share of the joined rows' variance: its rows' mean squared
// distance from their mean becomes that share, and those of all parts add up to 1. Nothing is centred: where the rows lie as a whole makes
// no difference to a residual or product quantizer, and a scale alone can be repeated tomorrow on other items.
#ifndef NJ_CATALOGUE_JOINED_ROWS_H
#define NJ_CATALOGUE_JOINED_ROWS_H

#include <stdbool.h>

#include "common/base/file.h"
#include "common/catalogue/unseen_rows.h"
#include "common/input/npy.h"

#define NJ_JOINED_PARTS_MAX 8

typedef struct {
    const nj_npy *npy;  // [N, D_part] float; borrowed
    bool keeps_lengths; // rows are taken as they are
    float scale;        // nine digits tell it exactly
    size_t zero_count;  // rows of zeros, which no scale changes
    float *
        filled; // [N, D_part] owned: what stands for the file's rows (nj_joined_fill); NULL: nothing does
} nj_joined_part;

/// Gives the items of `unseen` their places in a part: the mean of their nearest ones' rows. Before the scales are set.
///
/// Memory  the whole part as float32, until nj_joined_part_fini
/// Errors  NJ_INPUT: the part is no matrix, or has other rows than `unseen` was found for; NJ_NO_MEMORY
/// Proof   tests/unit/catalogue/test_joined_rows.c
NJ_CHECKED nj_status nj_joined_fill(nj_joined_part *part, const nj_npy *first,
                                    const nj_unseen_rows *unseen, nj_error *err);
/// Accepts a part that was never filled.
void nj_joined_part_fini(nj_joined_part *part);

/// Sets the scale of each part by its share, and counts its rows of zeros, which are left out of mean and variance.
///
///   shares [count]  above 0, of any sum
///
/// Errors  NJ_INPUT: the parts have not the same rows, a value is not finite, a part's rows are all the same; NJ_NO_MEMORY
/// Proof   tests/unit/catalogue/test_joined_rows.c
NJ_CHECKED nj_status nj_joined_scales(nj_joined_part *parts, size_t count, const double *shares,
                                      nj_error *err);

/// Writes the joined rows as float32 .npy to a draft that is at its beginning, for the caller to commit; counts rows of zeros.
/// Errors  as above, and NJ_IO
NJ_CHECKED nj_status nj_joined_write(nj_joined_part *parts, size_t count, nj_file_draft *draft,
                                     nj_error *err);

/// Columns of the joined rows.
size_t nj_joined_width(const nj_joined_part *parts, size_t count);

#endif
