// erase.h - the users and items that are to be taken out of a store.
//
// Loaded from files of ids, one a line (`store scrub --users FILE --items FILE`). An id that stands twice counts once. Whoever
// owns a file beside a generation's manifest writes it anew without them (nj_store_<file>_copy_without).
#ifndef NJ_STORE_ERASE_H
#define NJ_STORE_ERASE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/base/slice.h"

#define NJ_ERASE_IDS_MAX 10000000 // users, and as many items

// All zero: empty.
typedef struct {
    nj_idlist_builder list; // owned; in the order they came
    nj_idmap map;           // owned
} nj_erase_ids;

typedef struct {
    nj_erase_ids users;
    nj_erase_ids items;
} nj_erase_set;

void nj_erase_set_init(nj_erase_set *set);
/// Accepts one that is all zero.
void nj_erase_set_fini(nj_erase_set *set);

/// Adds the ids of a file: one a line, by the rules of id.h, no empty lines; the last line may lack its end. A byte
/// order mark before the first is passed over.
///
/// Returns  NJ_INPUT     names file, line and rule, or the number of ids over NJ_ERASE_IDS_MAX
///          NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY
/// Proof    tests/unit/store/test_erase.c
NJ_CHECKED nj_status nj_erase_ids_load(nj_erase_ids *ids, const char *path, nj_error *err);

/// Adds one. NJ_INPUT names the rule it breaks; one that is there already is fine.
NJ_CHECKED nj_status nj_erase_ids_add(nj_erase_ids *ids, nj_slice id, nj_error *err);

/// Its number, by the order they came; NJ_IDMAP_NONE where it is not among them.
size_t nj_erase_ids_find(const nj_erase_ids *ids, nj_slice id);

/// Id number `index`, borrowed until the next is added.
nj_slice nj_erase_ids_at(const nj_erase_ids *ids, size_t index);

static inline bool nj_erase_has_user(const nj_erase_set *set, nj_slice user)
{
    return nj_erase_ids_find(&set->users, user) != NJ_IDMAP_NONE;
}

static inline bool nj_erase_has_item(const nj_erase_set *set, nj_slice item)
{
    return nj_erase_ids_find(&set->items, item) != NJ_IDMAP_NONE;
}

#endif
