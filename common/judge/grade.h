// grade.h - how good published lists were: the users who did something since, their ranks, and what kind of row each had.
//
//   published row + the user's events since ──► nj_graded_user ──► figures of all, and of each kind of row, with intervals
//
// Two questions are asked. "hit" and "ndcg" look at the first item that a user took since, as an evaluation does at the held-out one: each user
// has one relevant item. "any_hit" asks whether any of the items that he took since stood in his list.
//
// What a grade cannot say: users saw the lists. An item that was shown is taken more easily than one that was not, so the
// figures flatter what was published, and do not compare with lists that nobody saw.
#ifndef NJ_JUDGE_GRADE_H
#define NJ_JUDGE_GRADE_H

#include "common/judge/bootstrap.h"
#include "common/judge/paired_tests.h"
#include "common/judge/slices.h"

// How a row came to be: each row is of one kind.
typedef enum {
    NJ_GRADE_DECODED,
    NJ_GRADE_COPIED,
    NJ_GRADE_CARRIED,
    NJ_GRADE_KIND_COUNT,
} nj_grade_kind;

typedef struct {
    uint32_t next_rank; // as in metric.h, of the first item that the user took
    uint32_t any_rank;  // the best of all items that he took
    nj_grade_kind kind;
    bool is_cold;   // the row is the list of a user of whom nothing was known
    uint32_t age;   // nights since it was decoded
    uint32_t group; // below group_count, or NJ_GROUP_NONE
    uint32_t
        channel; // that he was given his list by; below channel_count, where there are channels
} nj_graded_user;

// What parts of the users are called. All zero: there are no groups, and users are not told apart by channel.
typedef struct {
    const char *const *groups;
    uint32_t group_count;
    const char *const *channels;
    uint32_t channel_count; // at most NJ_GRADE_CHANNELS_MAX
} nj_grade_labels;

typedef enum {
    NJ_GRADE_BY_KIND,
    NJ_GRADE_BY_COLD,
    NJ_GRADE_BY_AGE,
    NJ_GRADE_BY_GROUP,   // only where a user is in one
    NJ_GRADE_BY_CHANNEL, // only where there are channels
    NJ_GRADE_BY_COUNT,
} nj_grade_by;

typedef struct {
    nj_estimate next[NJ_METRIC_COUNT][NJ_CUTOFF_COUNT];
    nj_estimate any_hit[NJ_CUTOFF_COUNT];
} nj_grade_estimates;

typedef struct {
    nj_grade_by by;
    char label[NJ_SLICE_LABEL_BYTES];
    size_t user_count; // at least 1
    bool is_small;     // fewer than NJ_SLICE_USERS_MIN
    nj_grade_estimates estimates;
} nj_grade_slice;

#define NJ_GRADE_AGES 5 // 0, 1, 2-3, 4-7, 8 and more
#define NJ_GRADE_CHANNELS_MAX 16
#define NJ_GRADE_SLICES_MAX                                                                        \
    (NJ_GRADE_KIND_COUNT + 2 + NJ_GRADE_AGES + NJ_SLICES_MAX + NJ_GRADE_CHANNELS_MAX)

typedef struct {
    size_t user_count;
    nj_resampling resampling;
    nj_grade_estimates all;
    nj_grade_slice slices[NJ_GRADE_SLICES_MAX]; // in the order of nj_grade_by
    size_t slice_count;
} nj_grade;

/// "kind", "cold", "age", "group", "channel".
const char *nj_grade_by_name(nj_grade_by by);

/// Computes all figures.
///
///   users        [user_count], 1 to below 2^32
///   labels       groups behind the first NJ_SLICES_MAX - 1 are one slice, "other groups"
///
/// Cost    as nj_bootstrap_init, once for all users and once for each way to part them
/// Order   figures follow from the users in their order and from the resampling
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
/// Proof   tests/unit/judge/test_grade.c
NJ_CHECKED nj_status nj_grade_judge(const nj_graded_user *users, size_t user_count,
                                    const nj_grade_labels *labels, const nj_resampling *resampling,
                                    nj_grade *out);

/// What the users of one channel have more than those of another, who are others: unpaired, with intervals.
///
/// Cost    as nj_bootstrap_init, once for each of the two
/// Errors  NJ_NOT_FOUND: one of them has no user; NJ_NO_MEMORY; `*out` is then unchanged
/// Proof   tests/unit/judge/test_grade.c
NJ_CHECKED nj_status nj_grade_between(const nj_graded_user *users, size_t user_count,
                                      uint32_t channel, uint32_t other,
                                      const nj_resampling *resampling, nj_grade_estimates *out);

// Published lists beside control lists of the same users: a control is what anyone could have shown, and nobody was shown.
typedef struct {
    size_t user_count;
    nj_estimate published[NJ_METRIC_COUNT][NJ_CUTOFF_COUNT];
    nj_estimate control[NJ_METRIC_COUNT][NJ_CUTOFF_COUNT];
    nj_estimate difference[NJ_METRIC_COUNT][NJ_CUTOFF_COUNT]; // published less control, paired
    nj_paired_tests tests;
} nj_grade_contrast;

/// Compares two lists of each of user_count users, at least 1, by the ranks of the item that the user took next.
///
/// Cost    as nj_bootstrap_init and nj_paired_test
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
/// Proof   tests/unit/judge/test_grade.c
NJ_CHECKED nj_status nj_grade_compare(const uint32_t *published, const uint32_t *control,
                                      size_t user_count, const nj_resampling *resampling,
                                      nj_grade_contrast *out);

#endif
