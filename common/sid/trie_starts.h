// trie_starts.h - where a node's children start, in each of the forms of trie_layout.h; private to common/sid.
//
//   marks  1 0 0 1 1 0 ...     leaf 0 has items 0 to 2, leaf 1 item 3, leaf 2 items 4 and on: the start of leaf n
//          │     │ │           is the place of mark n. A hint leads to the block or near it, ranks to the block itself.
//          0     1 2
#ifndef NJ_SID_TRIE_STARTS_H
#define NJ_SID_TRIE_STARTS_H

#include "common/sid/trie_layout.h"

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
    while (low < high) {
        const uint32_t middle = low + (high - low + 1) / 2;
        if (nj_trie_block_rank(starts, middle) <= node) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

/// The first item of leaf `node` where leaves have marks; the end of the items for node_count.
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

/// The first child of `node`, 0 .. node_count: for node_count the end of the level.
static inline uint32_t nj_trie_starts_first(const nj_trie_starts *starts, uint32_t node)
{
    if (starts->bases != NULL) {
        return starts->bases[node / NJ_TRIE_BASE_NODES] + starts->near[node];
    }
    if (starts->offset != NULL) {
        return starts->offset[node];
    }
    return starts->blocks != NULL ? nj_trie_find_mark(starts, node) : node;
}

/// The children of `node`.
static inline nj_trie_range nj_trie_starts_range(const nj_trie_starts *starts, uint32_t node)
{
    return (nj_trie_range){nj_trie_starts_first(starts, node),
                           nj_trie_starts_first(starts, node + 1)};
}

/// Is `child`, which is not child 0, the first of its parent? `before`: the parent of the child before it.
static inline bool nj_trie_starts_at(const nj_trie_starts *starts, uint32_t before, uint32_t child)
{
    if (starts->blocks != NULL) {
        return (nj_trie_block_marks(starts, child / NJ_TRIE_BLOCK_CHILDREN) >>
                    child % NJ_TRIE_BLOCK_CHILDREN &
                1) != 0;
    }
    return nj_trie_starts_first(starts, before + 1) == child;
}

#endif
