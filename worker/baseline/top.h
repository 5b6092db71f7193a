// top.h - the best of many scored items, and no more memory than for those.
//
// A higher score is better; of two that are equal the smaller row. So which items are kept, and in which order, does not depend on the
// order in which they are offered.
#ifndef NJ_WORKER_BASELINE_TOP_H
#define NJ_WORKER_BASELINE_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double score;
    uint32_t item;
} nj_scored;

typedef struct {
    nj_scored *items; // borrowed; [most] a heap with the worst in front, sorted by nj_top_sort
    uint32_t count;
    uint32_t most; // at least 1
} nj_top;

static inline bool nj_scored_better(const nj_scored *a, const nj_scored *b)
{
    return a->score > b->score || (a->score == b->score && a->item < b->item);
}

/// Keeps the item if it is among the best `most` so far. A score that is NaN is kept by nobody.
/// Proof   tests/unit/baseline/test_top.c
void nj_top_offer(nj_top *top, uint32_t item, double score);
/// Puts the kept items in order, best first. Nothing may be offered behind that.
void nj_top_sort(nj_top *top);

#endif
