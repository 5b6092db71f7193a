// neighbour_source.h - items that go with those of a history: candidates beside the search's.
//
//   score(b) = sum over the history's items a, k places before the last, of fading^k * weight(a, b)
//
// As worker/baseline/neighbours.h scores its lists, from the section "neighbours". Its sums stand in a table of as many slots as a history
// can touch, or as there are items, whichever is less: so a user costs what his history's rows hold, and not the catalogue.
#ifndef NJ_WORKER_POLICY_NEIGHBOUR_SOURCE_H
#define NJ_WORKER_POLICY_NEIGHBOUR_SOURCE_H

#include "common/base/arena.h"
#include "common/catalogue/neighbour_table.h"
#include "worker/baseline/top.h"
#include "worker/policy/candidate.h"
#include "worker/policy/listable.h"

typedef struct {
    const nj_neighbour_table *table; // borrowed
    uint32_t most;                   // candidates of a user
    double fading;                   // above 0 to 1
    uint32_t history_max;            // rows of a history at the most
    uint32_t touched_max;            // items that a history can touch
    uint32_t slot_count;             // a power of two; or N, and a row is its own slot
} nj_neighbour_source;

/// Looks through the table for its widest row.
void nj_neighbour_source_init(const nj_neighbour_table *table, uint32_t most, double fading,
                              uint32_t history_max, nj_neighbour_source *out);

// Where the sums of one user stand; empty between users.
typedef struct {
    uint32_t *rows;    // [slot_count] NJ_TRIE_NONE: the slot is empty
    double *values;    // [slot_count] of the slots that are not
    uint32_t *touched; // [touched_max] slots
    uint32_t count;    // of touched
    nj_scored *best;   // [most]
} nj_neighbour_sums;

/// Bytes of arena of the sums. SIZE_MAX on overflow.
size_t nj_neighbour_sums_bytes(const nj_neighbour_source *source);

/// Takes their memory from the arena, for user after user.
void nj_neighbour_sums_begin(const nj_neighbour_source *source, nj_arena *arena,
                             nj_neighbour_sums *out);

/// Appends the best neighbours of the history that may be listed, at most `most`, best first, until there is no room. Each has source
/// NJ_SOURCE_NEIGHBOUR, score and raw the sum, and its leaf.
///
///   history  [count]  rows, oldest first; at most history_max
///
/// Order   sums in float64, from the last item of the history to the first, of each in the table's order; of equal sums the smaller row
///         first
/// Proof   tests/unit/policy/test_neighbour_source.c against plain sums over all items, and against the baseline's lists
void nj_neighbour_source_find(const nj_neighbour_source *source, nj_neighbour_sums *sums,
                              const uint32_t *history, uint32_t count, const nj_listable *listable,
                              nj_candidates *out);

#endif
