// collisions_parts.h - relocation, as collisions.c uses it: prefix by prefix, then the items that had to leave theirs.
//
//   nj_relocation_begin      books and scratch
//   nj_relocation_prefix     once a prefix with items that must find other codes
//   nj_relocation_finish     places the items that left their prefix
//   nj_relocation_end
//
// An entry is a row, or row_count + the number of an occupied SID.
#ifndef NJ_CATALOGUE_COLLISIONS_PARTS_H
#define NJ_CATALOGUE_COLLISIONS_PARTS_H

#include "common/base/buffer.h"
#include "common/catalogue/code_costs.h"
#include "common/catalogue/collisions.h"

// Entries by the first `depth` codes, and a number for each. Open addressing over XXH3; codes stay where they are.
typedef struct {
    uint64_t *slots; // owned; [capacity] number << 32 | entry + 1, 0 = free
    size_t capacity; // a power of two
    size_t count;
    uint32_t depth;
} nj_entry_table;

typedef struct {
    double cost;     // squared error behind its codes
    uint32_t parent; // place in the beam before
    uint16_t code;
} nj_free_candidate;

// Finds SIDs that have room.
typedef struct {
    const nj_collision_work *work;
    const nj_code_costs *costs;
    uint32_t sid_room;    // rows that a SID takes
    nj_entry_table taken; // SIDs: how many entries have it; empty while nothing is known
    nj_entry_table full[NJ_LEVELS_MAX]; // [1..L-1] prefixes of that length: children without room
    uint32_t root_full;                 // children of the root without room
    // scratch, owned:
    double *residuals[2]; // [NJ_COLLISIONS_BEAM, D] of two levels in turn
    double *code_costs;   // [largest K]
    uint16_t (*prefixes[2])[NJ_LEVELS_MAX];
} nj_free_search;

/// Borrows work and costs until the end.
NJ_CHECKED nj_status nj_free_search_begin(nj_free_search *search, const nj_collision_work *work,
                                          const nj_code_costs *costs, uint32_t sid_room,
                                          nj_error *err);
void nj_free_search_end(nj_free_search *search);
/// Counts an entry's SID as taken once more.
NJ_CHECKED nj_status nj_free_search_take(nj_free_search *search, uint32_t entry, nj_error *err);
/// The nearest SID with room that the beam finds, outside of the prefix `avoid` [L-1] (NULL: anywhere). NJ_NOT_FOUND: there is none.
NJ_CHECKED nj_status nj_free_search_find(nj_free_search *search, const float *x,
                                         const uint16_t *avoid, uint16_t *out_sid, double *out_cost,
                                         nj_error *err);

typedef struct {
    double cost;
    uint32_t row;
} nj_row_cost;

typedef struct {
    const nj_collision_work *work;
    nj_collision_outcome *outcome;
    uint32_t sid_room;
    nj_code_costs costs;
    nj_free_search search;
    nj_buffer leavers; // of nj_row_cost: what leaving costs
    // scratch, owned:
    float *x;           // [D]
    double *residual;   // [D]
    double *code_costs; // [largest K]
} nj_relocation;

/// Errors  NJ_INPUT: `work` has no embeddings or codebooks, or they do not fit its codes; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_relocation_begin(nj_relocation *relocation, const nj_collision_work *work,
                                         uint32_t sid_room, nj_collision_outcome *outcome,
                                         nj_error *err);
void nj_relocation_end(nj_relocation *relocation);

/// Gives `rows`, which share all codes but the last, last codes that have room.
///   rows [row_count] ascending; room [K of the last level]
NJ_CHECKED nj_status nj_relocation_prefix(nj_relocation *relocation, const uint32_t *rows,
                                          size_t row_count, const uint32_t *room, nj_error *err);
NJ_CHECKED nj_status nj_relocation_finish(nj_relocation *relocation, nj_error *err);

static inline void nj_collision_tell(const nj_collision_work *work, const char *phase,
                                     uint64_t done, uint64_t total)
{
    if (work->progress.update != NULL) {
        work->progress.update(work->progress.context, phase, done, total);
    }
}

/// Columns of a row of codes.
static inline size_t nj_collision_columns(const nj_collision_work *work)
{
    return work->level_count + (work->options->policy == NJ_COLLISIONS_SUFFIX ? 1 : 0);
}

static inline const uint16_t *nj_collision_entry(const nj_collision_work *work, uint32_t entry)
{
    const size_t columns = nj_collision_columns(work);
    return entry < work->row_count ? work->codes + (size_t)entry * columns
                                   : work->occupied + (size_t)(entry - work->row_count) * columns;
}

/// order [row_count + occupied_count] = the entries by their L codes; equal ones rows first, in row order. The codes are below their K.
/// Method  least significant level first, one counting sort a level
NJ_CHECKED nj_status nj_collision_sort(const nj_collision_work *work, uint32_t *order,
                                       nj_error *err);

/// "4 17 90"
#define NJ_CODES_TEXT_BYTES 80
void nj_codes_text(const uint16_t *codes, uint32_t count, char out[NJ_CODES_TEXT_BYTES]);

#endif
