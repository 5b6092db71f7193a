#include "coordinator/roster_slots.h"

#include <string.h>

#include <xxhash.h>

static size_t peer_home(const nj_roster *roster, const nj_peer *peer)
{
    uint64_t hash = XXH3_64bits_withSeed(peer->route, peer->route_bytes,
                                         XXH3_64bits(peer->key, strlen(peer->key)));
    return (size_t)hash & (roster->peer_capacity - 1);
}

// The place of the peer, or the free place where it would go.
static size_t find_place(const nj_roster *roster, const nj_peer *peer)
{
    size_t place = peer_home(roster, peer);
    while (roster->peers[place] != 0 &&
           !nj_peer_equal(&roster->slots[roster->peers[place] - 1].peer, peer)) {
        place = (place + 1) & (roster->peer_capacity - 1);
    }
    return place;
}

uint32_t nj_roster_peers_find(const nj_roster *roster, const nj_peer *peer)
{
    uint32_t entry = roster->peers[find_place(roster, peer)];
    return entry == 0 ? NJ_ROSTER_NO_SLOT : entry - 1;
}

// Closes the gap: every later entry of the run that may stand in it moves up.
void nj_roster_peers_remove(nj_roster *roster, const nj_peer *peer)
{
    size_t mask = roster->peer_capacity - 1;
    size_t gap = find_place(roster, peer);
    for (size_t at = (gap + 1) & mask; roster->peers[at] != 0; at = (at + 1) & mask) {
        size_t home = peer_home(roster, &roster->slots[roster->peers[at] - 1].peer);
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            roster->peers[gap] = roster->peers[at];
            gap = at;
        }
    }
    roster->peers[gap] = 0;
}

void nj_roster_peers_insert(nj_roster *roster, uint32_t slot)
{
    roster->peers[find_place(roster, &roster->slots[slot].peer)] = slot + 1;
}
