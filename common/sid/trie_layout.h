// trie_layout.h - where the arrays of a trie lie in its bytes; shared by trie_open.c (reads) and trie_build.c (writes).
//
// All numbers are little-endian; every array starts at a multiple of 8; the gaps are zero (schemas/trie.md has an example).
//
//   +------------------------------------------+ 0
//   | nj_trie_header                           | 96 bytes
//   +------------------------------------------+ 96
//   | level 0:    starts   codes               | starts  none, u32 offset[nodes + 1], or two arrays
//   | ...                                      | codes   u16[children], u8[children], or u64 bits[nodes, K / 64 up]
//   | level L-1:  starts   codes               |
//   +------------------------------------------+
//   | leaves:     starts   u32 items[items]    | catalogue rows
//   +------------------------------------------+ exactly the section's size
//
// The form of a level follows from its counts (nj_trie_form_of), so it is nowhere stored and the same SIDs have one form only.
//
//   offset   children of node n: offset[n] .. offset[n + 1], which are both places in codes and node numbers of the next level
//   near     the same in two bytes: u32 bases[] has the offset of every 64th node, u16 near[nodes + 1] how far behind that a
//            node's is. A look takes both at once, and its codes after that.
//   marks    of leaves only: u64 blocks[], a mark an item, 32 to a block, set where the item is its leaf's first. The low half of a
//            block is the number of marks before it, the high half holds the marks, first item in the lowest bit; and
//            u32 hints[], the block with the mark of every 32nd leaf and, last, the last block
//   none     there are as many children as nodes: node n has child n
#ifndef NJ_SID_TRIE_LAYOUT_H
#define NJ_SID_TRIE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/sid/trie.h"

#define NJ_TRIE_MAGIC "NJTRIE\0" // 8 bytes with the NUL that C puts behind it
#define NJ_TRIE_VERSION 2
#define NJ_TRIE_NODES_MAX 0x7fffffffu // a level; UINT32_MAX is left to say "no child"
#define NJ_TRIE_ALIGN 8
#define NJ_TRIE_BLOCK_CHILDREN 32
#define NJ_TRIE_HINT_NODES 32
#define NJ_TRIE_BASE_NODES 64
#define NJ_TRIE_NEAR_CODES_MAX                                                                     \
    (UINT16_MAX /                                                                                  \
     (NJ_TRIE_BASE_NODES - 1)) // 64 nodes of so many children are within 16 bits of the first

// The two upper levels are looked at for every user, and up to this size they fit in any cache: there speed decides, not bytes.
#define NJ_TRIE_DIRECT_LEVELS 2
#define NJ_TRIE_DIRECT_CHILDREN_MAX 65536u

// Listing the codes of a row of bits takes as many steps as it has codes, but few where all 64 of a word are set. So bits are for levels so
// dense that they save this much.
#define NJ_TRIE_BITS_GAIN 4

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t level_count; // L
    uint32_t item_count;
    uint32_t reserved_0;                     // 0
    uint32_t codes_per_level[NJ_LEVELS_MAX]; // [L], 0 behind
    uint32_t node_count[NJ_LEVELS_MAX + 1];  // [L+1], 0 behind
    uint32_t reserved_1;                     // 0
} nj_trie_header;

_Static_assert(sizeof(nj_trie_header) == 96, "the header's size is part of the format");

typedef enum {
    NJ_TRIE_STARTS_NONE,
    NJ_TRIE_STARTS_OFFSETS,
    NJ_TRIE_STARTS_NEAR,
    NJ_TRIE_STARTS_MARKS,
} nj_trie_starts_form;

typedef enum {
    NJ_TRIE_CODES_WORDS,
    NJ_TRIE_CODES_BYTES,
    NJ_TRIE_CODES_BITS,
} nj_trie_codes_form;

typedef struct {
    nj_trie_starts_form starts;
    nj_trie_codes_form codes;
} nj_trie_form;

// Byte offsets from the start of the section.
typedef struct {
    nj_trie_starts_form form;
    size_t first, first_end;   // offset, bases or blocks
    size_t second, second_end; // near or hints; 0 for the others
} nj_trie_starts_layout;

typedef struct {
    nj_trie_starts_layout starts[NJ_LEVELS_MAX + 1]; // [L+1], the last of the leaves
    nj_trie_codes_form codes_form[NJ_LEVELS_MAX];    // [L]
    size_t codes[NJ_LEVELS_MAX];                     // [L]
    size_t codes_end[NJ_LEVELS_MAX];                 // [L]
    size_t items;
    size_t items_end;
    size_t end; // bytes of the whole section
} nj_trie_layout;

/// Blocks for the marks of `children`; u64 words of a row of bits for K codes.
static inline uint32_t nj_trie_block_count(uint32_t children)
{
    return children / NJ_TRIE_BLOCK_CHILDREN + (children % NJ_TRIE_BLOCK_CHILDREN != 0);
}

static inline uint32_t nj_trie_hint_count(uint32_t nodes)
{
    return nodes / NJ_TRIE_HINT_NODES + (nodes % NJ_TRIE_HINT_NODES != 0) + 1;
}

static inline uint32_t nj_trie_row_words(uint32_t K)
{
    return (K + 63) / 64;
}

static inline size_t nj_trie_base_count(uint32_t nodes)
{
    return (size_t)nodes / NJ_TRIE_BASE_NODES + 1;
}

/// The form of leaves: none where every item has its own; else the fewer bytes of offsets and marks, offsets where they are equal.
nj_trie_starts_form nj_trie_leaves_form_of(uint32_t leaves, uint32_t items);

/// The form of a level of `nodes` nodes with together `children` children under K codes each.
///
///   starts  none where every node has one child; offsets on the upper levels while they are small, and for K above
///           NJ_TRIE_NEAR_CODES_MAX; else near
///   codes   words on the upper levels while they are small; else bits where a list has NJ_TRIE_BITS_GAIN times their bytes, words for K
///           above 256, bytes otherwise
nj_trie_form nj_trie_form_of(uint32_t level, uint32_t nodes, uint32_t children, uint32_t K);

/// Adds up the header's counts (level_count and codes_per_level have been checked). False when the sum does not fit in a size_t.
bool nj_trie_layout_of(const nj_trie_header *header, nj_trie_layout *out);

/// The arrays of `bytes` as the header and the layout announce them; nothing is checked.
nj_trie nj_trie_view(const void *bytes, const nj_trie_header *header, const nj_trie_layout *layout);

#endif
