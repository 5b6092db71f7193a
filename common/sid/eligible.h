// eligible.h - which prefixes lead to an item that may be recommended: a set of items folded up the trie.
//
//   items    row i of the catalogue may be recommended    [rows]
//   level L  some item of leaf n may                      [leaves]
//   level l  some child of node n may                     [nodes of level l]
//
// A search that enters only nodes whose bit is set walks the trie of the eligible items alone, in the same order of children: what it
// finds is what a trie built without the others would give. The trie itself stays as it is, and one serves every set.
//
// Items that share a leaf are judged one by one: the leaf's bit says that some of them may, the item's that this one may.
#ifndef NJ_SID_ELIGIBLE_H
#define NJ_SID_ELIGIBLE_H

#include "common/base/bits.h"
#include "common/sid/trie.h"

typedef struct {
    const uint64_t *items; // [rows] bits; borrowed
    uint64_t *nodes[NJ_LEVELS_MAX +
                    1]; // [node_count of the trie] bits of each level; in the caller's memory
    uint32_t node_count[NJ_LEVELS_MAX +
                        1]; // eligible nodes of each level: those of a trie without the other items
    uint32_t item_count;    // eligible items that stand in a leaf
} nj_eligible;

/// Bytes of one folded set. SIZE_MAX on overflow.
size_t nj_eligible_bytes(const nj_trie *trie);

/// Folds. With no eligible item in a leaf even the root's bit is 0 and the set cannot be searched.
///
///   items   [rows of the catalogue] bits; borrowed for the life of the result
///   memory  nj_eligible_bytes, aligned to 8; borrowed likewise
///
/// Cost    one pass over the trie, upper levels 64 children at a time
/// Proof   tests/unit/sid/test_eligible.c
void nj_eligible_fold(const nj_trie *trie, const uint64_t *items, void *memory, nj_eligible *out);

#endif
