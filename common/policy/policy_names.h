// policy_names.h - what the words of a policy mean in one bundle: columns and values, items, which sections there are.
//
// A policy names columns, values and items by their words, in the file and in the section "policy" too, so that the section fits a bundle
// whose items or attributes were replaced. Reading either one turns words into numbers, and refuses a word that the bundle does not have.
#ifndef NJ_POLICY_POLICY_NAMES_H
#define NJ_POLICY_POLICY_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/idlist.h"
#include "common/catalogue/attributes.h"

// All borrowed.
typedef struct {
    const nj_attributes *attributes; // NULL or all zero: the bundle has none
    const nj_idlist *items;          // [N] ids in catalogue order
    uint32_t level_count;            // L
    bool has_vectors;                // the sections that some rules need
    bool has_neighbours;
    bool has_counts;
    bool has_trained_on; // the checkpoint says how many items it was trained on
    int64_t today; // days since 1970: `until: today` of a policy file; the section holds the date
} nj_policy_names;

#endif
