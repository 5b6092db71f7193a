// collisions.h - what becomes of items whose codes are the same: a counter, a SID of their own, or one leaf for all.
//
//   codes [N, L] of the quantizer        suffix      4 17 90 | 0      relocate  4 17 90      leaves  4 17 90
//     item 0   4 17 90                               4 17 90 | 1                4 17 33              4 17 90
//     item 1   4 17 90          ──►                  4 17 90 | 2                4 21 08              4 17 90
//     item 2   4 17 90                               (its own width)            (next best codes)
//
// Suffix: a further level counts the items of equal codes in row order, from 0 (TIGER). A counter beyond its width is refused, or
// the items too many are relocated to other codes that have room.
//
// Relocation gives every item a SID of its own with little extra error. Only items that collide move; where codes are the
// nearest ones, one of them stays. Prefix by prefix (all codes but the last), the items that collide and the codes that nobody
// else has are an assignment problem whose costs are squared errors. Up to NJ_COLLISIONS_EXACT_ROWS items it is solved exactly
// (transport.h); a prefix with more is filled greedily: the item nearest to its own code first, each gets its nearest free
// code. When a prefix has fewer free codes than items that collide, some leave it: those for whom, by the same problem, it
// costs least. Once all prefixes are done they are placed, cheapest first: each takes the nearest SID with room that a beam
// over the levels finds, NJ_COLLISIONS_BEAM prefixes wide. The beam never enters a prefix without room, so it finds a SID as
// long as there is one.
//
// Occupied SIDs are those of items that are not among the rows: published ones, and retired ones. They are never given away.
//
// Costs are float64 and summed over D left to right; ties go to the lower code, then to the lower row. The result depends on codes,
// embeddings, codebooks and options alone.
#ifndef NJ_CATALOGUE_COLLISIONS_H
#define NJ_CATALOGUE_COLLISIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/quant/quant.h"
#include "common/sid/trie.h"

#define NJ_COLLISIONS_EXACT_ROWS 1024u               // items of a prefix that are assigned exactly
#define NJ_COLLISIONS_EXACT_BYTES ((size_t)64 << 20) // ... and the costs of a prefix
#define NJ_COLLISIONS_BEAM 8u // prefixes that an item which leaves its own looks at
#define NJ_COLLISIONS_KNOWN "suffix, relocate or leaves"

typedef enum {
    NJ_COLLISIONS_SUFFIX = 0, // a counter as the last level
    NJ_COLLISIONS_RELOCATE,   // next best codes
    NJ_COLLISIONS_LEAVES,     // items may share a leaf
} nj_collisions;

// All zero is: a counter as wide as the last level, refused past it.
typedef struct {
    nj_collisions policy;
    uint32_t
        suffix_codes; // SUFFIX: codes of the counter's level; 0 = as many as the level before it
    bool
        suffix_relocates; // SUFFIX: items that the counter cannot tell apart are relocated, not refused
} nj_collision_options;

// Where relocation gets the embeddings of the few rows that it looks at, as the codebooks see them (behind a transform).
typedef struct {
    void *context;
    /// Fills out [D], finite. An error ends the resolving.
    nj_status (*read)(void *context, uint32_t row, float *out, nj_error *err);
} nj_row_reader;

// Long work says how far it is; for people.
typedef struct {
    void *context;
    /// `phase`: "items" that were looked at, then "moves" of items that left their prefix. NULL: nobody looks.
    void (*update)(void *context, const char *phase, uint64_t done, uint64_t total);
} nj_collision_progress;

typedef struct {
    const nj_collision_options *options;
    const char *what;     // names the items in errors
    uint16_t *codes;      // [N, L] in/out; with SUFFIX [N, L + 1], whose last column is written
    uint32_t row_count;   // N
    uint32_t level_count; // L: the quantizer's levels, without a counter
    uint32_t K[NJ_LEVELS_MAX]; // [L] codes of each level
    const uint16_t *occupied;  // [occupied_count, columns as in codes]; NULL = none
    uint32_t occupied_count;   //
    const nj_codebooks
        *codebooks;     // for relocation: those that made the codes, L levels; else may be NULL
    nj_row_reader rows; // for relocation; read == NULL: none, and what would need them is refused
    nj_collision_progress progress;
} nj_collision_work;

// What was found and done. An item collides when another row, or an occupied SID, has the same L codes.
typedef struct {
    uint32_t item_count;
    uint32_t colliding_count; // items that collide
    uint32_t distinct_count;  // different codes of the rows, before
    uint32_t largest_count;   // items of the codes that most rows have
    uint32_t moved_count;     // items whose codes were changed
    uint32_t
        moved_prefix_count; // ... of these, those that left their prefix (all codes but the last)
    uint32_t greedy_prefix_count; // prefixes that were too large to be assigned exactly
    uint32_t suffix_codes;        // SUFFIX: codes that the counter needs (highest one given + 1)
    double extra_error;           // sum over moved items of what their squared error has grown by
} nj_collision_outcome;

/// Codes of the counter's level under `options`, where the last of the quantizer's levels has K codes; 0: there is no such level.
uint32_t nj_collisions_suffix_width(const nj_collision_options *options, uint32_t K);

/// "suffix", "relocate", "leaves"
const char *nj_collisions_name(nj_collisions policy);
/// False (and *out unchanged) for another word.
bool nj_collisions_from_name(const char *name, nj_collisions *out);

/// Resolves. With LEAVES, only items whose codes are occupied move, each to a SID of its own.
///
///   assign    codes of all items; nothing is occupied
///   refresh   codes of the new items; every SID that was ever published, retired or not, is occupied. With SUFFIX a new item takes a
///             counter that nobody had, and may be refused when there is none left; suffix_relocates, RELOCATE and LEAVES find room
///
/// Memory  4 bytes a row and an occupied SID, twice while they are sorted; with relocation the codebooks once more, 4 bytes a row and
///         the costs of one prefix; where items leave their prefix, 16 bytes each and 11 to 22 a SID
/// Cost    sorting, and for every item that collides the costs of the last level's codes; an item that leaves its prefix looks twice through
///         the beam (ops/handbook/catalogue.md has figures)
/// Errors  NJ_INPUT: a counter would be too narrow (names the codes, how many items share them, and its width), there are more items
///         than SIDs, relocation is needed and there are no embeddings or codebooks, a code that is not below K; what `rows` says;
///         NJ_NO_MEMORY. The codes are undefined then.
/// Proof   tests/unit/catalogue/test_collisions.c
NJ_CHECKED nj_status nj_collisions_resolve(const nj_collision_work *work, nj_collision_outcome *out,
                                           nj_error *err);

#endif
