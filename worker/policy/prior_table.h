// prior_table.h - how much of all histories lies below each prefix, and what a search adds to a prefix's score because of it.
//
//   prior(node) = (counts of its items + smoothing * its items) / (counts of all items + smoothing * all items)
//   bias(node)  = -alpha_l * log(prior(node))          at level l; not below 0 where alpha is not
//
// An item that is retired is in no node. Priors are of the prefix, not of its last code: with the same alpha at each level a popular first
// code costs at every level, and alpha at the last level alone weighs items by their own popularity.
#ifndef NJ_WORKER_POLICY_PRIOR_TABLE_H
#define NJ_WORKER_POLICY_PRIOR_TABLE_H

#include "common/base/error.h"
#include "common/policy/policy.h"

typedef struct {
    float *memory;                    // owned
    const float *bias[NJ_LEVELS_MAX]; // [node_count[l + 1]] into it; NULL where alpha_l is 0
} nj_prior_table;

/// Bytes of the table; 0 where every alpha is 0. SIZE_MAX on overflow.
size_t nj_prior_table_bytes(const nj_trie *trie, const nj_policy *policy);

/// Counts and takes logarithms. With every alpha 0 the table is all zero.
///
///   counts  [N] how often each item stands in the histories
///
/// Memory  8 bytes a leaf beside the table, while it runs
/// Errors  NJ_NO_MEMORY
/// Order   counts are whole numbers; a share is float64, its logarithm nj_log of it as float32
/// Proof   tests/unit/policy/test_prior_table.c
NJ_CHECKED nj_status nj_prior_table_init(const nj_trie *trie, const uint32_t *counts,
                                         const nj_policy *policy, nj_prior_table *out,
                                         nj_error *err);
/// Accepts a table that is all zero.
void nj_prior_table_fini(nj_prior_table *table);

#endif
