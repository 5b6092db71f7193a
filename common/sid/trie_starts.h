// trie_starts.h - where a node's children start, in each of the three forms of trie_layout.h; private to common/sid.
//
//   marks  1 0 0 1 1 0 ...     node 0 has children 0 to 2, node 1 child 3, node 2 children 4 and on: the start of node n
//          │     │ │           is the place of mark n. A hint leads to the block or near it, ranks to the block itself.
//          0     1 2
#ifndef NJ_SID_TRIE_STARTS_H
#define NJ_SID_TRIE_STARTS_H

#include "common/sid/trie_layout.h"

// Blocks without a mark that are looked through for the end of a node's children, before its neighbour's start is asked for.
#define NJ_TRIE_EMPTY_BLOCKS_MAX 8
// So many blocks are told apart one after the other; among more, by halving.
#define NJ_TRIE_BLOCKS_IN_LINE 8

/// Marks before block `at`.
static inline uint32_t nj_trie_block_rank(const nj_trie_starts *starts, uint32_t at)
{
    return (uint32_t)starts->blocks[at];
}

static inline uint32_t nj_trie_block_marks(const nj_trie_starts *starts, uint32_t at)
{
    return (uint32_t)(starts->blocks[at] >> 32);
}

/// The place of set bit number `k` (0-based) of `bits`, which has more than k: sums of pairs, nibbles, bytes and halves lead down to it.
static inline uint32_t nj_trie_select_bit(uint32_t bits, uint32_t k)
{
    const uint32_t pairs = bits - (bits >> 1 & 0x55555555u);
    const uint32_t nibbles = (pairs & 0x33333333u) + (pairs >> 2 & 0x33333333u);
    const uint32_t octets = (nibbles + (nibbles >> 4)) & 0x0f0f0f0fu;
    const uint32_t halves = octets + (octets >> 8);
    uint32_t place = 0;
    uint32_t before = halves & 0x1f;
    uint32_t above = (uint32_t) - (k >= before); // all ones when the bit stands in the upper half
    place += 16 & above;
    k -= before & above;
    before = octets >> place & 0xf;
    above = (uint32_t) - (k >= before);
    place += 8 & above;
    k -= before & above;
    before = nibbles >> place & 0x7;
    above = (uint32_t) - (k >= before);
    place += 4 & above;
    k -= before & above;
    before = pairs >> place & 0x3;
    above = (uint32_t) - (k >= before);
    place += 2 & above;
    k -= before & above;
    return place + (k >= (bits >> place & 1));
}

/// The block with the mark of `node`: the last whose rank is not above it.
static inline uint32_t nj_trie_find_block(const nj_trie_starts *starts, uint32_t node)
{
    const uint32_t *hint = starts->hints + node / NJ_TRIE_HINT_NODES;
    uint32_t low = hint[0];
    uint32_t high = hint[1];
    while (high - low > NJ_TRIE_BLOCKS_IN_LINE) {
        const uint32_t middle = low + (high - low) / 2;
        if (nj_trie_block_rank(starts, middle) <= node) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    while (low < high && nj_trie_block_rank(starts, low + 1) <= node) {
        low++;
    }
    return low;
}

/// The first child of `node` in a level with marks; the end of the level for node_count.
static inline uint32_t nj_trie_find_mark(const nj_trie_starts *starts, uint32_t node)
{
    if (node == starts->node_count) {
        return starts->child_count;
    }
    const uint32_t block = nj_trie_find_block(starts, node);
    return block * NJ_TRIE_BLOCK_CHILDREN +
           nj_trie_select_bit(nj_trie_block_marks(starts, block),
                              node - nj_trie_block_rank(starts, block));
}

/// The place of the mark behind that of `node`, which stands at `first`.
static inline uint32_t nj_trie_find_next_mark(const nj_trie_starts *starts, uint32_t node,
                                              uint32_t first)
{
    const uint32_t block_count = nj_trie_block_count(starts->child_count);
    uint32_t block = first / NJ_TRIE_BLOCK_CHILDREN;
    const uint64_t marks = nj_trie_block_marks(starts, block);
    const uint64_t behind = marks >> (first % NJ_TRIE_BLOCK_CHILDREN + 1);
    if (behind != 0) {
        return first + 1 + (uint32_t)__builtin_ctzll(behind);
    }
    for (uint32_t i = 0; i < NJ_TRIE_EMPTY_BLOCKS_MAX && ++block < block_count; i++) {
        if (nj_trie_block_marks(starts, block) != 0) {
            return block * NJ_TRIE_BLOCK_CHILDREN +
                   (uint32_t)__builtin_ctz(nj_trie_block_marks(starts, block));
        }
    }
    return nj_trie_find_mark(starts, node + 1);
}

/// The children of `node`.
static inline nj_trie_range nj_trie_starts_range(const nj_trie_starts *starts, uint32_t node)
{
    if (starts->offset != NULL) {
        return (nj_trie_range){starts->offset[node], starts->offset[node + 1]};
    }
    if (starts->blocks == NULL) {
        return (nj_trie_range){node, node + 1};
    }
    const uint32_t first = nj_trie_find_mark(starts, node);
    return (nj_trie_range){first, nj_trie_find_next_mark(starts, node, first)};
}

/// Is `child`, which is not child 0, the first of its parent? `before`: the parent of the child before it.
static inline bool nj_trie_starts_at(const nj_trie_starts *starts, uint32_t before, uint32_t child)
{
    if (starts->offset != NULL) {
        return starts->offset[before + 1] == child;
    }
    if (starts->blocks == NULL) {
        return true;
    }
    return (nj_trie_block_marks(starts, child / NJ_TRIE_BLOCK_CHILDREN) >>
                child % NJ_TRIE_BLOCK_CHILDREN &
            1) != 0;
}

#endif
