// balance.h - what lists give and what it costs, beside other lists of the same users: hits, variety, popularity and coverage at one
// cut-off.
//
//   lists ──► sample (a number a user) ──┐
//   other lists ──► sample ──────────────┴──► balance: means, paired differences, their intervals
//
// A policy moves all of these at once. Judged pair by pair, so that a sweep holds two samples at a time, however many variants it has.
//
// Proof   tests/unit/judge/test_balance.c, as all of this header
#ifndef NJ_JUDGE_BALANCE_H
#define NJ_JUDGE_BALANCE_H

#include "common/judge/bootstrap.h"
#include "common/judge/evaluation.h"
#include "common/judge/exposure.h"

// Of one ranking, [U] each; owned: nj_balance_sample_fini. A NAN says that the user has none.
typedef struct {
    size_t user_count; // U
    uint32_t *ranks;
    double *diversity; // nj_diversity_of_list; all NAN without embeddings
    double *lift;      // nj_lift_judge
    nj_exposure exposure;
    size_t absent_count; // users without a list
    size_t short_count;  // whose list does not reach the cut-off, absent ones apart
} nj_balance_sample;

/// Measures lists of the evaluation's users at NJ_CUTOFFS[cutoff]. Takes its targets, popularity, histories, items and embeddings.
///
///   inverse  [N] nj_inverse_lengths of the embeddings; NULL without
///
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
NJ_CHECKED nj_status nj_balance_sample_init(const nj_evaluation *evaluation, const float *inverse,
                                            const nj_lists *lists, size_t cutoff,
                                            nj_balance_sample *out);
/// Accepts a struct that is all zero.
void nj_balance_sample_fini(nj_balance_sample *sample);

typedef struct {
    nj_estimate metrics[NJ_METRIC_COUNT];     // NJ_METRICS at the cut-off
    nj_estimate differences[NJ_METRIC_COUNT]; // less the other's, over the same users
    uint64_t first_only, other_only;          // users whom one alone has a hit for
    double p;                                 // nj_sign_test of them
    nj_estimate diversity, diversity_difference;
    nj_estimate lift, lift_difference;
    nj_exposure exposure;
    size_t absent_count, short_count;
} nj_balance;

/// One sample beside another of the same users; of a sample beside itself all differences are 0.
///
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
NJ_CHECKED nj_status nj_balance_compare(const nj_balance_sample *sample,
                                        const nj_balance_sample *other, size_t cutoff,
                                        const nj_resampling *resampling, nj_balance *out);

#endif
