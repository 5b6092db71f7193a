// ledger_look.h - what a ledger decides without changing: which piece goes to whom, and how long one pauses. For ledger.c only; its
// public questions are in ledger.h.
#ifndef NJ_COORDINATOR_LEDGER_LOOK_H
#define NJ_COORDINATOR_LEDGER_LOOK_H

#include "coordinator/ledger.h"

/// The piece for the worker of an OFFER or a SPECULATE; NJ_HEAP_NONE.
uint32_t nj_ledger_choose(const nj_ledger *ledger, const nj_ledger_event *event, uint64_t now_ns);

/// How long a piece that enters RETRY_WAIT by this event stays there.
uint64_t nj_ledger_choose_pause_ns(const nj_ledger *ledger, uint32_t index, nj_piece_event what);

/// True when the users of the range, which is of the same shard, are all the piece's.
bool nj_piece_contains(const nj_piece *piece, nj_piece_range range);

#endif
