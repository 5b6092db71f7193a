// trie_layout.h - where the arrays of a trie lie in its bytes; shared by trie.c (reads) and trie_build.c (writes).
//
// All numbers are little-endian; every array starts at a multiple of 8; the gaps are zero (schemas/trie.md has an example).
//
//   +--------------------------------------------------+ 0
//   | nj_trie_header                                   | 96 bytes
//   +--------------------------------------------------+ 96
//   | level 0:    u32 child_offset[node_count[0] + 1]  | children of node n: child_offset[n] .. child_offset[n + 1],
//   |             u16 codes[node_count[1]]             |   which are both places in codes and node numbers of level 1
//   | ...                                              |
//   | level L-1:  u32 child_offset[node_count[L-1] + 1]|
//   |             u16 codes[node_count[L]]             |
//   +--------------------------------------------------+
//   | u32 leaf_offset[node_count[L] + 1]               | items of leaf n: leaf_offset[n] .. leaf_offset[n + 1]
//   | u32 items[item_count]                            | catalogue rows
//   +--------------------------------------------------+ exactly the section's size
#ifndef NJ_SID_TRIE_LAYOUT_H
#define NJ_SID_TRIE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/sid/trie.h"

#define NJ_TRIE_MAGIC "NJTRIE\0" // 8 bytes with the NUL that C puts behind it
#define NJ_TRIE_VERSION 1
#define NJ_TRIE_NODES_MAX 0x7fffffffu // a level; UINT32_MAX is left to say "no child"
#define NJ_TRIE_ALIGN 8

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

// Byte offsets of the arrays from the start of the section.
typedef struct {
    size_t child_offset[NJ_LEVELS_MAX];
    size_t codes[NJ_LEVELS_MAX];
    size_t leaf_offset;
    size_t items;
    size_t end; // bytes of the whole section
} nj_trie_layout;

/// Adds up the header's counts (level_count has been checked). False when the sum does not fit in a size_t.
bool nj_trie_layout_of(const nj_trie_header *header, nj_trie_layout *out);

#endif
