// fill.h - what a list gets when the search and the rules leave it short: neighbours in the trie, then popular items, then any.
//
//   near     items that share their first codes with an item of the list: first those that share all L codes, then L-1, ... 1;
//            of as many codes those next to the best item first, in the trie's order
//   popular  items that stand in the histories which the bundle counted, the most frequent first, of equal counts the smaller row
//   any      items of the trie, in its order
//
// This file only says which items come, and in which order. Whether one may stand in this user's list (his mask, his exclusions, the
// policy's rules, and that it is not there yet) is the taker's to say: so every step stays inside them.
//
// Scores come as they are: the taker brings them below that of the item before (nj_policies_add).
#ifndef NJ_WORKER_POLICY_FILL_H
#define NJ_WORKER_POLICY_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/sid/trie.h"
#include "common/sid/trie_build.h"
#include "worker/policy/candidate.h"

// What fills lists; all is borrowed.
typedef struct {
    const nj_trie *trie;
    const nj_sids *sids; // of all catalogue rows
    const uint32_t
        *counts; // [N] how often each item stands in histories; NULL: nothing was counted
    const uint32_t
        *popular; // [popular_count] rows of the trie that were counted, most frequent first
    uint32_t popular_count;
} nj_fill;

// Who takes items into a list.
typedef struct {
    void *context;
    /// Takes the item, or says that it may not stand in the list (false), because it stands there already for instance.
    bool (*take)(void *context, const nj_candidate *item);
    uint32_t wanted; // items; taking ends there
} nj_fill_taker;

/// Gives what lies near the items of a list.
///
///   items  [count]  the list; may be what the taker appends to: only the first `count` are looked at
///
/// Returns  how many were taken, at most taker->wanted. Each has source NJ_SOURCE_NEAR, raw the codes in common, and the score of the
///          item that it lies next to
/// Cost     at most the leaves below the first codes of the list's items, each looked at once an item of the list
/// Proof    tests/unit/policy/test_fill.c against a sort of all items
uint32_t nj_fill_near(const nj_fill *fill, const nj_candidate *items, uint32_t count,
                      const nj_fill_taker *taker);

/// Gives the most popular items.
///
///   total  counts of the items that the user's mask lets through, summed: what a share is of; 0: none of them was counted
///
/// Returns  as nj_fill_near. Each has source NJ_SOURCE_POPULAR, raw and score the logarithm of its share
/// Proof    tests/unit/policy/test_fill.c against a sort of all items
uint32_t nj_fill_popular(const nj_fill *fill, uint64_t total, const nj_fill_taker *taker);

/// Gives any item: of source NJ_SOURCE_POPULAR, raw and score 0. Returns as nj_fill_near.
uint32_t nj_fill_any(const nj_fill *fill, const nj_fill_taker *taker);

#endif
