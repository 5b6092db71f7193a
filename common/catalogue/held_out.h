// held_out.h - histories split for judging: what the model may read, and the item that it should have named.
//
// Where a history is cut says split.h. The item is held out by its place in the file, known to the catalogue or not; only then are
// unknown items of the input dropped. A user who cannot be judged is counted and left out, but what training may see of him is
// counted as everybody's: popularity is of the training part of all histories, so no held-out item makes itself popular.
#ifndef NJ_CATALOGUE_HELD_OUT_H
#define NJ_CATALOGUE_HELD_OUT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/catalogue/split.h"
#include "common/catalogue/users.h"
#include "common/sid/live_rows.h"

#define NJ_GROUP_NONE UINT32_MAX

// A user's group is the one of his mask, or the one that his history names where its name could be a mask's; then it says who he is,
// and nothing of what he may get.
typedef struct {
    nj_user_table users; // owned; the users who can be judged, with their inputs
    nj_buffer targets;   // owned; u32 catalogue row of each one's held-out item
    nj_idlist_builder
        groups; // owned; names of the groups that users are in, in the order in which they come up
    nj_idmap group_map;      // owned; over them
    nj_buffer group_of;      // owned; u32 a user: a place in groups, or NJ_GROUP_NONE
    uint64_t read_count;     // users of the file
    uint32_t *popularity;    // owned; [items] times that each stands where training may see it
    uint64_t popularity_sum; // of it
    uint64_t short_count;    // whose history has no item to hold out
    uint64_t unknown_count;  // whose held-out item is not in the catalogue
    uint64_t retired_count;  // whose held-out item is retired: no list could have named it
    uint64_t repeated_count; // of those judged: whose held-out item stands in their input too
} nj_held_out;

/// Reads and splits; read_count = users.count + short_count + unknown_count + retired_count. `live` says which rows a list may
/// name.
///
/// Memory  as nj_user_table_read, and 4 bytes a user and an item
/// Errors  those of nj_user_table_read; `*out` is then unchanged
/// Proof   tests/unit/catalogue/test_held_out.c
NJ_CHECKED nj_status nj_held_out_read(const nj_histories_source *source, const nj_split *split,
                                      const nj_idlist *items, const nj_idmap *map,
                                      const nj_user_rules *rules, const nj_live_rows *live,
                                      nj_held_out *out, nj_error *err);
/// Counts another file in place of the histories that were judged: everything in it is training.
///
/// Errors  those of nj_histories_read, NJ_NO_MEMORY; `held` is then unchanged
NJ_CHECKED nj_status nj_held_out_count(nj_held_out *held, const nj_histories_source *training,
                                       const nj_idlist *items, const nj_idmap *map, nj_error *err);
/// Accepts a struct that is all zero.
void nj_held_out_fini(nj_held_out *held);

/// [users.count]; borrowed until nj_held_out_fini.
static inline const uint32_t *nj_held_out_targets(const nj_held_out *held)
{
    return (const uint32_t *)(const void *)held->targets.bytes;
}

/// [users.count]; borrowed until nj_held_out_fini.
static inline const uint32_t *nj_held_out_groups(const nj_held_out *held)
{
    return (const uint32_t *)(const void *)held->group_of.bytes;
}

#endif
