// held_out.h - histories split for judging: what the model may read, and the item that it should have named.
//
//   history      a  b  c  d  e  f
//   test         └─ input ────┘  └ held out        TIGER's leave-last-out; NJ_HELD_OUT_TEST
//   validation   └─ input ─┘  └ held out           for choosing settings; NJ_HELD_OUT_VALIDATION
//
// The item is held out by its place in the file, known to the catalogue or not; only then are unknown items of the input dropped.
// A user who cannot be judged is counted and left out.
#ifndef NJ_CATALOGUE_HELD_OUT_H
#define NJ_CATALOGUE_HELD_OUT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/catalogue/users.h"
#include "common/sid/live_rows.h"

// The held-out item's place, counted from the history's end.
typedef enum { NJ_HELD_OUT_TEST = 1, NJ_HELD_OUT_VALIDATION = 2 } nj_held_out_place;

typedef struct {
    nj_user_table users;     // owned; the users who can be judged, with their inputs
    nj_buffer targets;       // owned; u32 catalogue row of each one's held-out item
    uint64_t read_count;     // users of the file
    uint64_t short_count;    // whose history has no item at that place
    uint64_t unknown_count;  // whose held-out item is not in the catalogue
    uint64_t retired_count;  // whose held-out item is retired: no list could have named it
    uint64_t repeated_count; // of those judged: whose held-out item stands in their input too
} nj_held_out;

/// Reads and splits; read_count = users.count + short_count + unknown_count + retired_count. `live` says which rows a list may
/// name.
///
/// Memory  as nj_user_table_read, and 4 bytes a user
/// Errors  those of nj_user_table_read; `*out` is then unchanged
/// Proof   tests/unit/catalogue/test_held_out.c
NJ_CHECKED nj_status nj_held_out_read(const char *path, nj_histories_format format,
                                      nj_held_out_place place, const nj_idlist *items,
                                      const nj_idmap *map, const nj_user_masks *masks,
                                      const nj_live_rows *live, nj_held_out *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_held_out_fini(nj_held_out *held);

/// [users.count]; borrowed until nj_held_out_fini.
static inline const uint32_t *nj_held_out_targets(const nj_held_out *held)
{
    return (const uint32_t *)(const void *)held->targets.bytes;
}

#endif
