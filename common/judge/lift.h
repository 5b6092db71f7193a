// lift.h - how much better known what a list shows is than what its user took, and means over users of such numbers.
//
//   list ─────► mean of ln(events + 1) within the cut-off ─┐
//   history ──► mean of ln(events + 1) ────────────────────┴─► lift of a user: the difference ──► mean over users, interval
//
// 0: a list is as popular as its user's own choices; ln 2 = 0.69: twice as popular. What people take next has a lift as well: that of
// the held-out items stands beside those of the lists.
//
// Proof   tests/unit/judge/test_lift.c, as all of this header
#ifndef NJ_JUDGE_LIFT_H
#define NJ_JUDGE_LIFT_H

#include <stddef.h>
#include <stdint.h>

#include "common/judge/bootstrap.h"
#include "common/judge/evaluation.h"

/// The mean of ln(events + 1) over the first `cutoff` of items [count]; NAN where none of them is an item. One event is added to each item,
/// so that one without any has a logarithm.
double nj_mean_log_events(const uint32_t *items, uint32_t count, uint32_t cutoff,
                          const uint32_t *popularity);

/// The lift of each user's list over his history, out [user_count]; NAN without a list or a known item in the history. Takes the
/// evaluation's popularity and histories, which are known (asserted).
///
///   lists  of the evaluation's users; NULL: the held-out items as lists of one
///
/// Units   natural logarithms
/// Source  Abdollahpouri, Mansoury, Burke and Mobasher 2020, "The connection between popularity bias, calibration, and fairness in
///         recommendation", section 3 (popularity lift: mean popularity of the lists against that of the profiles); the
///         logarithm, which keeps one best seller from deciding a list, and the added event are ours
void nj_lift_judge(const nj_evaluation *evaluation, const nj_lists *lists, uint32_t cutoff,
                   double *out);

/// The mean of the values [count] that are numbers, with a normal interval of NJ_CONFIDENCE; without one below two numbers, or where all
/// are alike.
///
/// Order   summed as they stand
/// Source  the central limit theorem: users are independent and many; of ranks, which are rare hits, bootstrap.h resamples instead
nj_estimate nj_mean_estimate(const double *values, size_t count);

/// The same of first[i] - other[i], where both are numbers: paired over the users.
nj_estimate nj_mean_difference(const double *first, const double *other, size_t count);

#endif
