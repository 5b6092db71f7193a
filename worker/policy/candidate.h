// candidate.h - an item on its way into a list, and why it is there.
#ifndef NJ_WORKER_POLICY_CANDIDATE_H
#define NJ_WORKER_POLICY_CANDIDATE_H

#include <stdint.h>

#include "common/codec/why.h"

typedef struct {
    uint32_t row;    // of the catalogue
    uint32_t leaf;   // of the trie
    float score;     // what it is ranked by: a logarithm
    uint32_t source; // NJ_SOURCE_*: where it came from; of several the first in the table
    float raw;       // what that source said: log-probability, weight, cosine, logarithm of a share
    float adjust[NJ_ADJUST_COUNT]; // what each adjustment added to the score
} nj_candidate;

// Candidates of one user, best first: of equal scores the smaller row stands first.
typedef struct {
    nj_candidate *items; // [room] in the caller's memory
    uint32_t count;
    uint32_t room;
} nj_candidates;

/// Best first: by falling score, of equal scores the smaller row first. Each row is there once.
/// Memory  nothing is allocated
/// Proof   tests/unit/policy/test_fusion.c
void nj_candidates_sort(nj_candidates *candidates);

#endif
