// exposure.h - what a model shows to all users together: how much of the catalogue, how evenly, how well known, how varied.
//
//   lists ──► how often each item is recommended, within a cut-off ──► coverage, Gini, novelty, popularity
//
// None of these says that a list is good: a random list covers most. They tell what a gain in recall was bought with.
//
// Proof   tests/unit/judge/test_exposure.c, as all of this header
#ifndef NJ_JUDGE_EXPOSURE_H
#define NJ_JUDGE_EXPOSURE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/judge/lists.h"
#include "common/judge/metric.h"

typedef struct {
    uint64_t recommended; // places that hold an item
    uint64_t invalid;     // places that do not
    size_t distinct;      // items that stand in some list
    double coverage;      // of the live items, those that do; 0..1
    double gini;          // of how often each live item is recommended: 0 all alike, 1 one has all
    double novelty;       // bits; mean over the places, of nj_novelty_bits
    double popularity;    // mean over the places, of the item's training events
} nj_exposure;

/// Counts the items in the first `cutoff` places of all lists into counts [item_count], which it clears.
void nj_exposure_count(const nj_lists *lists, uint32_t cutoff, uint32_t *counts, size_t item_count,
                       nj_exposure *out);

/// The other figures of counts [item_count]; of the last two 0 without popularity [item_count].
///
///   live_count  items that a list may name, at least those that are named
///
/// Source  coverage: Ge, Delgado-Battenfeld and Jannach 2010, "Beyond accuracy"; Gini index over all live items, the never recommended
///         ones too: Fleder and Hosanagar 2009, "Blockbuster culture's next rise or fall"
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
NJ_CHECKED nj_status nj_exposure_judge(const uint32_t *counts, size_t item_count, size_t live_count,
                                       const uint32_t *popularity, nj_exposure *out);

/// How surprising it is to meet an item: -log2 of its share of all training events. One event is added to each item, so that one without
/// any has a share.
///
/// Source  Vargas and Castells 2011, "Rank and relevance in novelty and diversity metrics for recommender systems", section 5.1 (free
///         discovery); the added event is ours
double nj_novelty_bits(uint32_t events, uint64_t event_total, size_t item_count);

/// 1 over the length of each row of embeddings [N, D]; 0 for a row of zeros, which is then like nothing. Owned by the caller: free.
/// Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_inverse_lengths(const float *embeddings, size_t N, size_t D, float **out);

/// How unlike the items of one list are within each cut-off: the mean of 1 - cosine over its pairs; NAN where it has no pair.
///
///   items [count]  best first
///   sum   [D]      scratch
///
/// Cost, units and source as of nj_diversity_judge.
void nj_diversity_of_list(const uint32_t *items, uint32_t count, const float *embeddings,
                          const float *inverse, size_t D, float *sum, double out[NJ_CUTOFF_COUNT]);

typedef struct {
    double mean[NJ_CUTOFF_COUNT];  // over the users below; 0 for none
    size_t users[NJ_CUTOFF_COUNT]; // whose lists have two items or more within the cut-off
} nj_diversity;

/// How unlike the items of one list are: the mean of 1 - cosine over its pairs, then over the users. 0 all alike, 1 unrelated.
///
///   embeddings  [N, D]
///   inverse     [N] of nj_inverse_lengths
///
/// Cost    D multiplications a place: the pairs of k unit vectors sum up to (|sum|^2 - k) / 2
/// Units   sums of a list in float32, of k <= 20 unit vectors: off by less than 1e-5
/// Source  Ziegler, McNee, Konstan and Lausen 2005, "Improving recommendation lists through topic diversification" (intra-list
///         similarity); Smyth and McClave 2001 for its complement
/// Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_diversity_judge(const nj_lists *lists, const float *embeddings,
                                        const float *inverse, size_t D, nj_diversity *out);

/// The cosine of two rows.
double nj_cosine(const float *embeddings, const float *inverse, size_t D, uint32_t a, uint32_t b);

#endif
