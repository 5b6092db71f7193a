// session_leases.c - the slots of a session: what is leased, computed, waits for its ACK, and what is said of it.
#include "worker/session_internal.h"

static uint32_t slot_index(const nj_session *session, const nj_session_slot *slot)
{
    return (uint32_t)(slot - session->slots);
}

uint32_t nj_session_count_slots(const nj_session *session, nj_slot_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        count += session->slots[i].state == state;
    }
    return count;
}

// The coordinator counts a lease as ended when its RESULT arrives, and grants the next; the slot is free only after the ACK. Half
// of the slots are asked for, so that a new lease finds one, and less when commits are so slow that more than the
// other half wait.
uint32_t nj_session_credit(const nj_session *session)
{
    uint32_t half = (session->config.lease_slots + 1) / 2;
    uint32_t left = session->config.lease_slots - nj_session_count_slots(session, NJ_SLOT_FINISHED);
    return half < left ? half : left;
}

bool nj_session_holds_leases(const nj_session *session)
{
    return nj_session_count_slots(session, NJ_SLOT_FREE) < session->config.lease_slots;
}

nj_session_slot *nj_session_find_shard(nj_session *session, uint32_t shard)
{
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        if (session->slots[i].state != NJ_SLOT_FREE && session->slots[i].shard == shard) {
            return &session->slots[i];
        }
    }
    return NULL;
}

nj_session_slot *nj_session_find_oldest(nj_session *session, nj_slot_state state)
{
    nj_session_slot *oldest = NULL;
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        nj_session_slot *slot = &session->slots[i];
        if (slot->state == state && (oldest == NULL || slot->ticket < oldest->ticket)) {
            oldest = slot;
        }
    }
    return oldest;
}

void nj_session_drop_slot(nj_session *session, nj_session_slot *slot)
{
    nj_session_add_effect(session, NJ_SESSION_DROP)->slot = slot_index(session, slot);
    slot->state = NJ_SLOT_FREE;
}

void nj_session_drop_all(nj_session *session)
{
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        if (session->slots[i].state != NJ_SLOT_FREE) {
            nj_session_drop_slot(session, &session->slots[i]);
        }
    }
}

void nj_session_compute_next(nj_session *session)
{
    nj_session_slot *slot = nj_session_find_oldest(session, NJ_SLOT_WAITING);
    if (slot == NULL || nj_session_count_slots(session, NJ_SLOT_COMPUTING) > 0) {
        return;
    }
    slot->state = NJ_SLOT_COMPUTING;
    nj_session_effect *effect = nj_session_add_effect(session, NJ_SESSION_COMPUTE);
    effect->slot = slot_index(session, slot);
    effect->ticket = slot->ticket;
}

// ---- messages about leases ----

void nj_session_say_ready(nj_session *session, uint32_t credit)
{
    nj_session_add_message(session, NJ_MESSAGE_READY)->ready.credit = credit;
    session->credit_said = credit;
}

void nj_session_tell_credit(nj_session *session)
{
    if (nj_session_credit(session) != session->credit_said) {
        nj_session_say_ready(session, nj_session_credit(session));
    }
}

static void say_failed(nj_session *session, uint32_t shard, uint32_t attempt, nj_status status,
                       nj_slice text)
{
    nj_session_add_message(session, NJ_MESSAGE_FAILED)->failed =
        (nj_message_failed){shard, attempt, session->epoch, (uint32_t)status, text};
}

void nj_session_send_result(nj_session *session, nj_session_slot *slot, uint64_t now_ns)
{
    nj_session_effect *effect = nj_session_add_effect(session, NJ_SESSION_SEND_RESULT);
    effect->slot = slot_index(session, slot);
    effect->message.kind = NJ_MESSAGE_RESULT;
    effect->message.result = (nj_message_result){.shard = slot->shard,
                                                 .attempt = slot->attempt,
                                                 .epoch = session->epoch,
                                                 .digest = slot->digest,
                                                 .row_count = slot->row_count};
    slot->sent_ns = now_ns;
}

void nj_session_send_outcome(nj_session *session, nj_session_slot *slot, uint64_t now_ns)
{
    if (slot->status == NJ_OK) {
        nj_session_send_result(session, slot, now_ns);
        return;
    }
    say_failed(session, slot->shard, slot->attempt, slot->status, nj_slice_from(slot->text));
    nj_session_drop_slot(session, slot);
}

void nj_session_send_heartbeat(nj_session *session, uint64_t now_ns)
{
    nj_message_heartbeat *heartbeat =
        &nj_session_add_message(session, NJ_MESSAGE_HEARTBEAT)->heartbeat;
    heartbeat->users_done = session->users_done;
    heartbeat->resident_mib = session->resident_mib;
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        const nj_session_slot *slot = &session->slots[i];
        if (slot->state != NJ_SLOT_FREE) {
            heartbeat->leases[heartbeat->leases_count++] =
                (nj_wire_lease){slot->shard, slot->attempt};
        }
    }
    session->heartbeat_ns = now_ns;
}

// ---- what a rule asks for ----

void nj_session_resume(nj_session *session, uint64_t now_ns)
{
    nj_session_say_ready(session, nj_session_credit(session));
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        if (session->slots[i].state == NJ_SLOT_FINISHED) {
            nj_session_send_outcome(session, &session->slots[i], now_ns);
        }
    }
    nj_session_compute_next(session);
}

// A shard that is in hand already: the lease has a new attempt, the work goes on.
static bool adopt_attempt(nj_session *session, const nj_message_lease *lease, uint64_t now_ns)
{
    nj_session_slot *slot = nj_session_find_shard(session, lease->shard);
    if (slot == NULL) {
        return false;
    }
    if (lease->attempt > slot->attempt) {
        slot->attempt = lease->attempt;
        if (slot->state == NJ_SLOT_FINISHED && slot->status == NJ_OK) {
            nj_session_send_result(session, slot, now_ns);
        }
    }
    return true;
}

void nj_session_give_lease_back(nj_session *session, const nj_message_lease *lease, uint64_t now_ns)
{
    if (!adopt_attempt(session, lease, now_ns)) {
        say_failed(session, lease->shard, lease->attempt, NJ_AGAIN,
                   nj_slice_from("no lease can be taken now"));
        session->credit_said = 0; // so the coordinator takes it
    }
}

void nj_session_take_lease(nj_session *session, const nj_message_lease *lease, uint64_t now_ns)
{
    nj_session_slot *slot = nj_session_find_oldest(session, NJ_SLOT_FREE);
    if (slot == NULL || nj_session_find_shard(session, lease->shard) != NULL) {
        nj_session_give_lease_back(session, lease, now_ns);
        return;
    }
    slot->state = NJ_SLOT_WAITING;
    slot->shard = lease->shard;
    slot->attempt = lease->attempt;
    slot->ticket = ++session->ticket;
    nj_session_add_effect(session, NJ_SESSION_KEEP_LEASE)->slot = slot_index(session, slot);
    nj_session_compute_next(session);
}

void nj_session_begin_drain(nj_session *session, uint64_t now_ns)
{
    session->drain_ns = now_ns;
    nj_session_say_ready(session, 0);
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        nj_session_slot *slot = &session->slots[i];
        if (slot->state == NJ_SLOT_WAITING) {
            say_failed(session, slot->shard, slot->attempt, NJ_AGAIN,
                       nj_slice_from("the worker is leaving"));
            nj_session_drop_slot(session, slot);
        }
    }
}
