// align.h - codes of new codebooks, renumbered after the old ones: who kept its place keeps its code.
//
//   code of an item     old 3  3  3  7  7        counts      old 3  old 7        new 7 is called 3, new 3 is called 7:
//                       new 7  7  3  3  3        new 3         1      2          4 of 5 items keep their code
//                                                new 7         2      0
//
// Level by level, the numbers of the new codes are permuted so that as many items as possible have the number that they had (optimal
// matching). Counted are items and not distances of centroids: that is what churn is made of, it needs no common space, and it kept
// 56 to 60 % instead of 50 to 55 % of the first codes of fits that had nothing in common (ops/handbook/catalogue.md). Codes of
// hierarchical codebooks are matched node by node, within nodes whose parents match.
#ifndef NJ_CATALOGUE_ALIGN_H
#define NJ_CATALOGUE_ALIGN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/quant/quant.h"

// Siblings up to which the matching is optimal; among more, pairs are taken greedily, most items first.
#define NJ_ALIGN_EXACT_CODES 2048

typedef struct {
    uint64_t item_count;
    uint64_t same_before[NJ_QUANT_LEVELS_MAX]; // items whose code on the level was the old one
    uint64_t same_after[NJ_QUANT_LEVELS_MAX];
    uint32_t greedy_count; // groups of siblings that were too large for the optimal matching
} nj_alignment;

// The new codebooks and everything that speaks in their codes; all is changed.
typedef struct {
    nj_codebooks *codebooks;
    float *values;           // what codebooks->vectors point into
    uint32_t *child_offsets; // what codebooks->child_offset point into; NULL unless hierarchical
    uint16_t *codes;         // [N, L] row-major
    size_t row_count;        // N
} nj_aligned;

/// NJ_INPUT: codebooks of another kind, level count or K (both), which cannot be aligned.
NJ_CHECKED nj_status nj_codebooks_check_alike(const nj_codebooks *old, const nj_codebooks *fresh,
                                              nj_error *err);

/// Renumbers. Items are rows [0, pair_count) of `codes` in the order of old_codes; the other rows of `codes` are only translated.
///
///   old        the same kind and level count, and the same K on every level
///   old_codes  [pair_count, L]; codes that lead to no node of hierarchical codebooks count for nothing
///
/// Cost    sorting the items a level, and the matching: K^3 at worst, far less where most codes have an obvious partner
/// Memory  16 bytes an item, 8 * K^2 a group up to NJ_ALIGN_EXACT_CODES, the codebooks once more
/// Errors  those of nj_codebooks_check_alike; NJ_NO_MEMORY. Nothing is changed then.
/// Proof   tests/unit/catalogue/test_align.c, against every permutation of small codebooks
NJ_CHECKED nj_status nj_codebooks_align(const nj_codebooks *old, const uint16_t *old_codes,
                                        size_t pair_count, const nj_aligned *fresh,
                                        nj_alignment *out, nj_error *err);

#endif
