// session_internal.h - what the files of the session share; nobody else includes it.
//
//   session.c           the table, the guards before it, the timers; the only code that assigns the session's state
//   session_leases.c    slots, and the messages about what is in them
//   session_sections.c  the plan's sections, and asking for those that are lacking
#ifndef NJ_WORKER_SESSION_INTERNAL_H
#define NJ_WORKER_SESSION_INTERNAL_H

#include "worker/session.h"

// ---- session.c ----

/// A cleared effect at the end of the queue; asserted to have room.
nj_session_effect *nj_session_add_effect(nj_session *session, nj_session_effect_kind kind);
/// The message of a new SEND.
nj_message *nj_session_add_message(nj_session *session, nj_message_kind kind);
/// Cut and made ASCII.
void nj_session_copy_text(char out[NJ_WIRE_TEXT_BYTES_MAX + 1], nj_slice text);
bool nj_session_is_due(uint64_t since_ns, uint32_t interval_ms, uint64_t now_ns);

// ---- session_leases.c ----

uint32_t nj_session_count_slots(const nj_session *session, nj_slot_state state);
bool nj_session_holds_leases(const nj_session *session);
/// The slot that has this shard in hand; NULL: none.
nj_session_slot *nj_session_find_shard(nj_session *session, uint32_t shard);
/// The oldest slot in this state; NULL: none.
nj_session_slot *nj_session_find_oldest(nj_session *session, nj_slot_state state);
void nj_session_drop_slot(nj_session *session, nj_session_slot *slot);
void nj_session_drop_all(nj_session *session);
/// Begins with the oldest lease that waits, unless one is being computed.
void nj_session_compute_next(nj_session *session);

/// How many leases the coordinator may grant.
uint32_t nj_session_credit(const nj_session *session);
void nj_session_say_ready(nj_session *session, uint32_t credit);
/// READY, if the credit has changed.
void nj_session_tell_credit(nj_session *session);
void nj_session_send_result(nj_session *session, nj_session_slot *slot, uint64_t now_ns);
/// Sends what a finished slot has. A failure needs no ACK: the slot is free at once.
void nj_session_send_outcome(nj_session *session, nj_session_slot *slot, uint64_t now_ns);
void nj_session_send_heartbeat(nj_session *session, uint64_t now_ns);

void nj_session_resume(nj_session *session, uint64_t now_ns);
void nj_session_take_lease(nj_session *session, const nj_message_lease *lease, uint64_t now_ns);
void nj_session_give_lease_back(nj_session *session, const nj_message_lease *lease,
                                uint64_t now_ns);
void nj_session_begin_drain(nj_session *session, uint64_t now_ns);

// ---- session_sections.c ----

/// Keeps the plan and its sections, and has the cache looked through.
void nj_session_keep_welcome(nj_session *session, const nj_message_welcome *welcome);
/// Bytes of the piece asked for.
uint32_t nj_session_piece_bytes(const nj_session *session);
void nj_session_ask_for_piece(nj_session *session, uint64_t now_ns);
/// Stores the piece; asks for the next one, or has the section verified.
void nj_session_store_piece(nj_session *session, nj_slice bytes, uint64_t now_ns);
/// Asks for the first piece of the next lacking section.
void nj_session_begin_section(nj_session *session, uint64_t now_ns);
/// Has the engine set up, unless that is under way.
void nj_session_set_up(nj_session *session);

#endif
