#include "common/sid/live_rows.h"

#include <stdlib.h>

#include "common/base/bits.h"

nj_status nj_live_rows_init(const nj_trie *trie, uint32_t row_count, nj_live_rows *out,
                            nj_error *err)
{
    uint64_t *bits = calloc(nj_bits_words(row_count) + 1, sizeof *bits);
    if (bits == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to mark the live ones of %u items", row_count);
    }
    for (uint32_t i = 0; i < trie->item_count; i++) {
        nj_bits_add(bits, trie->items[i]);
    }
    *out = (nj_live_rows){bits, row_count, trie->item_count};
    return NJ_OK;
}

void nj_live_rows_fini(nj_live_rows *live)
{
    free(live->bits);
    *live = (nj_live_rows){0};
}
