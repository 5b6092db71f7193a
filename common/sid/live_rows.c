#include "common/sid/live_rows.h"

#include <stdlib.h>

nj_status nj_live_rows_init(const nj_trie *trie, uint32_t row_count, nj_live_rows *out,
                            nj_error *err)
{
    uint64_t *bits = calloc((size_t)row_count / 64 + 1, sizeof *bits);
    if (bits == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to mark the live ones of %u items", row_count);
    }
    for (uint32_t leaf = 0; leaf < trie->node_count[trie->level_count]; leaf++) {
        uint32_t count;
        const uint32_t *rows = nj_trie_leaf_items(trie, leaf, &count);
        for (uint32_t i = 0; i < count; i++) {
            bits[rows[i] / 64] |= (uint64_t)1 << rows[i] % 64;
        }
    }
    *out = (nj_live_rows){bits, row_count, trie->item_count};
    return NJ_OK;
}

void nj_live_rows_fini(nj_live_rows *live)
{
    free(live->bits);
    *live = (nj_live_rows){0};
}
