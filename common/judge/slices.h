// slices.h - the judged users in parts that tell more than their mean: by history, by the held-out item's popularity, cold items, groups.
//
//   edges            0 | 1 | 2 | 3 | 4 | 5-6 | 7-9 | 10-14 | ...      as fine as anyone could ask for
//   too few users    merged with the neighbour above (the last: below), until each slice has enough to say something
//
// A mean over all users hides that a model may live on its long histories or on the best sellers. Slices whose users differ by kind (cold
// items, groups) are never merged; a small one is marked.
#ifndef NJ_JUDGE_SLICES_H
#define NJ_JUDGE_SLICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/judge/evaluation.h"

#define NJ_SLICE_USERS_MIN 30 // below, a slice is merged or marked: one user is 3 points of recall
#define NJ_SLICE_SHARE_MIN 0.05 // of the judged users; smaller slices are merged where they can be
#define NJ_SLICES_MAX 64        // of one slicing; groups beyond are one slice, "other groups"
#define NJ_SLICE_LABEL_BYTES 64

typedef struct {
    char label[NJ_SLICE_LABEL_BYTES]; // "5-9", "never in training", a group's name (cut)
    size_t first;                     // into members
    size_t user_count;
    bool is_small; // fewer than NJ_SLICE_USERS_MIN users: do not read much into it
} nj_slice_of_users;

typedef enum {
    NJ_SLICING_HISTORY,    // history_lengths
    NJ_SLICING_POPULARITY, // of the held-out item; cold items are a slice of their own
    NJ_SLICING_COLD,       // whether the held-out item ever stood in training
    NJ_SLICING_GROUP,
    NJ_SLICING_COUNT,
} nj_slicing_kind;

typedef struct {
    uint32_t *members; // owned; [user_count] users, slice by slice, in their order
    nj_slice_of_users slices[NJ_SLICES_MAX];
    size_t slice_count; // 0: the evaluation does not know what it takes
} nj_slicing;

/// In JSON: "history", "popularity", "cold", "group".
const char *nj_slicing_name(nj_slicing_kind kind);
/// For people: "items in the history".
const char *nj_slicing_title(nj_slicing_kind kind);

/// Slices without a user are left out.
///
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
/// Proof   tests/unit/judge/test_slices.c
NJ_CHECKED nj_status nj_slicing_init(const nj_evaluation *evaluation, nj_slicing_kind kind,
                                     nj_slicing *out);
/// Accepts a struct that is all zero.
void nj_slicing_fini(nj_slicing *slicing);

#endif
