// cold.h - places for items that training has not seen: scored exactly, each against each user, and not left to the beam.
//
//   histories of a batch ─► user vectors [B, D] ─► times the cold pool [D, n] ─► the best of each user ─► places of his list
//
// A user's vector is the sum of his history's item vectors, the item k places before the last by fading^k, brought to length 1: so a
// score is a cosine. An item of the pool counts where it is eligible, not excluded and its cosine at least cold_least. Who has no
// history, or one without vectors, has no vector and gets no cold item.
//
// The rule of merging. From place `cold_first` on (0-based, pins aside) stand the best cold items, one a place, until `cold_places` have one
// or none is left that may. The n-th of them (from 0) displaces the candidate number cold_first + n of those that the earlier stages rank,
// best first, and may do so where its own cosine is at least `cold_ahead` above that candidate's: an item that is near to what the user
// had is not given up for one that is hardly nearer. A cold item that is itself among the first cold_first candidates takes no place: it
// stands in front already. What the other stages choose goes on behind the cold items.
//
// Borrowing is the other way in: a cold item that begins with the same `borrow_levels` codes as a candidate stands among the candidates
// with that one's score less `borrow_less`, and goes through every later stage like them.
//
// The pool has rows of the trie only, so that retired items stay out. Its order is that of the trie.
#ifndef NJ_WORKER_POLICY_COLD_H
#define NJ_WORKER_POLICY_COLD_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/catalogue/item_vectors.h"
#include "common/catalogue/view.h"
#include "common/math/kernels.h"
#include "common/policy/policy.h"
#include "worker/beam/beam.h"
#include "worker/policy/candidate.h"

// Cold items of a user beyond cold_places, for those that a list already has or that a cap refuses.
#define NJ_COLD_SPARE 16
#define NJ_COLD_MAX (NJ_POLICY_PLACES_MAX + NJ_COLD_SPARE)

typedef struct nj_cold nj_cold;

typedef struct {
    const nj_policy *policy; // borrowed for the life of the pool, as all here
    const nj_catalogue_view *catalogue;
    const nj_item_vectors *vectors; // NULL where cold_places is 0
    const uint64_t
        *denied; // [N bits] rows that no list may have; read by nj_cold_open only; NULL: none
    uint32_t
        trained_item_count; // rows that the checkpoint says it was trained on; 0: it does not say
    const nj_kernels *kernels;
} nj_cold_inputs;

typedef struct {
    const uint32_t
        *history; // [history_count] catalogue rows, oldest first, those that the encoder was given
    uint32_t history_count;
    const nj_exclusions *exclusions;
} nj_cold_user;

/// Rows that the rule calls cold, retired and denied ones included; 0 where the bundle does not say.
uint32_t nj_cold_count(const nj_cold_inputs *inputs);

/// Bytes that nj_cold_open allocates at the most, for `count` of them. SIZE_MAX on overflow.
size_t nj_cold_bytes(const nj_cold_inputs *inputs, uint32_t count);

/// Gathers the pool and brings its vectors into the order of the product. A pool may be empty: no list then has cold items.
///
/// Errors  NJ_CONFIG: the rule asks for counts, for a number of trained items or for vectors, and the bundle lacks them, or for more levels
///         than SIDs have (says which, and what to do); NJ_NO_MEMORY. *out is unchanged.
/// Memory  nothing is allocated behind it
NJ_CHECKED nj_status nj_cold_open(const nj_cold_inputs *inputs, nj_cold **out, nj_error *err);
/// Accepts NULL in *cold.
void nj_cold_close(nj_cold **cold);

uint32_t nj_cold_pool_count(const nj_cold *cold);

/// Whether the row is one of the pool.
bool nj_cold_has(const nj_cold *cold, uint32_t row);

// What a batch's product leaves of one user; in the arena of nj_cold_begin.
typedef struct {
    nj_candidates
        best; // cold items by falling cosine and, of equal ones, smaller row; source NJ_SOURCE_COLD, score and raw the cosine
    const float *vector; // [D] of length 1; NULL: he has none, and no cold item
} nj_cold_choice;

/// Bytes of arena that nj_cold_begin takes for B users. SIZE_MAX on overflow.
size_t nj_cold_scratch_bytes(const nj_cold *cold, uint32_t B);

/// The best cold items of each user, at most cold_places + NJ_COLD_SPARE: what a search through all of them gives. A user's are the same
/// bits in every batch. With cold_places 0 nobody has any.
///
///   users  [B]  in
///   out    [B]  out
///
/// Order   a user's vector is summed in float64 from the last item to the first, its length over d ascending; a cosine is one chain of
///         fused products over d ascending
/// Proof   tests/unit/policy/test_cold.c against plain loops over all items
void nj_cold_begin(const nj_cold *cold, const nj_cold_user *users, uint32_t B, nj_arena *arena,
                   nj_cold_choice *out);

/// Whether item number `taken + 1` of a list's cold items may take the place of the candidate number cold_first + taken of the ranking;
/// NULL: nothing stands there. The caller has seen that taken is below cold_places.
bool nj_cold_displaces(const nj_cold *cold, const nj_cold_choice *choice, const nj_candidate *item,
                       const nj_candidate *displaced);

/// Appends to the candidates, which are sorted best first, the cold items that borrow a score of theirs, until there is no room: those
/// of the best candidate first, in the trie's order. Items that are excluded, not eligible or among the candidates are passed over. With
/// borrow_levels 0 nothing happens. Each has source NJ_SOURCE_BORROWED, raw the score that it borrows, and that less borrow_less as score.
///
///   candidates  in/out  not sorted behind it
///   arena       scratch of nj_cold_borrow_bytes, given back
void nj_cold_borrow(const nj_cold *cold, const nj_exclusions *exclusions, nj_arena *arena,
                    nj_candidates *candidates);
/// Bytes of arena that nj_cold_borrow uses.
size_t nj_cold_borrow_bytes(const nj_cold *cold);

#endif
