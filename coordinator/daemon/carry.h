// carry.h - users who are not done at the deadline keep the row of the generation that was current when the night began.
//
//   open pieces, in key order ─► is there a row for each user? ─► within --carry-max and --quarantine-max? ─ no: the night is held
//                                                                     │ yes
//   row ─► carry_row.h ─► all of the piece ─► the stage, as CARRIED; then the ledger knows
//                         some              ─► halved, and each half again
//                         none, one user    ─► quarantined, with a note
//
// Nothing is written before everybody has been counted. A process that is killed in between leaves whole pieces, and who resumes the
// night goes on with the others: the rows are the same, whoever makes them.
#ifndef NJ_COORDINATOR_DAEMON_CARRY_H
#define NJ_COORDINATOR_DAEMON_CARRY_H

#include "coordinator/daemon/effects.h"

#define NJ_CARRY_PIECE_BYTES_MAX (8u << 20) // of rows; a piece of more is halved

/// Every user who is neither committed nor quarantined gets his row of n->deadline.from, filtered and refilled, or is quarantined.
/// No leases may be given any more.
///
/// Returns  NJ_AGAIN: the night is held, because there is no generation, it is damaged, or the budgets do not suffice (names the
///          numbers); NJ_IO, NJ_AGAIN as nj_night_commit; NJ_INTERRUPTED, NJ_TERMINATED
/// Proof    tests/integration/0450-deadline.t, tests/fault/0145-carried-rows-killed.t
NJ_CHECKED nj_status nj_night_carry(nj_night *n, nj_error *err);

#endif
