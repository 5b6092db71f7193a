// popularity.h - how often each item stands in the histories: the simplest baseline, and what fills up the lists of others.
#ifndef NJ_WORKER_BASELINE_POPULARITY_H
#define NJ_WORKER_BASELINE_POPULARITY_H

#include "worker/baseline/recommender.h"

/// counts [item_count]: places of each item in all histories.
/// Proof   tests/unit/baseline/test_recommender.c
void nj_popularity_count(const nj_user_table *users, uint32_t item_count, uint64_t *counts);
/// order [item_count]: rows from the most popular; of two that are equal the smaller first.
/// Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_popularity_order(const uint64_t *counts, uint32_t item_count,
                                         uint32_t *order, nj_error *err);

/// Scores nothing: all that its lists have is what fills them up.
nj_recommender nj_popularity_recommender(uint32_t item_count);

#endif
