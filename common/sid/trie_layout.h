// trie_layout.h - where the arrays of a trie lie in its bytes; shared by trie_open.c (reads) and trie_build.c (writes).
//
// All numbers are little-endian; every array starts at a multiple of 8; the gaps are zero (schemas/trie.md has an example).
//
//   +------------------------------------------+ 0
//   | nj_trie_header                           | 96 bytes
//   +------------------------------------------+ 96
//   | level 0:    starts   codes               | starts  none, u32 offset[nodes + 1], or u64 blocks[] and u32 hints[]
//   | ...                                      | codes   u16[children], u8[children], or u64 bits[nodes, K / 64 up]
//   | level L-1:  starts   codes               |
//   +------------------------------------------+
//   | leaves:     starts   u32 items[items]    | catalogue rows
//   +------------------------------------------+ exactly the section's size
//
// The form of a level follows from its counts (nj_trie_form_of), so it is nowhere stored and the same SIDs have one form only.
//
//   offset   children of node n: offset[n] .. offset[n + 1], which are both places in codes and node numbers of the next level
//   blocks   a mark a child, 32 to a block: set where the child is its parent's first. The low half of a block is the
//            number of marks before it, the high half holds the marks, first child in the lowest bit.
//   hints    hints[i] is the block with the mark of node 32 i; the last hint is the last block
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

// The two upper levels are looked at for every user, and up to this size they fit in any cache: there speed decides, not bytes.
#define NJ_TRIE_DIRECT_LEVELS 2
#define NJ_TRIE_DIRECT_CHILDREN_MAX 65536u

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
    size_t offset, offset_end; // u32 [nodes + 1]; nothing unless OFFSETS
    size_t blocks, blocks_end; // u64; nothing unless MARKS
    size_t hints, hints_end;   // u32
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

/// The form with the fewest bytes, the first of none, offsets, marks where they are equal.
nj_trie_starts_form nj_trie_starts_form_of(uint32_t nodes, uint32_t children);

/// The form of a level of `nodes` nodes with together `children` children under K codes each: words and offsets on the upper levels
/// while they are small; else bits with offsets where that has no more bytes than a list, words for K above 256, bytes otherwise.
nj_trie_form nj_trie_form_of(uint32_t level, uint32_t nodes, uint32_t children, uint32_t K);

/// Adds up the header's counts (level_count and codes_per_level have been checked). False when the sum does not fit in a size_t.
bool nj_trie_layout_of(const nj_trie_header *header, nj_trie_layout *out);

/// The arrays of `bytes` as the header and the layout announce them; nothing is checked.
nj_trie nj_trie_view(const void *bytes, const nj_trie_header *header, const nj_trie_layout *layout);

#endif
