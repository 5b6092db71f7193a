// policy_reach.h - how much of a catalogue a policy leaves to choose from.
#ifndef NJ_POLICY_POLICY_REACH_H
#define NJ_POLICY_POLICY_REACH_H

#include "common/base/error.h"
#include "common/catalogue/attributes.h"
#include "common/catalogue/view.h"
#include "common/policy/policy.h"

typedef struct {
    uint32_t sold;   // items in the trie
    uint32_t denied; // of those
    uint32_t left;   // the others
    uint32_t fresh;  // of those left
    uint32_t cold;   // of those left
    uint32_t cap_room
        [NJ_POLICY_RULES_MAX]; // places of a list that one cap by itself can fill, of those left
} nj_policy_reach;

/// Counts. Caps are counted one by one: that several together leave enough is not shown, that one does not is.
///
///   attributes          NULL where the policy names no column
///   trained_item_count  rows that the checkpoint says it was trained on; 0: it does not say
///
/// Cost    a pass over the items of the trie for each cap, with the rules of deny asked for each item; a number for each value of the
///         column with the most
/// Errors  NJ_NO_MEMORY; *out is unchanged
/// Proof   tests/unit/policy/test_policy_check.c
NJ_CHECKED nj_status nj_policy_reach_count(const nj_policy *policy, const nj_attributes *attributes,
                                           const nj_catalogue_view *catalogue,
                                           uint32_t trained_item_count, nj_policy_reach *out,
                                           nj_error *err);

/// Whether a rule of `deny` names the row.
bool nj_policy_denies(const nj_policy *policy, const nj_attributes *attributes, uint32_t row);

#endif
