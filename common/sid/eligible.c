#include "common/sid/eligible.h"

#include <string.h>

#include "common/base/checked.h"

size_t nj_eligible_bytes(const nj_trie *trie)
{
    size_t bytes = 0;
    for (uint32_t l = 0; l <= trie->level_count; l++) {
        if (!nj_add_size(bytes, nj_bits_words(trie->node_count[l]) * sizeof(uint64_t), &bytes)) {
            return SIZE_MAX;
        }
    }
    return bytes;
}

static void fold_leaves(const nj_trie *trie, nj_eligible *eligible)
{
    for (uint32_t leaf = 0; leaf < trie->node_count[trie->level_count]; leaf++) {
        uint32_t count;
        const uint32_t *rows = nj_trie_leaf_items(trie, leaf, &count);
        uint32_t found = 0;
        for (uint32_t i = 0; i < count; i++) {
            found += nj_bits_has(eligible->items, rows[i]);
        }
        eligible->item_count += found;
        if (found > 0) {
            nj_bits_add(eligible->nodes[trie->level_count], leaf);
        }
    }
}

static void fold_level(const nj_trie *trie, uint32_t level, nj_eligible *eligible)
{
    const uint64_t *below = eligible->nodes[level + 1];
    for (uint32_t node = 0; node < trie->node_count[level]; node++) {
        nj_trie_children_span span = nj_trie_children(trie, level, node);
        if (nj_bits_any(below, span.first, (size_t)span.first + span.count)) {
            nj_bits_add(eligible->nodes[level], node);
        }
    }
}

void nj_eligible_fold(const nj_trie *trie, const uint64_t *items, void *memory, nj_eligible *out)
{
    nj_eligible eligible = {.items = items};
    uint64_t *at = memory;
    memset(memory, 0, nj_eligible_bytes(trie));
    for (uint32_t l = 0; l <= trie->level_count; l++) {
        eligible.nodes[l] = at;
        at += nj_bits_words(trie->node_count[l]);
    }
    fold_leaves(trie, &eligible);
    for (uint32_t l = trie->level_count; l-- > 0;) {
        fold_level(trie, l, &eligible);
    }
    for (uint32_t l = 0; l <= trie->level_count; l++) {
        eligible.node_count[l] = nj_bits_count(eligible.nodes[l], trie->node_count[l]);
    }
    *out = eligible;
}
