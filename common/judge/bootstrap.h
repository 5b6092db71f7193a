// bootstrap.h - how far a mean over users would be off with other users of the same kind: percentile intervals, paired over models.
//
//   users ──► draw as many with replacement, once a resample ──► the mean of each ranking over the users drawn ──► sorted: 2.5 % and 97.5 %
//
// All rankings see the same draws, so a resample's difference of two models is a difference over the same users: the interval of a
// difference is narrower than two intervals laid side by side, and is the one to compare by. Users are the sample; the models are held
// fixed, so nothing here speaks of another training run.
//
// Source  Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 6 and 13 (percentile interval); Sakai 2006,
//         "Evaluating evaluation metrics based on the bootstrap" (paired, over topics); quantiles between two values are interpolated:
//         Hyndman and Fan 1996, definition 7
// Proof   tests/unit/judge/test_bootstrap.c, as all of this header
#ifndef NJ_JUDGE_BOOTSTRAP_H
#define NJ_JUDGE_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/judge/metric.h"

#define NJ_RESAMPLES_MAX 100000u
#define NJ_CONFIDENCE 0.95

typedef struct {
    double value;
    double low, high; // of NJ_CONFIDENCE; the value again where there is no interval
    bool
        has_interval; // false: no resamples, or all alike (all users have the same hit): they know of no spread then
} nj_estimate;

typedef struct {
    uint32_t resample_count; // 0..NJ_RESAMPLES_MAX; 0: no interval
    uint64_t seed;           // of SplitMix64
} nj_resampling;

// Means of every resample. Owned: nj_bootstrap_fini.
typedef struct {
    size_t ranking_count; // M
    size_t user_count;
    uint32_t resample_count;
    double *means;     // [M, NJ_METRIC_COUNT, NJ_CUTOFF_COUNT] over the users as they are
    double *resamples; // [M, NJ_METRIC_COUNT, NJ_CUTOFF_COUNT, resample_count]
    double *scratch;   // [resample_count]
} nj_bootstrap;

/// Draws and averages, all metrics at all cut-offs at once.
///
///   ranks         [M] arrays [all users] of ranks as in metric.h; borrowed during the call
///   members       [user_count] the users who count, fewer than 2^32; NULL: the first user_count
///
/// Cost    user_count * resample_count draws, and M more steps for each draw of a user that any ranking has a hit for
/// Memory  96 bytes a ranking and resample, M + 4 bytes a user
/// Order   the means are summed in the order of the users; a draw follows from seed, its place and user_count alone, so a ranking's
///         figures do not depend on the others
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
NJ_CHECKED nj_status nj_bootstrap_init(const uint32_t *const *ranks, size_t ranking_count,
                                       const uint32_t *members, size_t user_count,
                                       const nj_resampling *resampling, nj_bootstrap *out);
/// Accepts a struct that is all zero.
void nj_bootstrap_fini(nj_bootstrap *bootstrap);

/// How large a share can be that showed itself in none of `user_count` draws: the upper end of its exact interval of NJ_CONFIDENCE.
/// No metric is larger than recall, so it holds for all of them. 1 for no user.
///
/// Source  Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial"
double nj_no_hit_bound(size_t user_count);

/// A ranking's metric (index into NJ_METRICS) at a cut-off (index into NJ_CUTOFFS). Where no user has a hit, resamples know of no spread:
/// the interval then ends at nj_no_hit_bound.
nj_estimate nj_bootstrap_value(const nj_bootstrap *bootstrap, size_t ranking, size_t metric,
                               size_t cutoff);
/// What `first` has more than `other`, resample by resample.
nj_estimate nj_bootstrap_difference(const nj_bootstrap *bootstrap, size_t first, size_t other,
                                    size_t metric, size_t cutoff);

/// What `first` has more than `other`, which are of other users: resample by resample, of which both have as many, drawn by unlike seeds.
/// A side without a hit may be off by its nj_no_hit_bound, and the interval goes so much further.
nj_estimate nj_bootstrap_apart(const nj_bootstrap *first, const nj_bootstrap *other, size_t ranking,
                               size_t metric, size_t cutoff);

/// The value that a share `at` (0..1) of sorted values [count], count at least 1, lies below.
double nj_quantile(const double *sorted, size_t count, double at);
/// Sorts; values are no NaN.
void nj_sort_values(double *values, size_t count);

#endif
