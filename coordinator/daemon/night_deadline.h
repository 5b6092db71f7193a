// night_deadline.h - when the night must be over, and what happens then (--deadline, --on-deadline, --carry-max).
//
//   command line ─┐
//                 ├─► nj_staging_deadline ─► the loop asks nj_night_is_late ─► no more leases ─┬─ hold: NJ_AGAIN, everything is kept
//   staging area ─┘   noted there                                                             └─ carry: carry.h
//
// The moment is noted when the night begins. Who resumes with the same words, as a service manager does, or with none, has the same
// moment, whether it has passed or not; who gives other words gives another deadline.
#ifndef NJ_COORDINATOR_DAEMON_NIGHT_DEADLINE_H
#define NJ_COORDINATOR_DAEMON_NIGHT_DEADLINE_H

#include "coordinator/daemon/effects.h"

/// The deadline of the night, whose staging area is open: what it has noted, and what the command line says otherwise, which is noted
/// too. Where rows are to be carried over, the current generation is linked into the area.
///
/// Errors  those of nj_store_current, nj_store_pin and nj_staging_deadline_set. A store without a generation is a warning only
/// Proof   tests/integration/0450-deadline.t
NJ_CHECKED nj_status nj_night_open_deadline(nj_night *n, nj_error *err);

/// True from the deadline on.
bool nj_night_is_late(const nj_night *n);

/// The sentence for a night that ends here: why, how far it is, and how it goes on. NJ_AGAIN.
NJ_CHECKED nj_status nj_night_hold(const nj_night *n, const char *why, nj_error *err);

/// No leases are given any more and the night is late: commits what waits, and carries over who is not done, or holds the night.
///
/// Returns  NJ_OK: every user is committed, carried or quarantined; NJ_AGAIN: the night is held; those of nj_night_carry
NJ_CHECKED nj_status nj_night_meet_deadline(nj_night *n, nj_error *err);

#endif
