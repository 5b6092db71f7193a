#include "coordinator/roster.h"

#include "coordinator/roster_slots.h"

#define SLOT_MASK ((1u << NJ_ROSTER_SLOT_BITS) - 1)

const char *nj_worker_state_name(nj_worker_state state)
{
    static const char *const NAMES[] = {
#define NJ_ROSTER_STATE(NAME, meaning) #NAME,
#include "schemas/roster.def"
    };
    return NAMES[state];
}

uint32_t nj_roster_slot_of(const nj_roster *roster, nj_worker_id id)
{
    uint32_t slot = (uint32_t)(id & SLOT_MASK);
    bool known = id != 0 && slot < roster->config.worker_max && roster->slots[slot].id == id;
    return known ? slot : NJ_ROSTER_NO_SLOT;
}

const nj_worker *nj_roster_find(const nj_roster *roster, nj_worker_id id)
{
    uint32_t slot = nj_roster_slot_of(roster, id);
    return slot == NJ_ROSTER_NO_SLOT ? NULL : &roster->slots[slot];
}

const nj_worker *nj_roster_find_peer(const nj_roster *roster, const nj_peer *peer)
{
    uint32_t slot = nj_roster_peers_find(roster, peer);
    return slot == NJ_ROSTER_NO_SLOT ? NULL : &roster->slots[slot];
}

const char *nj_roster_name(const nj_roster *roster, nj_worker_id id)
{
    uint32_t slot = (uint32_t)(id & SLOT_MASK);
    if (id == 0 || slot >= roster->config.worker_max ||
        (roster->slots[slot].id != id && roster->slots[slot].former_id != id)) {
        return "a worker that is gone";
    }
    return roster->slots[slot].name;
}

bool nj_worker_holds(const nj_worker *worker, uint32_t shard, uint32_t attempt)
{
    for (uint32_t i = 0; i < worker->lease_count; i++) {
        if (worker->leases[i].shard == shard && worker->leases[i].attempt == attempt) {
            return true;
        }
    }
    return false;
}

// Appends the workers whose bit is set in `bits` and not in `seen` (NULL: none is).
static size_t list_workers(const nj_roster *roster, const uint64_t *bits, const uint64_t *seen,
                           nj_worker_id *out_ids, size_t count, size_t max)
{
    for (uint32_t word = 0; word < roster->words && count < max; word++) {
        uint64_t left = seen == NULL ? bits[word] : bits[word] & ~seen[word];
        for (; left != 0 && count < max; left &= left - 1) {
            uint32_t slot = word * NJ_ROSTER_WORD_BITS + (uint32_t)__builtin_ctzll(left);
            out_ids[count++] = roster->slots[slot].id;
        }
    }
    return count;
}

size_t nj_roster_free_workers(const nj_roster *roster, bool idle_only, nj_worker_id *out_ids,
                              size_t max)
{
    size_t count = list_workers(roster, roster->idle, NULL, out_ids, 0, max);
    return idle_only ? count
                     : list_workers(roster, roster->open, roster->idle, out_ids, count, max);
}

nj_worker_id nj_roster_worker_at(const nj_roster *roster, uint32_t slot)
{
    const nj_worker *worker = &roster->slots[slot];
    return worker->state == NJ_WORKER_GONE ? 0 : worker->id;
}

bool nj_roster_is_active(uint8_t state)
{
    return state == NJ_WORKER_CONNECTED || state == NJ_WORKER_READY || state == NJ_WORKER_BENCHED;
}

nj_worker_id nj_roster_active_worker(const nj_roster *roster)
{
    for (uint32_t slot = 0; roster->active_count > 0 && slot < roster->config.worker_max; slot++) {
        if (nj_roster_is_active(roster->slots[slot].state)) {
            return roster->slots[slot].id;
        }
    }
    return 0;
}
