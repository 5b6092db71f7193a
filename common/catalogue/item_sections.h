// item_sections.h - what a bundle holds of items for policies, opened at once. Each may be absent; its view is then all zero.
#ifndef NJ_CATALOGUE_ITEM_SECTIONS_H
#define NJ_CATALOGUE_ITEM_SECTIONS_H

#include "common/bundle/bundle.h"
#include "common/catalogue/attributes.h"
#include "common/catalogue/item_vectors.h"
#include "common/catalogue/neighbour_table.h"

// Views, borrowed from the sections.
typedef struct {
    nj_attributes attributes;
    nj_item_vectors vectors;
    nj_neighbour_table neighbours;
} nj_item_sections;

/// Opens the sections "attributes", "vectors" and "neighbours", of as many rows as the catalogue has.
/// Errors  as each one's
NJ_CHECKED nj_status nj_item_sections_open(const nj_sections *sections, uint32_t row_count,
                                           nj_item_sections *out, nj_error *err);

#endif
