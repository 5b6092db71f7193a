// session.h - the worker's conversation with its coordinator.
//
//   received bytes ─► nj_message_unpack ─► nj_session_message ──┐
//   timer ────────────────────────────────► nj_session_tick ────┤
//   cache, engine ──► nj_session_inspected, _verified, _prepared┼─► while (nj_session_next(...)) perform the effect
//   compute thread ─► nj_session_computed, _failed, _progress ──┤
//   SIGTERM ────────► nj_session_drain, then nj_session_stop ───┘
//
// A pure state machine: the picture and the table are schemas/session.def. It holds no socket, clock, file or thread and takes no
// memory. Draw effects until there are none after every report, before the message is given up: some borrow from it. A send that
// fails may be forgotten: whatever matters is said again.
//
// Leases live in slots 0 .. lease_slots-1; the daemon keeps the users and the rows of each. One slot is computed at a
// time, the others wait, so that the engine need not wait for the network.
//
//   FREE ── KEEP_LEASE ──► WAITING ── COMPUTE ──► COMPUTING ── computed ──► FINISHED ── ACK, or failed ──► FREE (DROP)
#ifndef NJ_WORKER_SESSION_H
#define NJ_WORKER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/wire/message.h"

#define NJ_SESSION_QUEUE_MAX 64 // effects of one report that wait to be drawn

typedef enum {
#define NJ_SESSION_STATE(NAME, meaning) NJ_SESSION_##NAME,
#include "schemas/session.def"
    NJ_SESSION_STATE_COUNT
} nj_session_state;

typedef enum {
#define NJ_SESSION_EVENT(NAME, meaning) NJ_SESSION_EVENT_##NAME,
#include "schemas/session.def"
    NJ_SESSION_EVENT_COUNT
} nj_session_event;

typedef struct {
    const char *name; // texts are borrowed for the life of the session
    const char *version;
    nj_instance instance; // random, drawn once by the process
    const char *const *classes;
    uint32_t class_count; // 1 .. NJ_WIRE_CLASSES_MAX
    uint32_t cores;
    uint64_t memory_bytes; // that it may use; 0: as much as the plan needs
    uint32_t lease_slots;  // 1 .. NJ_WIRE_LEASES_MAX; half are asked for, half wait for their ACK
    uint32_t chunk_bytes;  // of one FETCH, 1 .. NJ_WIRE_CHUNK_BYTES_MAX
    uint32_t coordinator_timeout_ms; // silence after which the connection is dropped
    uint32_t hello_pause_ms;         // before each HELLO but the first
    uint32_t resend_ms;              // a FETCH or RESULT without answer is sent again
    uint32_t give_up_ms;             // without a coordinator: ends with NJ_AGAIN
    uint32_t drain_ms;               // how long draining may take
} nj_session_config;

typedef enum { NJ_SLOT_FREE, NJ_SLOT_WAITING, NJ_SLOT_COMPUTING, NJ_SLOT_FINISHED } nj_slot_state;

typedef struct {
    uint8_t state; // nj_slot_state
    uint32_t shard;
    uint32_t attempt;
    uint64_t ticket;  // of this use of the slot
    nj_status status; // FINISHED: NJ_OK with rows, else why there are none
    nj_digest digest; // of the rows
    uint32_t row_count;
    uint64_t sent_ns;                      // when RESULT last went out
    char text[NJ_WIRE_TEXT_BYTES_MAX + 1]; // FINISHED without rows
} nj_session_slot;

typedef struct {
    char name[NJ_WIRE_SECTION_NAME_BYTES_MAX + 1];
    uint64_t size;
    nj_digest digest;
} nj_session_section;

typedef enum {
    NJ_SESSION_SEND,        // message: complete; its texts are borrowed until the next report
    NJ_SESSION_SEND_RESULT, // slot; message.result: complete but for `rows`, which the daemon has
    NJ_SESSION_DROP_LINE,   // nj_dealer_reconnect
    NJ_SESSION_LOOK,        // the WELCOME at hand: keep its settings, look into the cache, report
                            // nj_session_inspected
    NJ_SESSION_STORE,       // section, offset, bytes (of the CHUNK at hand): into the cache's draft
    NJ_SESSION_VERIFY,      // section: it is whole; compare digests, report nj_session_verified
    NJ_SESSION_SET_UP,      // ticket: open sections, set up the engine, report nj_session_prepared
    NJ_SESSION_KEEP_LEASE,  // slot: copy `users` of the LEASE at hand
    NJ_SESSION_COMPUTE,     // slot, ticket: compute, report nj_session_computed or _failed
    NJ_SESSION_DROP,   // slot: free users and rows, stop computing it (late reports are ignored)
    NJ_SESSION_FINISH, // status, text: it is over; close with a linger so that BYE leaves
} nj_session_effect_kind;

typedef struct {
    nj_session_effect_kind kind;
    uint32_t slot;
    uint32_t section; // index into `sections`
    uint64_t ticket;
    uint64_t offset;
    nj_slice bytes;
    nj_status status;
    nj_slice text; // borrowed until the next report
    nj_message message;
} nj_session_effect;

typedef struct {
    nj_session_config config;
    uint8_t state;   // nj_session_state
    uint64_t ticket; // the youngest

    // what WELCOME said
    uint64_t epoch;
    nj_digest plan;
    uint32_t heartbeat_ms;
    nj_session_section sections[NJ_WIRE_SECTIONS_MAX];
    uint32_t section_count;

    // fetching
    uint64_t lacking;  // one bit a section
    uint32_t section;  // being fetched
    uint64_t offset;   // of the piece asked for
    uint64_t fetch_ns; // when it was last asked for

    // engine
    bool prepared;           // for `plan`
    uint64_t planned_bytes;  // 0: not known yet
    uint64_t prepare_ticket; // of the SET_UP under way, else 0

    nj_session_slot slots[NJ_WIRE_LEASES_MAX];
    uint64_t users_done;
    uint32_t resident_mib; // of this process, as it was told last
    uint32_t credit_said;  // in the last READY

    // times
    uint64_t heard_ns;   // last message
    uint64_t contact_ns; // last time a coordinator had taken the worker
    uint64_t hello_due_ns;
    uint64_t heartbeat_ns; // last HEARTBEAT
    uint64_t drain_ns;     // when draining began

    nj_status end_status; // what FINISH will say
    char end_text[NJ_WIRE_TEXT_BYTES_MAX + 1];
    char refusal[NJ_WIRE_TEXT_BYTES_MAX + 1]; // of the last REFUSED, for the operator

    size_t queue_first;
    size_t queue_count;
    nj_session_effect queue[NJ_SESSION_QUEUE_MAX];
} nj_session;

/// `session` is large: keep it on the heap. The first tick says HELLO. NJ_INPUT names the number that is out of range.
NJ_CHECKED nj_status nj_session_init(nj_session *session, const nj_session_config *config,
                                     uint64_t now_ns, nj_error *err);

/// A message that nj_message_unpack accepted from the coordinator.
void nj_session_message(nj_session *session, const nj_message *message, uint64_t now_ns);
/// Bytes that nj_message_unpack refused: the session gives up with the error's status.
void nj_session_broken(nj_session *session, const nj_error *why, uint64_t now_ns);
/// Time has passed; every 100 ms or so.
void nj_session_tick(nj_session *session, uint64_t now_ns);

/// After LOOK: bit i of `lacking` is set when the cache has not sections[i].
void nj_session_inspected(nj_session *session, uint64_t lacking, uint64_t now_ns);
/// After VERIFY. A section with another digest is fatal: NJ_REFUSED.
void nj_session_verified(nj_session *session, uint32_t section, bool good, uint64_t now_ns);
/// After SET_UP. A status other than NJ_OK is fatal.
void nj_session_prepared(nj_session *session, uint64_t ticket, nj_status status, const char *text,
                         uint64_t now_ns);

/// What the engine needs, for the next HELLO.
void nj_session_plan_memory(nj_session *session, uint64_t bytes);

/// After COMPUTE: the rows are there; the daemon keeps them until DROP.
void nj_session_computed(nj_session *session, uint64_t ticket, const nj_digest *digest,
                         uint32_t row_count, uint64_t now_ns);
/// After COMPUTE: no rows. NJ_AGAIN gives the shard back without counting a try.
void nj_session_failed(nj_session *session, uint64_t ticket, nj_status status, const char *text,
                       uint64_t now_ns);
/// What the next HEARTBEAT says of this process's memory.
void nj_session_note_memory(nj_session *session, uint32_t resident_mib);
/// Users computed since the last call. Leases are renewed only while this is called.
void nj_session_progress(nj_session *session, uint32_t user_count);

/// Finish what is being computed, then end with `status` (0: NJ_OK).
void nj_session_drain(nj_session *session, nj_status status, const char *text, uint64_t now_ns);
/// End at once.
void nj_session_stop(nj_session *session, nj_status status, const char *text, uint64_t now_ns);

/// Draws the next effect. False: nothing to do until the next report.
/// Proof   tests/tables/test_session_table.c, tests/unit/session/test_session.c, tests/sim/test_nights.c
bool nj_session_next(nj_session *session, nj_session_effect *out);

const char *nj_session_state_name(nj_session_state state);

#endif
