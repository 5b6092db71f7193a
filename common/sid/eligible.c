#include "common/sid/eligible.h"

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

void nj_eligible_fold(const nj_trie *trie, const uint64_t *items, void *memory, nj_eligible *out)
{
    nj_eligible eligible = {.items = items};
    uint64_t *at = memory;
    for (uint32_t l = 0; l <= trie->level_count; l++) {
        eligible.nodes[l] = at;
        at += nj_bits_words(trie->node_count[l]);
    }
    nj_trie_fold_rows(trie, items, eligible.nodes[trie->level_count]);
    for (uint32_t l = trie->level_count; l-- > 0;) {
        nj_trie_fold(trie, l, eligible.nodes[l + 1], eligible.nodes[l]);
    }
    for (uint32_t i = 0; i < trie->item_count; i++) {
        eligible.item_count += nj_bits_has(items, trie->items[i]);
    }
    for (uint32_t l = 0; l <= trie->level_count; l++) {
        eligible.node_count[l] = nj_bits_count(eligible.nodes[l], trie->node_count[l]);
    }
    *out = eligible;
}
