// contrast.h - the users one model wins and those it loses against another, and what is different about them.
//
//   ranks of both ──► each user's outcome ──► one number a user and feature ──► wins beside losses, each beside the rest
//
// A win is a user whose held-out item the first model names within the cut-off and the other does not; a loss is the reverse. Where both
// do, or neither, there is nothing to learn of their difference: that is the rest.
#ifndef NJ_JUDGE_CONTRAST_H
#define NJ_JUDGE_CONTRAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/judge/evaluation.h"

typedef enum {
    NJ_OUTCOME_NEITHER,
    NJ_OUTCOME_BOTH,
    NJ_OUTCOME_WIN,
    NJ_OUTCOME_LOSS,
    NJ_OUTCOME_COUNT,
} nj_outcome;

nj_outcome nj_outcome_of(uint32_t first_rank, uint32_t other_rank, uint32_t cutoff);

// What is asked of each user; in the order of the table.
typedef enum {
    NJ_FEATURE_HISTORY_LENGTH,    // items in the history
    NJ_FEATURE_TARGET_EVENTS,     // training events of the held-out item
    NJ_FEATURE_TARGET_COLD,       // it has none
    NJ_FEATURE_HISTORY_EVENTS,    // training events of the history's items, on average
    NJ_FEATURE_REPEATED_ITEM,     // the held-out item stands in the history
    NJ_FEATURE_REPEATED_CATEGORY, // its category does
    NJ_FEATURE_FIRST_CODE_SEEN,   // an item of the history has its first code
    NJ_FEATURE_SECOND_CODE_SEEN,  // its first two codes
    NJ_FEATURE_SHARED_SID_ITEMS,  // further items with its codes, the counter aside
    NJ_FEATURE_LAST_COSINE,       // of it and the last item of the history
    NJ_FEATURE_NEAREST_COSINE,    // of it and the most similar item of the history
    NJ_FEATURE_COUNT,
} nj_feature;

typedef struct {
    const char *name;  // in JSON
    const char *title; // for people
    bool is_question;  // 0 or 1 a user, shown as a share; otherwise a number, shown by its median
} nj_feature_kind;
extern const nj_feature_kind NJ_FEATURES[NJ_FEATURE_COUNT];

// [feature][user]; a NAN says that the user has none, such as the last item of an empty history. Owned: nj_features_fini.
typedef struct {
    float *values[NJ_FEATURE_COUNT]; // NULL: the evaluation does not know what it takes
    size_t user_count;
} nj_features;

/// inverse [N] is nj_inverse_lengths of the evaluation's embeddings (exposure.h); NULL without.
///
/// Cost    4 bytes a user and feature; one pass over all histories
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
/// Proof   tests/unit/judge/test_contrast.c, as all of this header
NJ_CHECKED nj_status nj_features_init(const nj_evaluation *evaluation, const float *inverse,
                                      nj_features *out);
/// Accepts a struct that is all zero.
void nj_features_fini(nj_features *features);

// Cliff's delta: how much more often a user of one side has the larger number than one of the other side: from -1 to 1, 0 where neither
// side is above the other. Of questions it is the difference of the two shares.
typedef struct {
    double delta;
    double low, high;  // 95 %
    bool has_interval; // both sides have two users or more, and differ among themselves
} nj_effect;

/// Sorts both. Equal numbers count half. A side without users: delta 0, no interval.
///
/// Source  Cliff 1993, "Dominance statistics"; the variance by placements: DeLong, DeLong and Clarke-Pearson 1988, of the area under the
///         curve, which is (delta + 1) / 2; the interval is normal and cut at -1 and 1
nj_effect nj_cliffs_delta(double *x, size_t x_count, double *y, size_t y_count);

typedef struct {
    size_t counts[NJ_OUTCOME_COUNT];               // users who have the feature, by outcome
    double typical[NJ_OUTCOME_COUNT];              // median, or share of a question; 0 of nobody
    nj_effect wins_losses, wins_rest, losses_rest; // the rest are NEITHER and BOTH
} nj_feature_contrast;

typedef struct {
    uint32_t cutoff;
    size_t counts[NJ_OUTCOME_COUNT];
    size_t both_first; // of BOTH: the first model names it earlier
    size_t both_other; // of BOTH: the other does
    bool known[NJ_FEATURE_COUNT];
    nj_feature_contrast features[NJ_FEATURE_COUNT];
} nj_contrast;

/// ranks are [features->user_count].
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
NJ_CHECKED nj_status nj_contrast_init(const nj_features *features, const uint32_t *first_ranks,
                                      const uint32_t *other_ranks, uint32_t cutoff,
                                      nj_contrast *out);

/// Picks up to `most` users of an outcome, evenly from first to last, so that they stand for all of them; returns how many.
size_t nj_contrast_examples(const uint32_t *first_ranks, const uint32_t *other_ranks,
                            size_t user_count, uint32_t cutoff, nj_outcome outcome, uint32_t *users,
                            size_t most);

#endif
