// lists.h - one model's lists for the users that are judged, and what becomes of them beside the held-out items.
//
//   items   [users, depth]   user 0's list, user 1's list, ...   best first
//   counts  [users]          places filled; NJ_LIST_ABSENT until the user's list is set
//
// Users are numbers here, so lists of any origin are judged in one order. The memory is shared with processes that are forked from
// this one: each may set the lists of other users, and all see them.
#ifndef NJ_JUDGE_LISTS_H
#define NJ_JUDGE_LISTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

#define NJ_LIST_ABSENT UINT32_MAX

typedef struct {
    size_t user_count;
    uint32_t depth;   // places of a list, at least 1
    uint32_t *counts; // owned, mapped; the items lie behind
    uint32_t *items;
    size_t bytes; // mapped
} nj_lists;

/// Memory  4 bytes a place and 4 a user. NJ_NO_MEMORY leaves `*out` as it was.
NJ_CHECKED nj_status nj_lists_init(size_t user_count, uint32_t depth, nj_lists *out);
/// Accepts lists that are all zero.
void nj_lists_fini(nj_lists *lists);

/// Copies the first `depth` of items [count]: catalogue rows, or NJ_ITEM_INVALID. `user` is below user_count (asserted).
void nj_lists_set(nj_lists *lists, size_t user, const uint32_t *items, uint32_t count);
/// The user's list and its length, 0 where it is absent. Borrowed until nj_lists_fini.
const uint32_t *nj_lists_at(const nj_lists *lists, size_t user, uint32_t *out_count);

typedef struct {
    uint32_t *ranks;        // [user_count], owned: all that the metrics of metric.h need
    size_t absent_count;    // users without a list
    uint64_t item_total;    // places filled in all lists
    uint64_t invalid_total; // of them those that hold no item
    uint32_t longest;       // places of the longest list
} nj_judgement;

/// Ranks each user's held-out item, targets [user_count]. A user without a list is judged as one with an empty list: a model that
/// stays silent where it is hard must not gain by that.
///
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
/// Proof   tests/unit/judge/test_lists.c
NJ_CHECKED nj_status nj_lists_judge(const nj_lists *lists, const uint32_t *targets,
                                    nj_judgement *out);
/// Accepts a judgement that is all zero.
void nj_judgement_fini(nj_judgement *judgement);

/// The mean overlap (metric.h) of two models' lists over all users, in their order; 1 for no user. user_count is the same (asserted).
double nj_lists_overlap(const nj_lists *a, const nj_lists *b, uint32_t cutoff);

#endif
