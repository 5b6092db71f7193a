// trie.h - which codes may follow a prefix.
//
// Read-only. Built by trie_build.c, stored as the "trie" section of a bundle (schemas/bundle.md), used by the beam search
// to drop every continuation that is not an item. A node is an index, so a walk is copied by assignment and never freed.
//
//   level 0        level 1            ...        level L
//   [root] --5--> [node 3] --17--> [node 90] ... [leaf 12] : items 4711, 8020 (catalogue order)
//
// Nodes of a level are numbered from 0 in the order of their SIDs, so the children of a node are consecutive. Every node has
// a child and every leaf an item. The bytes are drawn in trie_layout.h and schemas/trie.md; what is borrowed from a trie lasts as
// long as they do.
#ifndef NJ_SID_TRIE_H
#define NJ_SID_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define NJ_LEVELS_MAX 8
#define NJ_CODES_MIN 2 // a level with one code says nothing
#define NJ_CODES_MAX 65536
#define NJ_TRIE_NONE UINT32_MAX

typedef struct nj_trie nj_trie;

typedef struct {
    const uint16_t *codes; // [count] ascending; borrowed from the trie or the caller's scratch
    uint32_t first;        // number, on the next level, of the child under codes[0]; others follow
    uint32_t count;
} nj_trie_children_span;

// Where the children of each node of a level start (for leaves: their items). Private to common/sid.
typedef struct {
    const uint32_t *offset; // [nodes + 1]; at most one of the first three is not NULL
    const uint32_t *bases;  // [(nodes + 1) / 64, up]
    const uint64_t *blocks; // [items / 32, up]; leaves only
    const uint16_t *near;   // [nodes + 1] beside bases
    const uint32_t *hints;  // [nodes / 32, up, + 1] beside blocks
    uint32_t node_count;
    uint32_t child_count;
} nj_trie_starts;

// One level's children. Private to common/sid.
typedef struct {
    nj_trie_starts starts;
    const uint16_t *words; // [children] codes; one of these three is not NULL
    const uint8_t *bytes;  // [children]
    const uint64_t *bits;  // [nodes, row_words] bit c of a node's row: it has a child under code c
    uint32_t row_words;
} nj_trie_level;

struct nj_trie {
    uint32_t level_count;                    // L
    uint32_t item_count;                     // items in leaves
    uint32_t node_count[NJ_LEVELS_MAX + 1];  // [L+1]: 1, ..., leaves
    uint32_t codes_per_level[NJ_LEVELS_MAX]; // K of each level: every code is below it
    nj_trie_level levels[NJ_LEVELS_MAX];     // [L]
    nj_trie_starts leaves;                   // into items
    const uint32_t *items;                   // [item_count] catalogue rows, leaf after leaf
};

/// Opens a view on outside bytes after checking all of them: sizes, starts and codes that rise, codes below K, every item
/// row below item_row_count and in exactly one leaf. After NJ_OK every walk is safe.
///
/// `bytes` is aligned to 8, borrowed for the life of the view. `item_row_count`: rows of the catalogue (items that are retired
/// have a row and no leaf).
/// Cost    one pass over the bytes; a bit a catalogue row while it runs
/// Errors  NJ_INPUT with rule and numbers (version 1: pack the bundle again); NJ_NO_MEMORY
/// Proof   tests/unit/sid/test_trie.c, tests/unit/sid/test_trie_hostile.c
NJ_CHECKED nj_status nj_trie_open(const void *bytes, size_t size, uint32_t item_row_count,
                                  nj_trie *out, nj_error *err);

// Numbers first .. end - 1 of nodes of one level, or of places in `items`.
typedef struct {
    uint32_t first;
    uint32_t end;
} nj_trie_range;

/// Codes of scratch that nj_trie_children wants: as many as a node may have children, and a few at least.
uint32_t nj_trie_span_max(const nj_trie *trie);

/// The children of `node` on `level` (0-based, below L).
///
///   scratch  [nj_trie_span_max]  out  where the codes are put when the trie's bytes do not hold them as u16; the span borrows from
///                                     either, so it lasts until the scratch is used again
///
/// Proof   tests/unit/sid/test_trie.c against the table of SIDs
nj_trie_children_span nj_trie_children(const nj_trie *trie, uint32_t level, uint32_t node,
                                       uint16_t *scratch);

/// Begins to bring the codes of `node`'s children near, for a look that comes a little later: rows of a step are known together, and
/// their waits for memory then overlap.
void nj_trie_prefetch(const nj_trie *trie, uint32_t level, uint32_t node);

/// The numbers of the children on the next level, without their codes. Never empty.
nj_trie_range nj_trie_child_range(const nj_trie *trie, uint32_t level, uint32_t node);

/// The leaves below `node` of `level` (0..L; a leaf has itself). Never empty.
nj_trie_range nj_trie_node_range(const nj_trie *trie, uint32_t level, uint32_t node);

/// The child of `node` under `code`; NJ_TRIE_NONE when there is none.
uint32_t nj_trie_step(const nj_trie *trie, uint32_t level, uint32_t node, uint16_t code);

/// The leaf of the SID codes [L]; NJ_TRIE_NONE when no item has it. So the leaf of a catalogue row is that of its SID.
uint32_t nj_trie_find(const nj_trie *trie, const uint16_t *codes);

/// The SID of a leaf, codes [L]: the walk upwards.
void nj_trie_leaf_codes(const nj_trie *trie, uint32_t leaf, uint16_t *codes);

/// Places in `items` of the rows of a leaf; those of consecutive leaves follow each other. Never empty.
nj_trie_range nj_trie_leaf_range(const nj_trie *trie, uint32_t leaf);

/// The catalogue rows of a leaf, ascending; borrowed. *out_count is at least 1.
static inline const uint32_t *nj_trie_leaf_items(const nj_trie *trie, uint32_t leaf,
                                                 uint32_t *out_count)
{
    nj_trie_range range = nj_trie_leaf_range(trie, leaf);
    *out_count = range.end - range.first;
    return trie->items + range.first;
}

/// Folds a set one level up: bit n of `above` is set where a child of node n has its bit set in `below`.
///
///   below  [node_count[level + 1] bits]  in   bit n % 64 of word n / 64 is node n's
///   above  [node_count[level] bits]      out  whole words are written; bits behind the last node are 0
void nj_trie_fold(const nj_trie *trie, uint32_t level, const uint64_t *below, uint64_t *above);

/// Folds a set of catalogue rows up to the leaves: a leaf's bit is set where one of its rows has its bit set.
void nj_trie_fold_rows(const nj_trie *trie, const uint64_t *rows, uint64_t *leaves);

// A walk over all leaves in the order of their SIDs.
typedef struct {
    const nj_trie *trie;              // borrowed
    uint32_t node[NJ_LEVELS_MAX + 1]; // [L+1] from the root to the leaf at hand
    uint16_t codes[NJ_LEVELS_MAX];    // [L] its SID
} nj_trie_walk;

/// Stands at leaf 0.
void nj_trie_walk_begin(const nj_trie *trie, nj_trie_walk *out);

/// Goes to the next leaf; false behind the last, and the walk stays there.
bool nj_trie_walk_next(nj_trie_walk *walk);

/// The largest node_count of levels 1..L: a beam this wide covers the trie.
uint32_t nj_trie_width(const nj_trie *trie);

#endif
