// policy_names.h - what the words of a policy mean in one bundle: columns and values, items, which sections there are.
//
// A policy names columns, values and items by their words, in the file and in the section "policy" too, so that the section fits a bundle
// whose items or attributes were replaced. Reading either one turns words into numbers, and refuses a word that the bundle does not have.
#ifndef NJ_POLICY_POLICY_NAMES_H
#define NJ_POLICY_POLICY_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/idlist.h"
#include "common/catalogue/item_sections.h"
#include "common/catalogue/view.h"

// All borrowed.
typedef struct {
    const nj_attributes *attributes; // NULL or all zero: the bundle has none
    const nj_idlist *items;          // [N] ids in catalogue order
    uint32_t level_count;            // L
    bool has_vectors;                // the sections that some rules need
    bool has_neighbours;
    bool has_counts;
    bool has_trained_on;         // the checkpoint says how many items it was trained on
    uint32_t trained_item_count; // rows that it was trained on; 0: it does not say
    int64_t today; // days since 1970: `until: today` of a policy file; the section holds the date
} nj_policy_names;

/// The names of a bundle: opens its item sections and reads what the checkpoint says of its training.
///
///   items  out  views, which *out borrows
///
/// Errors  NJ_INPUT: no section "model", or it is no JSON; those of nj_item_sections_open
NJ_CHECKED nj_status nj_policy_names_open(const nj_sections *sections,
                                          const nj_catalogue_view *catalogue, int64_t today,
                                          nj_item_sections *items, nj_policy_names *out,
                                          nj_error *err);

#endif
