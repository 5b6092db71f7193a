// rerank.h - which candidate goes to the next place of a list: by its score, by how unlike it is to what the list has, and by how near it
// brings the list to the user's own mix of categories.
//
//   begin(pool) ─► best(allow) ─► take ─► best ─► take ─► ...        one turn a place; pins are taken where they stand
//
// The value of a candidate i for the next place, with S what the list has so far (pins included), n its size:
//
//   relevance      rel(i) = (score(i) - least) / (most - least) over the ranked candidates of the pool; 1 where all are equal
//   alike(i, j)    cosine of their vectors, 0 where one of the two has none, or the share of their SIDs' levels that they begin with in
//                  common
//   none           m(i) = score(i)
//   mmr            m(i) = r rel(i) - (1 - r) max over j in S of alike(i, j); the maximum over nothing is 0
//   determinantal  m(i) = r rel(i) + (1 - r) log d(i)^2, d(i)^2 what i adds to the determinant of S's matrix of alike: the greedy search for
//                  the largest r sum of rel + (1 - r) log det. Vectors are alike by (1 + cosine) / 2 here, as in the paper, so that opposites
//                  are as unlike as can be. d^2 counts as NJ_RERANK_LEAST_VOLUME at least: what lies in the span of S is
//                  ranked by relevance alone, behind what does not, and adds nothing to S's matrix when it is chosen all the same
//   calibration    (1 - c) m(i) - c (KL(S + i) - KL(S)), m without re-ranking is rel(i). KL(S) = sum over categories g of p(g) log(p(g) / q'(g)),
//                  p the shares in the history, q those in S, q' = (1 - .01) q + .01 p; KL of an empty list is that of q = 0
//
// r is policy.relevance, c policy.calibration. An item of the history without a category is left out of p; one in a list takes a share
// of q that brings nothing nearer. Of equal values the candidate that stands first in the pool is chosen.
//
// Where re-ranking or calibration is on, the value is the item's score from there on, and adjust says what each has made of it: score
// before + adjust[RERANK] + adjust[CALIBRATION] is the value but for rounding. With both off scores stay as they are.
//
// Order     float32, each step rounded; sums over categories in the order in which the history first names them, over chosen items in the
//           order of the list; cosines as a row's sum (kernels.h). So the bits are the same on every machine of class "exact"
// Source    MMR: Carbonell, Goldstein 1998. Determinantal: Chen, Zhang, Zhou 2018, "Fast Greedy MAP Inference for Determinantal Point Process",
//           algorithm 1 and section 4. Calibration: Steck 2018, equations 2 to 4, 6 and the greedy search of section 3.1, smoothing .01
// Proof     tests/unit/policy/test_rerank.c
#ifndef NJ_WORKER_POLICY_RERANK_H
#define NJ_WORKER_POLICY_RERANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/catalogue/attributes.h"
#include "common/catalogue/item_vectors.h"
#include "common/math/kernels.h"
#include "common/policy/policy.h"
#include "common/sid/trie_build.h"
#include "worker/policy/candidate.h"

#define NJ_RERANK_LEAST_VOLUME 1e-4f
#define NJ_RERANK_SMOOTHING 0.01f

typedef struct {
    const nj_policy *policy;         // borrowed, as all here
    const nj_sids *sids;             // [N, L] of the catalogue
    const nj_item_vectors *vectors;  // NULL or empty where nothing asks for them
    const nj_attributes *attributes; // likewise
    const nj_kernels *kernels;
    uint32_t top;         // places of a list
    uint32_t pool_max;    // candidates of a pool, pins included
    uint32_t history_max; // items of a history
} nj_rerank_inputs;

typedef struct nj_rerank nj_rerank;

/// Whether the candidate may have the next place. Asked of few: of those that are better than all asked before that may.
typedef bool (*nj_rerank_allows)(void *context, const nj_candidate *candidate);

/// What the policy asks for is there: vectors for alike by vectors, a column of words for calibration. NJ_CONFIG names what is missing.
NJ_CHECKED nj_status nj_rerank_check(const nj_rerank_inputs *inputs, nj_error *err);

/// Bytes of arena that nj_rerank_begin takes. SIZE_MAX on overflow.
size_t nj_rerank_scratch_bytes(const nj_rerank_inputs *inputs);

/// Begins a list. State and all it needs are taken from the arena.
///
///   history  [history_count]  in      catalogue rows that the user's mix is counted of; more than history_max: the last of them
///   pool     [count]          in/out  borrowed until the list is done. The first `ranked` are candidates, best first; those behind are
///                                     for nj_rerank_take alone (pins): they count in what the list has, and neither scale relevance nor
///                                     change their score
nj_rerank *nj_rerank_begin(const nj_rerank_inputs *inputs, const uint32_t *history,
                           uint32_t history_count, nj_candidate *pool, uint32_t count,
                           uint32_t ranked, nj_arena *arena);

/// The candidate of the greatest value among those that are not taken and that `allows` (NULL: all) lets in: its place in the pool, or
/// NJ_POLICY_NONE where there is none.
uint32_t nj_rerank_best(const nj_rerank *rerank, nj_rerank_allows allows, void *context);

/// Puts candidate `index` in the next place; it is not taken yet, and fewer than `top` are.
void nj_rerank_take(nj_rerank *rerank, uint32_t index);

#endif
