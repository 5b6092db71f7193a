// constraints.h - which items a list may still take: its places, caps, and the items that have a place already.
//
//   begin ─► reserve (pins, cold items, fresh ones) ─► allow? take ─► allow? take ─► ... until no place is open
//
// A reserved row counts from then on: it fills a place and its caps. Among the candidates it is always allowed, once, and taking it
// costs nothing more. So whoever chooses greedily needs two calls, and no rule is known to him.
//
// Whether an item may stand in any list of the bundle (deny), or in one of this user (eligible, excluded), is decided before: such an item
// is no candidate.
#ifndef NJ_WORKER_POLICY_CONSTRAINTS_H
#define NJ_WORKER_POLICY_CONSTRAINTS_H

#include "common/base/arena.h"
#include "common/catalogue/attributes.h"
#include "common/policy/policy.h"
#include "common/sid/trie_build.h"

// What holds for all lists of a night; borrowed for the life of what is made from it.
typedef struct {
    const nj_policy *policy;
    const nj_attributes *attributes; // NULL where no cap names a column
    const nj_sids *sids;
    uint32_t top;     // places of a list
    uint32_t reserve; // items behind it at the most
} nj_constraint_rules;

// One list; its arrays are in the arena.
typedef struct {
    const nj_constraint_rules *rules;
    uint32_t
        *rows; // [top + reserve] that count: those that were taken, reserved ones, and followers
    uint32_t *values;   // [cap_count, top + reserve] of the caps' columns, row by row
    uint32_t count;     // of rows
    uint32_t *reserved; // [top] rows that count and were not taken yet
    uint32_t reserved_count;
} nj_constraints;

/// Bytes of arena of one list. SIZE_MAX on overflow.
size_t nj_constraints_bytes(const nj_constraint_rules *rules);

/// An empty list.
void nj_constraints_begin(const nj_constraint_rules *rules, nj_arena *arena, nj_constraints *out);
/// Empties the list again.
void nj_constraints_clear(nj_constraints *constraints);

/// Whether the list may take the row: it is reserved; or a place is open, the row does not count yet, and no cap of it is reached. A row
/// without a value of a column is under none of that column's caps.
/// Proof   tests/unit/policy/test_constraints.c against counts of whole lists
bool nj_constraints_allow(const nj_constraints *constraints, uint32_t row);

/// Takes the row, which is allowed.
void nj_constraints_take(nj_constraints *constraints, uint32_t row);

/// Gives the row a place before others are chosen. False, and nothing is changed, where it is not allowed.
bool nj_constraints_reserve(nj_constraints *constraints, uint32_t row);

/// Counts a row behind the list, which takes no place of it. False, and nothing is changed, where it counts already, a cap of it is
/// reached, or there are `reserve` of them: so list and followers together keep every cap, and whatever is left of them. No row is
/// reserved or taken behind it.
bool nj_constraints_follow(nj_constraints *constraints, uint32_t row);

/// Places of the list that are open to rows without a reservation.
static inline uint32_t nj_constraints_open_places(const nj_constraints *constraints)
{
    return constraints->rules->top - constraints->count;
}

#endif
