// roster_slots.h - which slot of a roster a worker has: by its id, or by its peer (open addressing, at most a quarter full). For
// roster.c and roster_look.c only.
#ifndef NJ_COORDINATOR_ROSTER_SLOTS_H
#define NJ_COORDINATOR_ROSTER_SLOTS_H

#include "coordinator/roster.h"

#define NJ_ROSTER_NO_SLOT UINT32_MAX
#define NJ_ROSTER_SLOT_BITS 16 // of an id; the serial stands above
#define NJ_ROSTER_WORD_BITS 64

/// The slot of the worker with this id; NJ_ROSTER_NO_SLOT when it is gone.
uint32_t nj_roster_slot_of(const nj_roster *roster, nj_worker_id id);

/// True in the states of a worker that may still be drained.
bool nj_roster_is_active(uint8_t state);

/// The slot of the worker at this peer; NJ_ROSTER_NO_SLOT.
uint32_t nj_roster_peers_find(const nj_roster *roster, const nj_peer *peer);

/// Adds a slot, whose peer is set and not yet there.
void nj_roster_peers_insert(nj_roster *roster, uint32_t slot);

/// Removes a peer that is there.
void nj_roster_peers_remove(nj_roster *roster, const nj_peer *peer);

#endif
