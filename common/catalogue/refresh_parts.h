// refresh_parts.h - a refresh while it is made; used inside this folder only.
//
//   catalogue_refresh.c     who is new, back, kept, gone; the guard; the catalogue changes at the end, in one step
//   refresh_embeddings.c    codes of new items from embeddings; what has drifted
//   refresh_sids.c          codes of new items as given
//   refresh_refit.c         codes of all items by new codebooks
#ifndef NJ_CATALOGUE_REFRESH_PARTS_H
#define NJ_CATALOGUE_REFRESH_PARTS_H

#include "common/catalogue/catalogue_refresh.h"
#include "common/input/npy.h"

typedef struct {
    const nj_catalogue *old;
    const nj_refresh_config *config;
    nj_refresh_report report;
    nj_idlist_builder tonight; // ids of tonight's list
    nj_idlist_builder items;   // ids of the rows afterwards
    uint32_t *row_of;          // [tonight] row afterwards; from old_count on: a new one
    uint32_t *line_of;         // [added] place in tonight's list of each new row
    uint16_t *codes;           // [rows afterwards, L]; the old ones are filled in
    uint8_t *retired;          // [rows afterwards]
    nj_digest embeddings_digest;
    nj_fitted fitted; // of a refit
} nj_refreshing;

static inline bool nj_refreshing_is_new(const nj_refreshing *r, size_t line)
{
    return r->row_of[line] >= r->report.old_count;
}

/// Checks every row, fills in the codes of new rows, their collisions resolved, and measures the drift.
NJ_CHECKED nj_status nj_refresh_from_embeddings(nj_refreshing *r, nj_error *err);

/// The same by codebooks that are learned first, for all rows.
NJ_CHECKED nj_status nj_refresh_by_refit(nj_refreshing *r, nj_error *err);

/// Opens tonight's embeddings, which must be D wide; that they are as many as the ids has been checked.
NJ_CHECKED nj_status nj_refresh_open_rows(const nj_refreshing *r, size_t D, nj_npy *out,
                                          nj_error *err);

/// The codes of all rows of tonight's embeddings, in their order, where config->executor says; sets the embeddings' digest.
///
///   codes  [tonight, levels of the codebooks]  out
NJ_CHECKED nj_status nj_refresh_encode(nj_refreshing *r, const nj_npy *npy,
                                       const nj_codebooks *codebooks, const nj_transform *transform,
                                       uint16_t *codes, nj_quant_error *out_error, nj_error *err);

/// Checks every row and fills in the codes of new rows.
NJ_CHECKED nj_status nj_refresh_from_sids(nj_refreshing *r, nj_error *err);

#endif
