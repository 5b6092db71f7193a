// roster_peers.h - (route, key) -> slot of a roster: open addressing, at most a quarter full. For roster.c only.
#ifndef NJ_COORDINATOR_ROSTER_PEERS_H
#define NJ_COORDINATOR_ROSTER_PEERS_H

#include "coordinator/roster.h"

#define NJ_ROSTER_NO_SLOT UINT32_MAX

/// The slot of the worker at this peer; NJ_ROSTER_NO_SLOT.
uint32_t nj_roster_peers_find(const nj_roster *roster, const nj_peer *peer);

/// Adds a slot, whose peer is set and not yet there.
void nj_roster_peers_insert(nj_roster *roster, uint32_t slot);

/// Removes a peer that is there.
void nj_roster_peers_remove(nj_roster *roster, const nj_peer *peer);

#endif
