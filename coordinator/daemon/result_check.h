// result_check.h - whether the rows of a RESULT fit the users of their piece: counts, form, the history that each was computed from,
// items that exist, are not retired, that the user's mask lets through and that are among his candidates, likewise those of the reserve,
// of which none is listed or there twice, or a text alone where the bundle's prompt asks for one.
#ifndef NJ_COORDINATOR_DAEMON_RESULT_CHECK_H
#define NJ_COORDINATOR_DAEMON_RESULT_CHECK_H

#include "common/base/idlist.h"
#include "common/codec/row.h"
#include "common/codec/row_scan.h"
#include "common/sid/live_rows.h"
#include "common/wire/message.h"
#include "coordinator/ledger.h" // nj_piece_range
#include "coordinator/plan.h"

typedef struct {
    const nj_plan *plan;
    const nj_idlist *items; // of the bundle
    const nj_idmap *map;    // item id -> row
    const nj_masks *masks;  // which items each user may get
    uint32_t top;
    uint32_t reserve;  // items behind a list at the most; set behind nj_result_check_init
    bool is_traced;    // rows have traces; for nj_result_bytes_max
    bool has_why;      // and why; likewise
    nj_live_rows live; // owned; retired items have a row and stand in no list
    // Live items whose id is a number below number_count, one bit each: most catalogues have no others, and to look one up costs nothing.
    uint64_t *numbers; // owned
    uint64_t number_count;
    uint64_t *allowed; // [items] bits; owned; scratch, all 0 between two users
    nj_slice *rows;    // [users of the largest shard] owned; see nj_result_problem
    nj_row *row;       // owned; scratch
    nj_row_item *
        seen; // [NJ_ROW_ITEMS_MAX + NJ_ROW_RESERVE_MAX] owned; scratch: items of a list and its reserve
} nj_result_check;

/// `trie` says which items are live; NULL: all are.
///
/// Borrows everything it is given. Takes two bits an item, one bit a number up to the highest item id that is one, and room for the largest shard's
/// rows. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_result_check_init(nj_result_check *check, const nj_plan *plan,
                                          const nj_idlist *items, const nj_idmap *map,
                                          const nj_masks *masks, const nj_trie *trie, uint32_t top,
                                          nj_error *err);
/// Accepts a check that is all zero.
void nj_result_check_fini(nj_result_check *check);

/// NULL, or what is wrong as the end of a sentence. An nj_dispatch_check: `context` is an nj_result_check. A row is known to be
/// its user's by the digest of the history. Behind NULL its `rows` are the rows one by one, borrowed from the message, until the
/// next check.
const char *nj_result_problem(const void *context, const nj_message_result *result,
                              const nj_piece_range *piece);

/// A message from a worker of this night is never longer: its largest shard with the longest lists of the longest item ids. What the
/// router lets in is what a stranger can make it hold.
size_t nj_result_bytes_max(const nj_result_check *check);

#endif
