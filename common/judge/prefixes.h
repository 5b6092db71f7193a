// prefixes.h - which branches of the tree of SIDs a model recommends more, or less, than people took in training.
//
//   items in the order of their codes:   [1 4 .] [1 4 .] [1 7 .] [3 0 .] ...      a prefix is a run of rows, at every level
//                                         └ 1 4 ──────┘
//                                         └ 1 ───────────────┘
//
//   lift of a prefix   its share of what is recommended over its share of the training events
//
// A generative model goes wrong by branches: what it has come to like, it says for a whole prefix.
#ifndef NJ_JUDGE_PREFIXES_H
#define NJ_JUDGE_PREFIXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

#define NJ_PREFIX_LEVELS_MAX                                                                       \
    8 // levels looked at; prefixes longer than that are single items nearly always
#define NJ_PREFIXES_SHOWN 5     // at each end, of a level
#define NJ_PREFIX_EVENTS_MIN 20 // recommendations and events to be shown: below, a lift is noise

// Rows sorted by their codes. Owned: nj_prefixes_fini.
typedef struct {
    uint32_t *rows;        // [item_count]
    size_t item_count;     // N
    const uint16_t *codes; // [N, code_count] borrowed
    size_t code_count;     // codes of a row
    size_t level_count;    // of them sorted by
} nj_prefixes;

/// Sorts; rows of equal codes keep their order. level_count is at most code_count.
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
NJ_CHECKED nj_status nj_prefixes_init(const uint16_t *codes, size_t item_count, size_t code_count,
                                      size_t level_count, nj_prefixes *out);
/// Accepts a struct that is all zero.
void nj_prefixes_fini(nj_prefixes *prefixes);

typedef struct {
    uint32_t row; // an item of the prefix: the one with most training events, whose codes say it
    uint32_t item_count; // items that have it
    double recommended;  // share, 0..1
    double trained;      // share of the training events, 0..1
} nj_prefix_share;

typedef struct {
    size_t prefix_count;
    double
        moved; // share of the recommendations that would have to go elsewhere to be spread as training was; 0..1
    nj_prefix_share
        most[NJ_PREFIXES_SHOWN]; // recommended - trained is largest, falling; only above 0
    size_t most_count;
    nj_prefix_share least[NJ_PREFIXES_SHOWN]; // smallest, rising; only below 0
    size_t least_count;
} nj_prefix_level;

/// The end of the run of rows that have the first `level` + 1 codes of the row at place `first`, which begins it.
size_t nj_prefixes_run_end(const nj_prefixes *prefixes, size_t level, size_t first);

/// The shares of all prefixes of `level` + 1 codes.
///
///   counts      [N] how often each item is recommended (exposure.h)
///   popularity  [N] its training events
///
/// Source  `moved` is the total variation distance, half the sum of the differences; lift is popularity lift by group: Abdollahpouri
///         et al. 2020, "The connection between popularity bias, calibration, and fairness in recommendation", section 3
/// Proof   tests/unit/judge/test_prefixes.c
void nj_prefixes_judge(const nj_prefixes *prefixes, size_t level, const uint32_t *counts,
                       const uint32_t *popularity, nj_prefix_level *out);

/// Whether the last of a row's codes is a counter: of the rows that have the others in common, each has another of the numbers 0, 1, 2 ...
/// A counter tells items apart and means nothing, so it is no level to look at.
///
/// Errors  NJ_NO_MEMORY; `*out` is then unchanged
NJ_CHECKED nj_status nj_codes_are_counted(const uint16_t *codes, size_t item_count,
                                          size_t code_count, bool *out);

#endif
