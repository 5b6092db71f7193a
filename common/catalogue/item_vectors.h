// item_vectors.h - a vector of each item: by which a policy says how alike two items are (the section "vectors"), or which a model's
// projector reads (the section "collaborative"). Checked and looked into, and written (schemas/bundle.md).
//
//   header   "NJVECTOR", version, rows, width, form          64 bytes
//   rows     float16 or float32 [N, D]
//
// A row of "vectors" has length 1, so that a dot product is a cosine, or is all zeros: the item has no vector and is like no other. Rows of
// float16 are of length 1 but for their rounding, which moves a cosine by less than .001 (ops/handbook/decisions/0035).
// A row of "collaborative" is float32 as it was given, or all zeros: of a cold item a model reads the zero vector.
#ifndef NJ_CATALOGUE_ITEM_VECTORS_H
#define NJ_CATALOGUE_ITEM_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/input/half.h"
#include "common/input/npy.h"

#define NJ_ITEM_VECTORS_VERSION 1
#define NJ_ITEM_VECTOR_WIDTH_MAX 4096
#define NJ_ITEM_VECTOR_LENGTH_ERROR 2e-3 // that a row's length may be off 1

typedef enum {
    NJ_VECTORS_F32,
    NJ_VECTORS_F16,
    NJ_VECTORS_GIVEN, // float32 of any length: "collaborative"
} nj_vector_form;

// A view; all zero where there are no vectors.
typedef struct {
    uint32_t row_count; // N
    uint32_t width;     // D
    nj_vector_form form;
    const float *
        f32; // [N, D] borrowed, aligned to 64; NULL where they are float16, never in "collaborative"
    const uint16_t *f16; // [N, D] likewise
    uint32_t zero_count; // rows of zeros
} nj_item_vectors;

/// Opens a view on the bytes of a section "vectors" after checking all of them: sizes, and each row's length.
///
///   bytes  aligned to 64; borrowed for the life of the view
///
/// Cost    one pass
/// Errors  NJ_INPUT names row, rule and both numbers
/// Proof   tests/unit/catalogue/test_item_vectors.c, tests/fuzz/fuzz_item_sections.c
NJ_CHECKED nj_status nj_item_vectors_open(const void *bytes, size_t size, uint32_t row_count,
                                          nj_item_vectors *out, nj_error *err);

/// The same of a section "collaborative": rows have any length, and all values are finite.
NJ_CHECKED nj_status nj_collaborative_open(const void *bytes, size_t size, uint32_t row_count,
                                           nj_item_vectors *out, nj_error *err);

/// The row as float32, exactly: out [D].
static inline void nj_item_vectors_row(const nj_item_vectors *vectors, uint32_t row, float *out)
{
    const size_t first = (size_t)row * vectors->width;
    for (uint32_t d = 0; d < vectors->width; d++) {
        out[d] =
            vectors->f32 != NULL ? vectors->f32[first + d] : nj_f32_of_f16(vectors->f16[first + d]);
    }
}

/// True where the item has no vector.
bool nj_item_vectors_is_zero(const nj_item_vectors *vectors, uint32_t row);

/// Appends the section: rows of `npy` brought to length 1, or for NJ_VECTORS_GIVEN as they are.
///
///   npy     [M, D] float
///   items   [N] ids of the catalogue
///   ids     [M] ids of the rows of npy; items that it lacks get zeros, and ids that the catalogue lacks are passed over.
///           NULL: row i is of item i, and M is N
///
/// Memory  the section
/// Errors  NJ_INPUT: another shape (both numbers), a value that is not finite, an id twice, rows that are all zeros; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_item_vectors_write(const nj_npy *npy, const nj_idlist *items,
                                           const nj_idlist *ids, nj_vector_form form,
                                           nj_buffer *out, nj_error *err);

#endif
