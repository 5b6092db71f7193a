// fresh.h - items that were added lately: how many a list wants, and where more of them come from.
//
// An item is fresh when its day is one of the `fresh_days` before `fresh_until`, or that day itself. What candidates lack of fresh items
// comes from next to them in the trie: those that have most codes in common with a candidate, of as many the best candidate's first. What
// has no code in common with any comes last, the most frequent in the histories first; so a user without candidates gets those.
#ifndef NJ_WORKER_POLICY_FRESH_H
#define NJ_WORKER_POLICY_FRESH_H

#include "common/base/error.h"
#include "common/catalogue/attributes.h"
#include "common/catalogue/view.h"
#include "worker/policy/candidate.h"
#include "worker/policy/constraints.h"
#include "worker/policy/listable.h"

// Fresh items that are looked at for one list: with more of them that a user may not get, his list has fewer.
#define NJ_FRESH_LOOKS_MAX 16384

typedef struct {
    const nj_policy *policy; // borrowed
    const int32_t *day_of;   // [N] borrowed; NULL: fresh_share is 0
    const nj_sids *sids;     // borrowed
    uint32_t *rows;          // owned; [count] listable fresh rows in the trie's order
    uint32_t *by_count; // [count] the same, the most frequent first; behind them in the same memory
    uint32_t count;
    uint32_t wanted; // places of a list
} nj_fresh;

/// Bytes that nj_fresh_init allocates at the most.
size_t nj_fresh_bytes(const nj_policy *policy, const nj_trie *trie);

/// Gathers the fresh rows. With fresh_share 0 none is wanted, and nothing is allocated.
///
///   listable  [N bits] rows of the trie that lists may have
///             Without the catalogue's counts the trie's order stands for the most frequent first
///
/// Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_fresh_init(const nj_policy *policy, const nj_catalogue_view *catalogue,
                                   const nj_attributes *attributes, const uint64_t *listable,
                                   uint32_t top, nj_fresh *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_fresh_fini(nj_fresh *fresh);

/// Whether the row is fresh. False for all where none is wanted.
bool nj_fresh_has(const nj_fresh *fresh, uint32_t row);

/// Reserves fresh items next to the candidates and appends them, until `need` are reserved or none is left. Each has source
/// NJ_SOURCE_NEAR, raw the codes in common, and the score of the last candidate (0 where there was none).
///
/// Returns  how many were reserved
/// Proof    tests/unit/policy/test_policies.c against a look at every pair
uint32_t nj_fresh_reserve_near(const nj_fresh *fresh, const nj_listable *listable, uint32_t need,
                               nj_constraints *constraints, nj_candidates *candidates);

#endif
