// token_trie_layout.h - where the arrays of a token trie lie in its bytes; shared by token_trie_open.c (reads) and token_trie_build.c
// (writes). schemas/token_trie.md has an example.
//
//   +-----------------------------+ 0
//   | nj_token_trie_header        | 40 bytes
//   +-----------------------------+ 40
//   | u32 child_end[node_count]   | every array starts at a multiple of 8; the gaps are zero
//   | u32 token[node_count]       |
//   | u32 item_end[node_count]    |
//   | u32 items[item_count]       |
//   | u32 row_node[row_count]     |
//   +-----------------------------+ exactly the section's size
#ifndef NJ_SID_TOKEN_TRIE_LAYOUT_H
#define NJ_SID_TOKEN_TRIE_LAYOUT_H

#include "common/base/checked.h"
#include "common/sid/token_trie.h"

#define NJ_TOKEN_TRIE_MAGIC "NJTOKEN" // 8 bytes with the NUL that C puts behind it
#define NJ_TOKEN_TRIE_VERSION 1
#define NJ_TOKEN_TRIE_ALIGN 8

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t node_count;
    uint32_t item_count;
    uint32_t depth;
    uint32_t V;
    uint32_t span_max;
    uint32_t row_count; // of the catalogue
    uint32_t reserved;  // 0
} nj_token_trie_header;

_Static_assert(sizeof(nj_token_trie_header) == 40, "the header's size is part of the format");

enum {
    NJ_TOKEN_TRIE_CHILD_END,
    NJ_TOKEN_TRIE_TOKEN,
    NJ_TOKEN_TRIE_ITEM_END,
    NJ_TOKEN_TRIE_ITEMS,
    NJ_TOKEN_TRIE_ROW_NODE,
    NJ_TOKEN_TRIE_ARRAYS
};

typedef struct {
    size_t start[NJ_TOKEN_TRIE_ARRAYS]; // bytes from the start of the section
    size_t count[NJ_TOKEN_TRIE_ARRAYS]; // numbers of each array
    size_t size;                        // bytes of the section
} nj_token_trie_layout;

/// Counts have 32 bits, so that a size_t holds the sum.
static inline nj_token_trie_layout nj_token_trie_layout_of(const nj_token_trie_header *header)
{
    nj_token_trie_layout layout = {.size = sizeof *header,
                                   .count = {header->node_count, header->node_count,
                                             header->node_count, header->item_count,
                                             header->row_count}};
    for (uint32_t i = 0; i < NJ_TOKEN_TRIE_ARRAYS; i++) {
        layout.start[i] = nj_round_up(layout.size, NJ_TOKEN_TRIE_ALIGN);
        layout.size = layout.start[i] + layout.count[i] * sizeof(uint32_t);
    }
    return layout;
}

#endif
