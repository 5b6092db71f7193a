#include "worker/items/items.h"

#define NJ_ITEM_WORK(symbol, meaning) extern const nj_item_work nj_item_work_##symbol;
#include "schemas/item_work.def"

static const nj_item_work *const WORKS[] = {
#define NJ_ITEM_WORK(symbol, meaning) &nj_item_work_##symbol,
#include "schemas/item_work.def"
    NULL};

const nj_item_work *nj_item_work_find(nj_slice name)
{
    for (size_t i = 0; WORKS[i] != NULL; i++) {
        if (nj_slice_equal(nj_slice_from(WORKS[i]->name), name)) {
            return WORKS[i];
        }
    }
    return NULL;
}
