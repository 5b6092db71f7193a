// metric.h - how good a list is for a user of whom one item was held out: pure functions of ranks and lists.
//
//   held-out item ─┐
//   list ──────────┴─► rank ──► metric at a cut-off, of one user ──► mean over the users
//
// The rank is the place of the held-out item in the list, from 1, and NJ_RANK_NONE where the list lacks it. One item is relevant
// and no other, so a rank is all that a metric needs: means, slices of the users and resampled users are arrays of ranks. Equal
// scores are no concern here: a list is ordered, and who made it has broken its ties.
#ifndef NJ_JUDGE_METRIC_H
#define NJ_JUDGE_METRIC_H

#include <stddef.h>
#include <stdint.h>

#define NJ_RANK_NONE 0u
// Stands in a list for what is no item; it is never relevant and in common with nothing.
#define NJ_ITEM_INVALID UINT32_MAX

#define NJ_CUTOFF_COUNT 4
#define NJ_CUTOFF_MAX 20u // the last of them: a rank behind it is a hit nowhere
extern const uint32_t NJ_CUTOFFS[NJ_CUTOFF_COUNT]; // rising: 1, 5, 10, 20

#define NJ_METRIC_COUNT 3
typedef struct {
    const char *name; // "recall"; in results "recall@10"
    double (*at)(uint32_t rank, uint32_t cutoff);
} nj_metric;
extern const nj_metric NJ_METRICS[NJ_METRIC_COUNT]; // recall, ndcg, mrr

/// The first place of `target` in items [count], from 1, or NJ_RANK_NONE. `target` is not NJ_ITEM_INVALID.
uint32_t nj_rank_of(const uint32_t *items, uint32_t count, uint32_t target);

/// 1 if rank <= cutoff, else 0: with one relevant item recall is the hit rate.
///
/// Source  Salton and McGill 1983, chapter 5: relevant items retrieved over relevant items
/// Proof   tests/unit/judge/test_metric.c, as all of this header
double nj_recall_at(uint32_t rank, uint32_t cutoff);

/// 1 / log2(rank + 1) if rank <= cutoff, else 0: a gain of 1 discounted by its place, over the ideal, which has it at rank 1.
///
/// Source  Järvelin and Kekäläinen 2002, section 2, with the discount log2(rank + 1) of Burges et al. 2005, which discounts
///         rank 2 already; TIGER and S3-Rec evaluate so
double nj_ndcg_at(uint32_t rank, uint32_t cutoff);

/// 1 / rank if rank <= cutoff, else 0.
///
/// Source  Voorhees 1999, "The TREC-8 question answering track report" (reciprocal answer rank)
double nj_reciprocal_rank_at(uint32_t rank, uint32_t cutoff);

/// The share of the first `cutoff` places that two lists have in common, whatever their order: |A ∩ B| / max(|A|, |B|) of what
/// stands there. Two lists that are both empty agree: 1. An item stands once in a list.
///
///   a [a_count], b [b_count]  lists, best first
///
/// Source  Webber, Moffat and Zobel 2010, "A similarity measure for indefinite rankings" (agreement at a depth);
///         the divisor is theirs where both lists reach the cut-off
double nj_overlap_at(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count,
                     uint32_t cutoff);

/// The mean of a metric over ranks [count], summed in their order; 0 for no user.
double nj_metric_mean(const nj_metric *metric, uint32_t cutoff, const uint32_t *ranks,
                      size_t count);

#endif
