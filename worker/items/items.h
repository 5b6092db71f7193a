// items.h - every kind of work over items that a worker can be asked for, by name. The table is schemas/item_work.def.
#ifndef NJ_WORKER_ITEMS_ITEMS_H
#define NJ_WORKER_ITEMS_ITEMS_H

#include "common/base/slice.h"
#include "common/catalogue/item_round.h"

/// NULL: this version knows no such work. Borrowed for ever.
const nj_item_work *nj_item_work_find(nj_slice name);

#endif
