// recommender.h - whatever scores items for a history, and lists from it: one way to mask, to break ties and to fill up.
//
//   histories, a group at a time ─► begin ─► offer, user by user ─► the best `top`, popular items behind them
#ifndef NJ_WORKER_BASELINE_RECOMMENDER_H
#define NJ_WORKER_BASELINE_RECOMMENDER_H

#include "common/base/error.h"
#include "common/base/pool.h"
#include "common/catalogue/users.h"
#include "worker/baseline/top.h"

#define NJ_LIST_TOP_MAX 10000

typedef struct {
    const void *context; // handed to every function; borrowed
    uint32_t item_count;
    uint32_t group; // users that `begin` takes at once, at the most; at least 1

    /// Memory of a thread. NJ_NO_MEMORY.
    nj_status (*scratch_new)(const void *context, void **out, nj_error *err);
    /// Accepts NULL in *scratch.
    void (*scratch_free)(void **scratch);
    /// Prepares for users [count], which stay where they are until the next call.
    void (*begin)(const void *context, void *scratch, const nj_request *users, uint32_t count);
    /// Hands every item that it has a score for, once, to `visit`; `number` is below the group's count. Scores depend on the user alone.
    void (*offer)(const void *context, void *scratch, uint32_t number,
                  void (*visit)(void *to, uint32_t item, double score), void *to);
} nj_recommender;

// Lists of users first .. first + count - 1.
typedef struct {
    uint32_t top;
    nj_scored *items; // owned; [count, top]
    uint32_t *counts; // owned; [count] places filled
    size_t count;
} nj_scored_lists;

typedef struct {
    uint32_t top;
    bool masks_history; // leave out what stands in the history
    const uint32_t *
        fill; // [item_count] rows in the order in which they fill up lists that are short; NULL: short lists stay so
    const uint64_t *fill_scores;                      // [item_count] of rows that fill up; NULL: 0
    bool (*allows)(const void *rules, uint32_t item); // NULL: every item. Called on any thread
    const void *rules;                                // borrowed
} nj_list_settings;

/// Memory for lists of `count` users. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_scored_lists_init(size_t count, uint32_t top, nj_scored_lists *out,
                                          nj_error *err);
/// Accepts lists that are all zero.
void nj_scored_lists_fini(nj_scored_lists *lists);

typedef struct nj_lister nj_lister;

/// A scratch for each thread of the pool, which is borrowed. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_lister_new(const nj_recommender *recommender,
                                   const nj_list_settings *settings, nj_pool *pool, nj_lister **out,
                                   nj_error *err);
/// Accepts NULL in *lister.
void nj_lister_free(nj_lister **lister);

/// The lists of users first .. first + count - 1 of the table, into `out` (initialised for as many). Bits do not depend on threads.
/// Proof   tests/unit/baseline/test_recommender.c
void nj_lister_run(nj_lister *lister, const nj_user_table *users, size_t first, size_t count,
                   nj_scored_lists *out);

#endif
