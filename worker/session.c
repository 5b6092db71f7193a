#include "worker/session_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MS 1000000u
// without an answer; after them a draining worker waits for its ACKs no longer
#define DRAINING_HEARTBEATS 3

enum {
#define NJ_SESSION_EFFECT(NAME, meaning) EFFECT_##NAME,
#include "schemas/session.def"
};

typedef struct {
    uint8_t next;
    uint8_t effect;
} rule;

static const rule RULES[NJ_SESSION_STATE_COUNT][NJ_SESSION_EVENT_COUNT] = {
#define NJ_SESSION_RULE(state, event, next, effect)                                                \
    [NJ_SESSION_##state][NJ_SESSION_EVENT_##event] = {NJ_SESSION_##next, EFFECT_##effect},
#include "schemas/session.def"
};

// Complete: as many rows as pairs, and the compiler warns of a pair that is there twice.
enum {
    RULE_COUNT = 0
#define NJ_SESSION_RULE(state, event, next, effect) +1
#include "schemas/session.def"
};
_Static_assert(RULE_COUNT == NJ_SESSION_STATE_COUNT * NJ_SESSION_EVENT_COUNT,
               "session.def must have one row for every (state, event) pair");

// What an event brings along for its effect.
typedef struct {
    const nj_message *message;
    nj_session_slot *slot;
} input;

static const input NO_INPUT = {0};

const char *nj_session_state_name(nj_session_state state)
{
    static const char *const NAMES[] = {
#define NJ_SESSION_STATE(NAME, meaning) #NAME,
#include "schemas/session.def"
    };
    return NAMES[state];
}

nj_status nj_session_init(nj_session *session, const nj_session_config *config, uint64_t now_ns,
                          nj_error *err)
{
    if (config->lease_slots == 0 || config->lease_slots > NJ_WIRE_LEASES_MAX) {
        return nj_fail(err, NJ_INPUT, "session: %u lease slots, must be 1 to %d",
                       config->lease_slots, NJ_WIRE_LEASES_MAX);
    }
    if (config->chunk_bytes == 0 || config->chunk_bytes > NJ_WIRE_CHUNK_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, "session: chunks of %u bytes, must be 1 to %u",
                       config->chunk_bytes, NJ_WIRE_CHUNK_BYTES_MAX);
    }
    if (config->class_count == 0 || config->class_count > NJ_WIRE_CLASSES_MAX) {
        return nj_fail(err, NJ_INPUT, "session: %u numeric classes, must be 1 to %d",
                       config->class_count, NJ_WIRE_CLASSES_MAX);
    }
    memset(session, 0, offsetof(nj_session, queue)); // an effect is cleared when it is added
    session->config = *config;
    session->state = NJ_SESSION_CONNECTING;
    session->heard_ns = now_ns;
    session->contact_ns = now_ns;
    session->hello_due_ns = now_ns;
    return NJ_OK;
}

// ---- the queue of effects ----

nj_session_effect *nj_session_add_effect(nj_session *session, nj_session_effect_kind kind)
{
    assert(session->queue_count < NJ_SESSION_QUEUE_MAX);
    size_t place = (session->queue_first + session->queue_count++) % NJ_SESSION_QUEUE_MAX;
    nj_session_effect *effect = &session->queue[place];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    return effect;
}

bool nj_session_next(nj_session *session, nj_session_effect *out)
{
    if (session->queue_count == 0) {
        return false;
    }
    *out = session->queue[session->queue_first];
    session->queue_count--;
    // From the start again when it is empty: the same few effects stay in the cache, and most are never touched.
    session->queue_first =
        session->queue_count > 0 ? (session->queue_first + 1) % NJ_SESSION_QUEUE_MAX : 0;
    return true;
}

nj_message *nj_session_add_message(nj_session *session, nj_message_kind kind)
{
    nj_session_effect *effect = nj_session_add_effect(session, NJ_SESSION_SEND);
    effect->message.kind = kind;
    return &effect->message;
}

// ASCII is always UTF-8, also when it is cut.
void nj_session_copy_text(char out[NJ_WIRE_TEXT_BYTES_MAX + 1], nj_slice text)
{
    size_t size = text.size < NJ_WIRE_TEXT_BYTES_MAX ? text.size : NJ_WIRE_TEXT_BYTES_MAX;
    for (size_t i = 0; i < size; i++) {
        out[i] = text.bytes[i] >= ' ' && text.bytes[i] < 127 ? text.bytes[i] : '?';
    }
    out[size] = '\0';
}

bool nj_session_is_due(uint64_t since_ns, uint32_t interval_ms, uint64_t now_ns)
{
    return now_ns - since_ns >= (uint64_t)interval_ms * NS_PER_MS;
}

// ---- messages to the coordinator ----

static void say_hello(nj_session *session, uint64_t now_ns)
{
    const nj_session_config *config = &session->config;
    nj_message_hello *hello = &nj_session_add_message(session, NJ_MESSAGE_HELLO)->hello;
    hello->name = nj_slice_from(config->name);
    hello->version = nj_slice_from(config->version);
    hello->instance = config->instance;
    for (uint32_t i = 0; i < config->class_count; i++) {
        hello->classes[i] = nj_slice_from(config->classes[i]);
    }
    hello->classes_count = config->class_count;
    hello->cores = config->cores;
    hello->memory_bytes =
        session->planned_bytes != 0 ? session->planned_bytes : config->memory_bytes;
    session->heard_ns = now_ns; // the answer is awaited from here on
}

// ---- what a rule asks for ----

static void set_end(nj_session *session, nj_status status, const char *text)
{
    session->end_status = status;
    nj_session_copy_text(session->end_text, nj_slice_from(text));
}

static void pause_hello(nj_session *session, uint64_t now_ns)
{
    session->hello_due_ns = now_ns + (uint64_t)session->config.hello_pause_ms * NS_PER_MS;
}

static void leave(nj_session *session)
{
    nj_session_drop_all(session);
    nj_session_add_message(session, NJ_MESSAGE_BYE)->bye.reason = nj_slice_from(session->end_text);
    nj_session_effect *finish = nj_session_add_effect(session, NJ_SESSION_FINISH);
    finish->status = session->end_status;
    finish->text = nj_slice_from(session->end_text);
}

static void perform(nj_session *session, uint8_t effect, const input *with, uint64_t now_ns)
{
    switch (effect) {
    case EFFECT_SAY_HELLO:
        say_hello(session, now_ns);
        break;
    case EFFECT_INSPECT:
        nj_session_keep_welcome(session, &with->message->welcome);
        break;
    case EFFECT_FETCH:
        nj_session_begin_section(session, now_ns);
        break;
    case EFFECT_KEEP_CHUNK:
        nj_session_store_piece(session, with->message->chunk.bytes, now_ns);
        break;
    case EFFECT_PREPARE:
        nj_session_set_up(session);
        break;
    case EFFECT_SAY_READY:
        nj_session_say_ready(session, nj_session_credit(session));
        break;
    case EFFECT_RESUME:
        nj_session_resume(session, now_ns);
        break;
    case EFFECT_TAKE_LEASE:
        nj_session_take_lease(session, &with->message->lease, now_ns);
        break;
    case EFFECT_GIVE_LEASE_BACK:
        nj_session_give_lease_back(session, &with->message->lease, now_ns);
        break;
    case EFFECT_TELL_CREDIT:
        nj_session_tell_credit(session);
        break;
    case EFFECT_DELIVER:
        nj_session_tell_credit(
            session); // first: where order is kept, no lease finds all slots taken
        nj_session_send_outcome(session, with->slot, now_ns);
        nj_session_compute_next(session);
        break;
    case EFFECT_DELIVER_LAST:
        nj_session_send_outcome(session, with->slot, now_ns);
        break;
    case EFFECT_BEGIN_DRAIN:
        nj_session_begin_drain(session, now_ns);
        break;
    case EFFECT_RECONNECT:
        (void)nj_session_add_effect(session, NJ_SESSION_DROP_LINE);
        pause_hello(session, now_ns);
        break;
    case EFFECT_PAUSE:
        pause_hello(session, now_ns);
        break;
    case EFFECT_LEAVE:
    case EFFECT_GIVE_UP:
        leave(session);
        break;
    default:
        break;
    }
}

// The only code that assigns a state.
static nj_status step(nj_session *session, nj_session_event event, const input *with,
                      uint64_t now_ns)
{
    const rule *row = &RULES[session->state][event];
    if (row->effect == EFFECT_REFUSE) {
        return NJ_REFUSED;
    }
    session->state = row->next;
    perform(session, row->effect, with, now_ns);
    return NJ_OK;
}

// For events whose guards leave no pair that the table refuses.
static void must_step(nj_session *session, nj_session_event event, const input *with,
                      uint64_t now_ns)
{
    nj_status status = step(session, event, with, now_ns);
    assert(status == NJ_OK);
    (void)status;
}

// After an effect may have freed the last slot.
static void settle(nj_session *session, uint64_t now_ns)
{
    must_step(session,
              nj_session_holds_leases(session) ? NJ_SESSION_EVENT_SETTLED
                                               : NJ_SESSION_EVENT_SETTLED_LAST,
              &NO_INPUT, now_ns);
}

static void fail(nj_session *session, nj_status status, const char *text, uint64_t now_ns)
{
    set_end(session, status, text);
    must_step(session, NJ_SESSION_EVENT_FATAL, &NO_INPUT, now_ns);
}

// ---- guards: from messages to the columns of the table ----

static bool is_welcomed(const nj_session *session)
{
    return session->state >= NJ_SESSION_FETCHING && session->state <= NJ_SESSION_WORKING;
}

// Of the coordinator that the worker has: it raises the epoch with each of its plans.
static bool is_next_plan(const nj_session *session, const nj_message_welcome *welcome)
{
    return is_welcomed(session) && welcome->follows != 0 && welcome->epoch > session->epoch;
}

static void take_welcome(nj_session *session, const nj_message *message, uint64_t now_ns)
{
    const nj_message_welcome *welcome = &message->welcome;
    nj_session_event event = NJ_SESSION_EVENT_WELCOME_NEW;
    if (is_next_plan(session, welcome)) {
        event = NJ_SESSION_EVENT_WELCOME_NEXT;
        session->epoch = welcome->epoch;
        session->heartbeat_ms = welcome->heartbeat_ms;
    } else if (session->state == NJ_SESSION_GREETED) {
        bool same_plan = nj_digest_equal(&welcome->plan, &session->plan);
        if (welcome->epoch != session->epoch) {
            nj_session_drop_all(session); // leases of another epoch are void
        }
        session->epoch = welcome->epoch;
        session->heartbeat_ms = welcome->heartbeat_ms;
        session->contact_ns = now_ns;
        if (same_plan && session->prepared) {
            event = nj_session_holds_leases(session) ? NJ_SESSION_EVENT_WELCOME_WORKING
                                                     : NJ_SESSION_EVENT_WELCOME_READY;
        }
    }
    must_step(session, event, &(input){.message = message}, now_ns);
    if (event == NJ_SESSION_EVENT_WELCOME_WORKING && !nj_session_holds_leases(session)) {
        settle(session, now_ns); // all that was in hand had failed
    }
}

static void take_chunk(nj_session *session, const nj_message *message, uint64_t now_ns)
{
    const nj_message_chunk *chunk = &message->chunk;
    const nj_session_section *section = &session->sections[session->section];
    if (session->state != NJ_SESSION_FETCHING || chunk->offset != session->offset ||
        session->offset == section->size || !nj_digest_equal(&chunk->section, &section->digest)) {
        return; // the answer to an older question
    }
    if (chunk->bytes.size != nj_session_piece_bytes(session)) {
        char text[160];
        snprintf(text, sizeof text, "section \"%s\": %zu bytes came, %u were asked for",
                 section->name, chunk->bytes.size, nj_session_piece_bytes(session));
        fail(session, NJ_PROTOCOL, text, now_ns);
        return;
    }
    must_step(session, NJ_SESSION_EVENT_CHUNK, &(input){.message = message}, now_ns);
}

static void take_ack(nj_session *session, const nj_message_ack *ack, uint64_t now_ns)
{
    nj_session_slot *slot = nj_session_find_shard(session, ack->shard);
    if (slot != NULL && slot->state == NJ_SLOT_FINISHED) {
        nj_session_drop_slot(session, slot);
        settle(session, now_ns);
    }
}

static void take_refused(nj_session *session, const nj_message_refused *refused, uint64_t now_ns)
{
    nj_session_copy_text(session->refusal, refused->text);
    if (refused->status == NJ_AGAIN) {
        must_step(session, NJ_SESSION_EVENT_REFUSED_AGAIN, &NO_INPUT, now_ns);
    } else {
        fail(session, refused->status != NJ_OK ? (nj_status)refused->status : NJ_REFUSED,
             session->refusal, now_ns);
    }
}

static void take_drain(nj_session *session, const nj_message_drain *drain, uint64_t now_ns)
{
    if (drain->reason == NJ_DRAIN_FINISHED) {
        nj_session_stop(session, NJ_OK, "the night is finished", now_ns);
    } else {
        nj_session_drain(session, NJ_AGAIN, "the coordinator stops before the night is finished",
                         now_ns);
    }
}

// Another coordinator speaks than the one whose WELCOME was taken: that one came late, or this message does. Leases and results of
// the wrong epoch are void without a word, so the worker asks.
static bool is_of_other_epoch(const nj_session *session, const nj_message *message)
{
    const bool welcomed = is_welcomed(session);
    switch (message->kind) {
    case NJ_MESSAGE_WELCOME:
        return welcomed && message->welcome.epoch != session->epoch &&
               !is_next_plan(session, &message->welcome);
    case NJ_MESSAGE_LEASE:
        return welcomed && message->lease.epoch != session->epoch;
    case NJ_MESSAGE_PONG:
        return welcomed && message->pong.epoch != session->epoch;
    default:
        return false;
    }
}

void nj_session_message(nj_session *session, const nj_message *message, uint64_t now_ns)
{
    session->heard_ns = now_ns;
    if (is_of_other_epoch(session, message)) {
        must_step(session, NJ_SESSION_EVENT_REFUSED_AGAIN, &NO_INPUT, now_ns);
        return;
    }
    if (session->state >= NJ_SESSION_FETCHING && message->kind != NJ_MESSAGE_REFUSED) {
        session->contact_ns = now_ns;
    }
    switch (message->kind) {
    case NJ_MESSAGE_WELCOME:
        take_welcome(session, message, now_ns);
        break;
    case NJ_MESSAGE_CHUNK:
        take_chunk(session, message, now_ns);
        break;
    case NJ_MESSAGE_LEASE:
        if (message->lease.epoch == session->epoch) {
            must_step(session, NJ_SESSION_EVENT_LEASE, &(input){.message = message}, now_ns);
        }
        break;
    case NJ_MESSAGE_ACK:
        take_ack(session, &message->ack, now_ns);
        break;
    case NJ_MESSAGE_DRAIN:
        take_drain(session, &message->drain, now_ns);
        break;
    case NJ_MESSAGE_REFUSED:
        take_refused(session, &message->refused, now_ns);
        break;
    default:
        break; // PONG: it was heard
    }
}

void nj_session_broken(nj_session *session, const nj_error *why, uint64_t now_ns)
{
    fail(session, why->status, why->text, now_ns);
}

// ---- reports of the daemon ----

void nj_session_inspected(nj_session *session, uint64_t lacking, uint64_t now_ns)
{
    if (session->state != NJ_SESSION_GREETED) {
        return; // the session has begun anew since
    }
    if (session->section_count < NJ_WIRE_SECTIONS_MAX) {
        lacking &= (1ull << session->section_count) - 1;
    }
    session->lacking = lacking;
    must_step(session,
              session->prepared ? NJ_SESSION_EVENT_WELCOME_READY
              : lacking != 0    ? NJ_SESSION_EVENT_LACKING
                                : NJ_SESSION_EVENT_STOCKED,
              &NO_INPUT, now_ns);
}

void nj_session_verified(nj_session *session, uint32_t section, bool good, uint64_t now_ns)
{
    if (session->state != NJ_SESSION_FETCHING || section != session->section) {
        return; // the session has begun anew since
    }
    if (!good) {
        char text[128];
        snprintf(text, sizeof text, "section \"%s\" arrived with another digest",
                 session->sections[section].name);
        fail(session, NJ_REFUSED, text, now_ns);
        return;
    }
    session->lacking &= ~(1ull << section);
    must_step(session,
              session->lacking != 0 ? NJ_SESSION_EVENT_SECTION_GOOD : NJ_SESSION_EVENT_SECTION_LAST,
              &NO_INPUT, now_ns);
}

void nj_session_prepared(nj_session *session, uint64_t ticket, nj_status status, const char *text,
                         uint64_t now_ns)
{
    if (ticket == 0 || ticket != session->prepare_ticket) {
        return; // of a plan that is no longer wanted
    }
    session->prepare_ticket = 0;
    if (status != NJ_OK) {
        fail(session, status, text, now_ns);
        return;
    }
    session->prepared = true;
    must_step(session, NJ_SESSION_EVENT_PREPARED, &NO_INPUT, now_ns);
}

void nj_session_plan_memory(nj_session *session, uint64_t bytes)
{
    session->planned_bytes = bytes;
}

static void end_computation(nj_session *session, uint64_t ticket, nj_status status,
                            const nj_session_slot *outcome, uint64_t now_ns)
{
    nj_session_slot *slot = nj_session_find_oldest(session, NJ_SLOT_COMPUTING);
    if (slot == NULL || slot->ticket != ticket) {
        return; // the slot was dropped
    }
    slot->state = NJ_SLOT_FINISHED;
    slot->status = status;
    slot->digest = outcome->digest;
    slot->row_count = outcome->row_count;
    memcpy(slot->text, outcome->text, sizeof slot->text);
    must_step(session, NJ_SESSION_EVENT_COMPUTED, &(input){.slot = slot}, now_ns);
    if (slot->state == NJ_SLOT_FREE) {
        settle(session, now_ns);
    }
}

void nj_session_computed(nj_session *session, uint64_t ticket, const nj_digest *digest,
                         uint32_t row_count, uint64_t now_ns)
{
    nj_session_slot outcome = {.digest = *digest, .row_count = row_count};
    end_computation(session, ticket, NJ_OK, &outcome, now_ns);
}

void nj_session_failed(nj_session *session, uint64_t ticket, nj_status status, const char *text,
                       uint64_t now_ns)
{
    nj_session_slot outcome = {0};
    nj_session_copy_text(outcome.text, nj_slice_from(text));
    end_computation(session, ticket, status != NJ_OK ? status : NJ_FAILED, &outcome, now_ns);
}

void nj_session_progress(nj_session *session, uint32_t user_count)
{
    session->users_done += user_count;
}

void nj_session_note_memory(nj_session *session, uint32_t resident_mib)
{
    session->resident_mib = resident_mib;
}

void nj_session_drain(nj_session *session, nj_status status, const char *text, uint64_t now_ns)
{
    if (session->state != NJ_SESSION_DRAINING) {
        set_end(session, status, text);
    }
    bool busy = nj_session_count_slots(session, NJ_SLOT_COMPUTING) +
                    nj_session_count_slots(session, NJ_SLOT_FINISHED) >
                0;
    must_step(session, busy ? NJ_SESSION_EVENT_DRAIN : NJ_SESSION_EVENT_DRAIN_EMPTY, &NO_INPUT,
              now_ns);
}

void nj_session_stop(nj_session *session, nj_status status, const char *text, uint64_t now_ns)
{
    set_end(session, status, text);
    must_step(session, NJ_SESSION_EVENT_STOP, &NO_INPUT, now_ns);
}

// ---- time ----

static void expire(nj_session *session, uint64_t now_ns)
{
    char text[NJ_WIRE_TEXT_BYTES_MAX];
    bool refused = session->refusal[0] != '\0';
    snprintf(text, sizeof text, "no coordinator took this worker for %u ms%s%.900s",
             session->config.give_up_ms,
             refused ? "; the last one said: "
                     : ": is the address right, and are the keys? (a wrong one gets no answer)",
             session->refusal);
    set_end(session, NJ_AGAIN, text);
    must_step(session, NJ_SESSION_EVENT_EXPIRED, &NO_INPUT, now_ns);
}

// Timers of a session that a coordinator has taken; none of them changes the state.
static void repeat(nj_session *session, uint64_t now_ns)
{
    if (nj_session_is_due(session->heartbeat_ns, session->heartbeat_ms, now_ns)) {
        nj_session_send_heartbeat(session, now_ns);
        if (session->state == NJ_SESSION_READY || session->state == NJ_SESSION_WORKING) {
            nj_session_say_ready(session, nj_session_credit(session));
        }
    }
    if (session->state == NJ_SESSION_FETCHING &&
        session->offset < session->sections[session->section].size &&
        nj_session_is_due(session->fetch_ns, session->config.resend_ms, now_ns)) {
        nj_session_ask_for_piece(session, now_ns);
    }
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        nj_session_slot *slot = &session->slots[i];
        if (slot->state == NJ_SLOT_FINISHED &&
            nj_session_is_due(slot->sent_ns, session->config.resend_ms, now_ns)) {
            nj_session_send_result(session, slot, now_ns);
        }
    }
}

// A worker that leaves need not outlast its coordinator: rows without an ACK are computed again.
static uint32_t silence_ms(const nj_session *session)
{
    const uint64_t draining_ms = (uint64_t)DRAINING_HEARTBEATS * session->heartbeat_ms;
    const uint32_t timeout_ms = session->config.coordinator_timeout_ms;
    return session->state == NJ_SESSION_DRAINING && draining_ms < timeout_ms ? (uint32_t)draining_ms
                                                                             : timeout_ms;
}

void nj_session_tick(nj_session *session, uint64_t now_ns)
{
    const nj_session_config *config = &session->config;
    bool alone = session->state == NJ_SESSION_CONNECTING || session->state == NJ_SESSION_GREETED;
    if (session->state == NJ_SESSION_DONE) {
        return;
    }
    if (alone && nj_session_is_due(session->contact_ns, config->give_up_ms, now_ns)) {
        expire(session, now_ns);
    } else if (session->state == NJ_SESSION_CONNECTING) {
        if (now_ns >= session->hello_due_ns) {
            must_step(session, NJ_SESSION_EVENT_HELLO_DUE, &NO_INPUT, now_ns);
        }
    } else if (session->state == NJ_SESSION_DRAINING &&
               nj_session_is_due(session->drain_ns, config->drain_ms, now_ns)) {
        must_step(session, NJ_SESSION_EVENT_STOP, &NO_INPUT, now_ns);
    } else if (nj_session_is_due(session->heard_ns, silence_ms(session), now_ns)) {
        must_step(session, NJ_SESSION_EVENT_SILENCE, &NO_INPUT, now_ns);
    } else if (!alone) {
        repeat(session, now_ns);
    }
}
