// carry_row.h - a row of an earlier generation as it may be shown tonight: what a night takes over that could not decode the user.
//
//   list     a b c d e          b was bought, d is not eligible any more
//   reserve  x y z              y is not eligible
//              │
//              ▼  top 5
//   list     a c e x z  SHORT where there are fewer than top; CARRIED; age + 1
//   reserve  what is left of it
//
// Who filters: tonight's catalogue (an item that left the trie may not be shown), the user's mask (--eligible, --deny, --groups), his
// candidates where he has any, the items that he must not get, and his history unless it may be recommended again. It is the rule by which
// the engine excludes, so an item that a carried row shows is one that tonight's decode could have shown.
//
// Items of the reserve have no scores of their own. They stand with the score of yesterday's last item, which none of them had reached.
// The trace goes: it tells of a search that was not made tonight. The history digest stays that of the row, so that no later night takes it
// for tonight's.
#ifndef NJ_COORDINATOR_CARRY_ROW_H
#define NJ_COORDINATOR_CARRY_ROW_H

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/catalogue/masks.h"
#include "common/codec/row.h"
#include "common/codec/shard.h"
#include "common/sid/live_rows.h"

// All borrowed.
typedef struct {
    const nj_idlist *items; // tonight's catalogue
    const nj_idmap *map;    // id -> row of it
    const nj_live_rows *live;
    const nj_masks *masks;
    uint32_t top; // items in a list of tonight
    bool keep_history;
} nj_carry_rules;

typedef struct nj_carry_scratch nj_carry_scratch;

// What became of a row.
typedef struct {
    uint32_t dropped;  // items of its list
    uint32_t refilled; // items of its reserve that are listed now
    uint32_t age;      // nights since it was decoded
} nj_carried;

/// NULL: no memory. Some 200 KiB; for any number of rows.
nj_carry_scratch *nj_carry_scratch_new(void);
/// Accepts NULL.
void nj_carry_scratch_free(nj_carry_scratch **scratch);

/// Appends the carried row to `out`. Pure: the same row, user and rules give the same bytes.
///
///   user  of tonight; for who is not there tonight: without items and with NJ_MASK_BASE
///   row   outside bytes
///
/// Returns NJ_NOT_FOUND: nothing can be carried, the row is NJ_ROW_AGE_MAX nights old; NJ_INPUT: it cannot be read (as nj_row_unpack);
///         NJ_NO_MEMORY
/// Proof   tests/unit/coordinator/test_carry_row.c
NJ_CHECKED nj_status nj_carry_row(const nj_carry_rules *rules, const nj_request *user, nj_slice row,
                                  nj_carry_scratch *scratch, nj_buffer *out, nj_carried *out_about,
                                  nj_error *err);

#endif
