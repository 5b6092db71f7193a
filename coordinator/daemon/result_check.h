// result_check.h - whether the rows of a RESULT fit the users of their piece: counts, form, the history that each was computed from,
// items that exist.
#ifndef NJ_COORDINATOR_DAEMON_RESULT_CHECK_H
#define NJ_COORDINATOR_DAEMON_RESULT_CHECK_H

#include "common/base/idlist.h"
#include "common/codec/row.h"
#include "common/wire/message.h"
#include "coordinator/ledger.h" // nj_piece_range
#include "coordinator/plan.h"

typedef struct {
    const nj_plan *plan;
    const nj_idlist *items; // of the bundle
    const nj_idmap *map;    // item id -> row
    uint32_t top;
    nj_slice *rows; // [users of the largest shard] owned by the night; see below
    nj_row *row;    // owned by the night; scratch
} nj_result_check;

/// NULL, or what is wrong as the end of a sentence. An nj_dispatch_check: `context` is an nj_result_check. A row is known to be
/// its user's by the digest of the history. Behind NULL its `rows` are the rows one by one, borrowed from the message, until the
/// next check.
const char *nj_result_problem(const void *context, const nj_message_result *result,
                              const nj_piece_range *piece);

#endif
