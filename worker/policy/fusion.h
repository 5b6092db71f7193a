// fusion.h - one ranking from two: an item's score is the logarithm of what its places are worth.
//
//   score = log( weight_beam / (offset + place in the search's) + weight_neighbours / (offset + place in the neighbours') )
//
// Places count from 1; a ranking that lacks the item adds nothing. Only places count, so that log-probabilities and weights need no
// common scale.
#ifndef NJ_WORKER_POLICY_FUSION_H
#define NJ_WORKER_POLICY_FUSION_H

#include "common/policy/policy.h"
#include "worker/policy/candidate.h"

/// Fuses. An item of both rankings keeps the search's source and raw score. adjust[FUSION] is the score less what it was.
///
///   candidates  in/out  room for both; the first beam_count are the search's, best first, those behind them the neighbours', best first.
///                       Sorted behind it, each item once
///   beam_count  of the candidates
///
/// Order   float32: the search's part first, then the neighbours'; nj_log
/// Source  Cormack, Clarke, Buettcher 2009, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods"; weights
///         are the policy's
/// Proof   tests/unit/policy/test_fusion.c
void nj_fuse(const nj_policy *policy, uint32_t beam_count, nj_candidates *candidates);

#endif
