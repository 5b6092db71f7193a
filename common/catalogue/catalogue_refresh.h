// catalogue_refresh.h - every morning: tonight's items on yesterday's catalogue, and no published SID moves.
//
//   OLD rows      a  b  c  d        tonight's ids    a  c  e
//   refreshed     a  b  c  d  e     retired          .  b  .  d  .
//
// The old rows stay first, in their order, retired ones too; new items follow in the order of tonight's list. An item in both keeps its
// row and its SID, one that is missing tonight is retired, one that comes back is sold again under the SID it had. A SID belongs to its
// item for as long as the model is used, sold or not: new items are told apart from every item that ever was (ops/handbook/decisions/
// 0020).
//
// A refit is for a model that is trained anew: new codebooks, numbered after the old ones as far as items agree (align.h), and every
// item's SID by them. Items of which there are no embeddings tonight, the retired ones, get the codes of the item that is there and had
// most of their first codes in common: neighbours stay neighbours, whatever space the new embeddings are in. Counters stay with items
// whose other codes do.
#ifndef NJ_CATALOGUE_CATALOGUE_REFRESH_H
#define NJ_CATALOGUE_CATALOGUE_REFRESH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/catalogue/align.h"
#include "common/catalogue/catalogue.h"
#include "common/catalogue/catalogue_fit.h"
#include "common/catalogue/collisions.h"
#include "common/catalogue/item_round.h"
#include "common/quant/encoder.h"

typedef struct {
    const char *ids_path; // tonight's items, one id a line
    // Where new items get their SIDs from: embeddings (.npy [tonight, D], row i is line i of the ids; the catalogue has
    // codebooks), or given SIDs (.npy [tonight, L]), or neither: then no item may be new.
    const char *embeddings_path;
    const char *sids_path;
    // New items whose codes somebody has. A catalogue with a counter goes on counting (`suffix_relocates`: past the counter they are
    // relocated, not refused). Without one, the policy is RELOCATE unless `share`: LEAVES. Given SIDs may be those of other items
    // only with `share`.
    bool share;
    bool suffix_relocates;
    bool
        without_drift; // embeddings of items that keep their SIDs are only checked, not encoded again
    // Of the items sold so far, how many per cent may be missing tonight. A half-written export must not empty the shop.
    double retired_percent_max;
    // A refit: gives new codebooks, after which every item gets its SID anew. Nullable. Needs embeddings; no drift is measured.
    // `start_codes` [tonight, levels] are those that items have had, NJ_FIT_NO_CODE where one is new (nj_fit_config).
    nj_status (*learn)(void *context, const uint32_t *start_codes, nj_fitted *out, nj_error *err);
    void *learn_context;
    // Where embeddings are encoded; NULL: this thread. The result does not depend on it. Without the drift new items are encoded on this
    // thread anyway: handing all rows out would cost more.
    const nj_item_executor *executor;
} nj_refresh_config;

// What the codes that an item would get tonight say of those it keeps. A relocated item has other codes than the nearest from the
// start.
typedef struct {
    bool measured;
    uint32_t row_count;   // items that keep their SIDs and have embeddings tonight
    uint32_t moved_count; // of them: tonight's codes are others
    uint32_t
        moved_at[NJ_LEVELS_MAX]; // whose first other code stands on this level of the codebooks
    nj_quant_error best;         // what tonight's codes leave of tonight's rows, new ones too
    double
        growth_sum; // sum over moved rows of what the published codes leave beyond that, behind the last level
} nj_refresh_drift;

// How many SIDs a refit has changed, over the rows of the catalogue before.
typedef struct {
    bool done;
    nj_alignment alignment;             // of items sold before and tonight
    uint32_t changed_count;             // rows whose SID is another
    uint32_t changed_at[NJ_LEVELS_MAX]; // [L] whose code on this level is
    uint32_t
        followed_count; // items without embeddings: they went where their nearest neighbour went
    nj_digest old_sids_digest; // fingerprint of the SIDs before
    uint16_t *old_codes;       // owned; [old_count, L] SIDs before
} nj_refit_report;

typedef struct {
    uint32_t old_count;     // rows of the catalogue before
    uint32_t tonight_count; // items of tonight's list
    uint32_t kept_count;    // sold before and tonight
    uint32_t added_count;   // never seen before
    uint32_t returned_count;
    uint32_t retired_count; // sold before, not tonight
    uint32_t gone_count;    // all retired rows afterwards
    bool same_embeddings;   // the fingerprint is the one of the catalogue before: nothing drifted
    nj_collision_outcome collisions; // of the new items
    nj_refresh_drift drift;
    nj_refit_report refit;
} nj_refresh_report;

/// Accepts a report that is all zero.
void nj_refresh_report_fini(nj_refresh_report *report);

/// Refreshes in memory; nothing is written. `out` is owned: nj_refresh_report_fini. On failure the catalogue is as it was. The counts of `out` are also set when
/// retired_percent_max refuses. The embeddings' fingerprint becomes that of tonight's file.
///
/// Errors  NJ_INPUT with file, rule and both numbers: another count of ids than of rows, an id twice (both lines), another D, NaN or
///         infinity (row and column), new items without embeddings or SIDs (the first and the count), embeddings for a catalogue
///         without codebooks, a given SID that is not the item's (both SIDs), a given SID that another item has (both
///         ids), what nj_collisions_resolve says, what config->executor says, for a refit what nj_codebooks_align says; NJ_REFUSED: more than retired_percent_max would be retired (both numbers), or every item
/// Memory  codes and ids once more, a map of the old ids, tonight's codes by the codebooks, what nj_encode_rows takes
/// Proof   tests/unit/catalogue/test_refresh.c, test_refresh_random.c
NJ_CHECKED nj_status nj_catalogue_refresh(nj_catalogue *catalogue, const nj_refresh_config *config,
                                          nj_refresh_report *out, nj_error *err);

#endif
