// scrub_row.h - a row without some items.
#ifndef NJ_STORE_SCRUB_ROW_H
#define NJ_STORE_SCRUB_ROW_H

#include "common/codec/row.h"
#include "common/store/erase.h"
#include "common/store/scrub_text.h"

// What rows are read and written with.
typedef struct {
    const nj_erase_set *set;      // borrowed
    const nj_scrub_text *text;    // borrowed
    nj_row row;                   // scratch
    nj_why why[NJ_ROW_ITEMS_MAX]; // scratch
    nj_buffer bytes;              // owned; the row that came out
    nj_buffer aged;               // owned, scratch
} nj_scrub_row;

NJ_CHECKED nj_status nj_scrub_row_new(const nj_erase_set *set, const nj_scrub_text *text,
                                      nj_scrub_row **out, nj_error *err);
/// Accepts NULL.
void nj_scrub_row_free(nj_scrub_row **scrub);

/// Sees in `found`, one byte an item of the set, which of them a row names. `*out_count`: how often any of them stands in it.
/// A text that names one counts once.
///
/// Returns  NJ_INPUT: not a row
NJ_CHECKED nj_status nj_scrub_row_count(nj_scrub_row *scrub, nj_slice row, uint8_t *found,
                                        uint64_t *out_count, nj_error *err);

/// The row without the set's items, in `scrub->bytes`: their scores and why go with them, SHORT is set, its text is emptied where
/// it names one, and its trace goes. Its history digest is all zero, so that `run --since` decodes the user anew.
/// Proof   tests/unit/store/test_scrub_row.c
NJ_CHECKED nj_status nj_scrub_row_write(nj_scrub_row *scrub, nj_slice row, nj_error *err);

#endif
