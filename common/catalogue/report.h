// report.h - the figures of a catalogue: how well its codes are used, what they leave of the embeddings, whether they mean something,
// and what each of the collision policies would give.
//
// All rows count, retired ones too: they keep their SIDs. A collision counter is left out of everything but the collisions' end.
#ifndef NJ_CATALOGUE_REPORT_H
#define NJ_CATALOGUE_REPORT_H

#include "common/catalogue/catalogue.h"
#include "common/catalogue/categories.h"
#include "common/catalogue/collisions.h"

typedef struct {
    uint32_t code_count;   // K
    uint32_t used_count;   // codes that an item has; the others are dead
    uint32_t prefix_count; // different prefixes that end with this level
    double
        perplexity; // e to the entropy of the items' codes: so many codes, evenly used, would tell as much
    double largest_share; // of the items, with the code that most have
    double error;         // with embeddings: mean squared error behind this level
    double
        purity; // with categories: share of items that are of the most frequent category of their prefix
    double chance_purity; // the same with categories dealt out at random
    uint32_t *counts;     // [K] items of each code, most first
} nj_level_report;

// Owned: nj_report_fini.
typedef struct {
    uint32_t item_count;
    uint32_t level_count; // without a counter
    nj_level_report levels[NJ_LEVELS_MAX];
    nj_collision_outcome leaves; // the codes as they are; a counter needs largest_count codes
    bool has_embeddings;
    double square_mean; // of the embeddings' squared lengths
    bool has_relocation;
    nj_collision_outcome relocation;
    bool has_categories;
    uint32_t category_count;
    uint32_t categorised_count; // items that have one
    double largest_category_share;
    uint32_t *counts; // of all levels
} nj_report;

typedef struct {
    nj_row_reader rows;              // read == NULL: no embeddings
    const nj_categories *categories; // NULL: none
    bool policies;                   // try relocation; needs embeddings and codebooks
} nj_report_options;

/// Counts and measures. The codebooks must have the catalogue's levels where embeddings are given.
///
/// Memory  10 bytes an item and level, and what relocation takes (collisions.h)
/// Errors  NJ_INPUT: embeddings are given and there are no codebooks, or of other levels; what `rows` says; NJ_NO_MEMORY
/// Proof   tests/unit/catalogue/test_report.c
NJ_CHECKED nj_status nj_report_make(const nj_catalogue *catalogue, const nj_report_options *options,
                                    nj_report *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_report_fini(nj_report *report);

#endif
