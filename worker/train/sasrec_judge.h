// sasrec_judge.h - a SASRec on one held-out item of each user: the item's rank among all items, twice.
//
//   history left in   the rank among all N items
//   history masked    the rank among those that are not in the user's history
//
// Items of equal score stand in order of their rows. What is counted is what `eval` would find in lists of all items.
#ifndef NJ_WORKER_TRAIN_SASREC_JUDGE_H
#define NJ_WORKER_TRAIN_SASREC_JUDGE_H

#include "common/base/pool.h"
#include "common/catalogue/users.h"
#include "worker/train/sasrec_gradient.h"

// From 1; 0 (NJ_RANK_NONE): nobody could have named the item, because it stands in the history and that is masked.
typedef struct {
    uint32_t
        *ranks; // owned; [count] history left in, of the users who can be judged, in their order
    uint32_t *masked; // owned; [count]
    size_t count;
} nj_sasrec_ranks;

/// Ranks the known item that stands `from_end` from the end of each history (1: the last), given the up to S items before it. Users who have
/// no item before it are left out.
///
/// Memory  of each thread: the scratch of 32 sequences and a number an item
/// Errors  NJ_NO_MEMORY
/// Proof   tests/unit/train/test_sasrec_learner.c
NJ_CHECKED nj_status nj_sasrec_judge(const nj_sasrec *model, const nj_user_table *users,
                                     uint32_t from_end, nj_pool *pool, nj_sasrec_ranks *out,
                                     nj_error *err);
/// Accepts a struct that is all zero.
void nj_sasrec_ranks_fini(nj_sasrec_ranks *ranks);

#endif
