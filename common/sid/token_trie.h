// token_trie.h - which tokens may follow a prefix, where items are strings of tokens of different lengths: titles, ids in words, atomic ids.
//
// Read-only. Built from the strings of a catalogue, stored as the "answers" section of a bundle (schemas/token_trie.md), used by answer
// searches (worker/beam/answers.h) to drop every continuation that is no item.
//
//   root ─ The ─ Matrix ●             ● an item ends here: what ends a string (EOS, a separator) may follow
//             │         └ Reloaded ●  and a longer one may go on
//             └ Thing ●●              equal strings share a node: both items, in catalogue order
//
// Nodes are numbered by depth, then by their strings, so the children of a node are consecutive and child i of all is node i + 1: a walk
// is copied by assignment. Every node without children has an item.
#ifndef NJ_SID_TOKEN_TRIE_H
#define NJ_SID_TOKEN_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bits.h"
#include "common/base/buffer.h"
#include "common/base/error.h"

#define NJ_STRING_TOKENS_MAX 256 // of an item
#define NJ_TOKEN_TRIE_NODES_MAX 0x7fffffffu
#define NJ_TOKEN_TRIE_NONE UINT32_MAX

typedef struct {
    uint32_t node_count;       // the root, node 0, among them
    uint32_t item_count;       // that a node has: the rows that are not retired
    uint32_t depth;            // tokens of the longest string
    uint32_t V;                // every token is below it
    uint32_t span_max;         // the most children of a node
    const uint32_t *child_end; // [node_count] where the children of n end; those of n + 1 follow
    const uint32_t *token;     // [node_count] that leads to the node; of the root 0
    const uint32_t *item_end;  // [node_count] likewise, places in `items`
    const uint32_t *items;     // [item_count] catalogue rows; ascending at each node
    const uint32_t *row_node;  // [rows] where a row's string ends; NJ_TOKEN_TRIE_NONE: retired
} nj_token_trie;

typedef struct {
    uint32_t first;
    uint32_t end;
} nj_token_trie_range;

// Strings of all catalogue rows.
typedef struct {
    const uint32_t *tokens; // [offset[N]]; borrowed, as all
    const uint64_t *offset; // [N + 1] row r has tokens[offset[r]] .. tokens[offset[r + 1]] - 1
    uint32_t row_count;     // N
    uint32_t V;
    const uint8_t *retired; // [N] 1 = in no answer; NULL when none is
} nj_token_strings;

/// Appends the section's bytes to `out` (empty before); the same strings give the same bytes.
///
/// Memory  the result, and about 12 bytes a row and 8 a token while it runs
/// Errors  NJ_INPUT: a string without tokens or with more than NJ_STRING_TOKENS_MAX (names row and both numbers), a token at or above V,
///         no row that is not retired, more nodes than NJ_TOKEN_TRIE_NODES_MAX; NJ_NO_MEMORY. `out` is unchanged then.
/// Proof   tests/unit/sid/test_token_trie.c against the table of strings
NJ_CHECKED nj_status nj_token_trie_build(const nj_token_strings *strings, nj_buffer *out,
                                         nj_error *err);

/// Opens a view on outside bytes after checking all of them: sizes, ends that rise, tokens that ascend and are below V, every row of
/// the catalogue at exactly one node or retired, no node without children and items. After NJ_OK every walk is safe.
///
/// `bytes` is aligned to 8, borrowed for the life of the view.
/// Errors  NJ_INPUT with rule and numbers
/// Proof   tests/unit/sid/test_token_trie.c, tests/fuzz/fuzz_token_trie.c
NJ_CHECKED nj_status nj_token_trie_open(const void *bytes, size_t size, uint32_t row_count,
                                        nj_token_trie *out, nj_error *err);

static inline nj_token_trie_range nj_token_trie_children(const nj_token_trie *trie, uint32_t node)
{
    return (nj_token_trie_range){node == 0 ? 1 : trie->child_end[node - 1], trie->child_end[node]};
}

/// Places in trie->items of the rows whose string ends at `node`; often none.
static inline nj_token_trie_range nj_token_trie_items(const nj_token_trie *trie, uint32_t node)
{
    return (nj_token_trie_range){node == 0 ? 0 : trie->item_end[node - 1], trie->item_end[node]};
}

/// The node above `node`, which is not the root. Cost: a search among ends.
uint32_t nj_token_trie_parent(const nj_token_trie *trie, uint32_t node);

/// The child of `node` under `token`; NJ_TOKEN_TRIE_NONE when there is none.
uint32_t nj_token_trie_step(const nj_token_trie *trie, uint32_t node, uint32_t token);

/// The node of a string; NJ_TOKEN_TRIE_NONE when no item begins so.
uint32_t nj_token_trie_find(const nj_token_trie *trie, const uint32_t *tokens, size_t count);

/// Folds a set of catalogue rows up the trie: a node's bit is set where an item at it or below it has its bit set.
///
///   rows   [rows of the catalogue] bits; those of retired rows are not looked at
///   nodes  [node_count] bits  out  whole words are written
void nj_token_trie_fold(const nj_token_trie *trie, const uint64_t *rows, uint64_t *nodes);

/// The most nodes of one depth: a beam this wide covers the trie.
uint32_t nj_token_trie_width(const nj_token_trie *trie);

#endif
