#include "common/sid/token_trie.h"

#include <string.h>

uint32_t nj_token_trie_step(const nj_token_trie *trie, uint32_t node, uint32_t token)
{
    const nj_token_trie_range children = nj_token_trie_children(trie, node);
    uint32_t low = children.first;
    uint32_t high = children.end;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (trie->token[middle] < token) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < children.end && trie->token[low] == token ? low : NJ_TOKEN_TRIE_NONE;
}

uint32_t nj_token_trie_parent(const nj_token_trie *trie, uint32_t node)
{
    uint32_t low = 0; // the first node whose children end behind `node`
    uint32_t high = node;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (trie->child_end[middle] <= node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t nj_token_trie_find(const nj_token_trie *trie, const uint32_t *tokens, size_t count)
{
    uint32_t node = 0;
    for (size_t i = 0; i < count && node != NJ_TOKEN_TRIE_NONE; i++) {
        node = nj_token_trie_step(trie, node, tokens[i]);
    }
    return node;
}

static bool has_row(const nj_token_trie *trie, uint32_t node, const uint64_t *rows)
{
    const nj_token_trie_range items = nj_token_trie_items(trie, node);
    for (uint32_t i = items.first; i < items.end; i++) {
        if (nj_bits_has(rows, trie->items[i])) {
            return true;
        }
    }
    return false;
}

void nj_token_trie_fold(const nj_token_trie *trie, const uint64_t *rows, uint64_t *nodes)
{
    memset(nodes, 0, nj_bits_words(trie->node_count) * sizeof *nodes);
    // Children have higher numbers than their node.
    for (uint32_t node = trie->node_count; node-- > 0;) {
        const nj_token_trie_range children = nj_token_trie_children(trie, node);
        if (has_row(trie, node, rows) || nj_bits_any(nodes, children.first, children.end)) {
            nj_bits_add(nodes, node);
        }
    }
}

uint32_t nj_token_trie_width(const nj_token_trie *trie)
{
    uint32_t widest = 1;
    uint32_t first = 0;
    uint32_t end = 1;
    while (end < trie->node_count) {
        const uint32_t below = trie->child_end[end - 1];
        first = end;
        end = below;
        widest = end - first > widest ? end - first : widest;
    }
    return widest;
}
