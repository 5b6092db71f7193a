#include "worker/session.h"

#include <assert.h>
#include <inttypes.h>
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

static nj_session_effect *add_effect(nj_session *session, nj_session_effect_kind kind)
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

static nj_message *add_message(nj_session *session, nj_message_kind kind)
{
    nj_session_effect *effect = add_effect(session, NJ_SESSION_SEND);
    effect->message.kind = kind;
    return &effect->message;
}

// ASCII is always UTF-8, also when it is cut.
static void copy_text(char out[NJ_WIRE_TEXT_BYTES_MAX + 1], nj_slice text)
{
    size_t size = text.size < NJ_WIRE_TEXT_BYTES_MAX ? text.size : NJ_WIRE_TEXT_BYTES_MAX;
    for (size_t i = 0; i < size; i++) {
        out[i] = text.bytes[i] >= ' ' && text.bytes[i] < 127 ? text.bytes[i] : '?';
    }
    out[size] = '\0';
}

static bool is_due(uint64_t since_ns, uint32_t interval_ms, uint64_t now_ns)
{
    return now_ns - since_ns >= (uint64_t)interval_ms * NS_PER_MS;
}

// ---- slots ----

static uint32_t slot_index(const nj_session *session, const nj_session_slot *slot)
{
    return (uint32_t)(slot - session->slots);
}

static uint32_t count_slots(const nj_session *session, nj_slot_state state)
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
static uint32_t credit_of(const nj_session *session)
{
    uint32_t half = (session->config.lease_slots + 1) / 2;
    uint32_t left = session->config.lease_slots - count_slots(session, NJ_SLOT_FINISHED);
    return half < left ? half : left;
}

static bool holds_leases(const nj_session *session)
{
    return count_slots(session, NJ_SLOT_FREE) < session->config.lease_slots;
}

static nj_session_slot *find_shard(nj_session *session, uint32_t shard)
{
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        if (session->slots[i].state != NJ_SLOT_FREE && session->slots[i].shard == shard) {
            return &session->slots[i];
        }
    }
    return NULL;
}

// The oldest slot in this state; NULL: none.
static nj_session_slot *find_oldest(nj_session *session, nj_slot_state state)
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

static void drop_slot(nj_session *session, nj_session_slot *slot)
{
    add_effect(session, NJ_SESSION_DROP)->slot = slot_index(session, slot);
    slot->state = NJ_SLOT_FREE;
}

static void drop_all(nj_session *session)
{
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        if (session->slots[i].state != NJ_SLOT_FREE) {
            drop_slot(session, &session->slots[i]);
        }
    }
}

static void compute_next(nj_session *session)
{
    nj_session_slot *slot = find_oldest(session, NJ_SLOT_WAITING);
    if (slot == NULL || count_slots(session, NJ_SLOT_COMPUTING) > 0) {
        return;
    }
    slot->state = NJ_SLOT_COMPUTING;
    nj_session_effect *effect = add_effect(session, NJ_SESSION_COMPUTE);
    effect->slot = slot_index(session, slot);
    effect->ticket = slot->ticket;
}

// ---- messages to the coordinator ----

static void say_hello(nj_session *session, uint64_t now_ns)
{
    const nj_session_config *config = &session->config;
    nj_message_hello *hello = &add_message(session, NJ_MESSAGE_HELLO)->hello;
    hello->name = nj_slice_from(config->name);
    hello->version = nj_slice_from(config->version);
    hello->instance = config->instance;
    for (uint32_t i = 0; i < config->class_count; i++) {
        hello->classes[i] = nj_slice_from(config->classes[i]);
    }
    hello->classes_count = config->class_count;
    hello->cores = config->cores;
    hello->memory_bytes = config->memory_bytes;
    session->heard_ns = now_ns; // the answer is awaited from here on
}

static void say_ready(nj_session *session, uint32_t credit)
{
    add_message(session, NJ_MESSAGE_READY)->ready.credit = credit;
    session->credit_said = credit;
}

static void tell_credit(nj_session *session)
{
    if (credit_of(session) != session->credit_said) {
        say_ready(session, credit_of(session));
    }
}

static void say_failed(nj_session *session, uint32_t shard, uint32_t attempt, nj_status status,
                       nj_slice text)
{
    add_message(session, NJ_MESSAGE_FAILED)->failed =
        (nj_message_failed){shard, attempt, session->epoch, (uint32_t)status, text};
}

static void send_result(nj_session *session, nj_session_slot *slot, uint64_t now_ns)
{
    nj_session_effect *effect = add_effect(session, NJ_SESSION_SEND_RESULT);
    effect->slot = slot_index(session, slot);
    effect->message.kind = NJ_MESSAGE_RESULT;
    effect->message.result = (nj_message_result){.shard = slot->shard,
                                                 .attempt = slot->attempt,
                                                 .epoch = session->epoch,
                                                 .digest = slot->digest,
                                                 .row_count = slot->row_count};
    slot->sent_ns = now_ns;
}

// Sends what a finished slot has. A failure needs no ACK: the slot is free at once.
static void send_outcome(nj_session *session, nj_session_slot *slot, uint64_t now_ns)
{
    if (slot->status == NJ_OK) {
        send_result(session, slot, now_ns);
        return;
    }
    say_failed(session, slot->shard, slot->attempt, slot->status, nj_slice_from(slot->text));
    drop_slot(session, slot);
}

static void send_heartbeat(nj_session *session, uint64_t now_ns)
{
    nj_message_heartbeat *heartbeat = &add_message(session, NJ_MESSAGE_HEARTBEAT)->heartbeat;
    heartbeat->users_done = session->users_done;
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        const nj_session_slot *slot = &session->slots[i];
        if (slot->state != NJ_SLOT_FREE) {
            heartbeat->leases[heartbeat->leases_count++] =
                (nj_wire_lease){slot->shard, slot->attempt};
        }
    }
    session->heartbeat_ns = now_ns;
}

// ---- fetching ----

static uint32_t piece_bytes(const nj_session *session)
{
    uint64_t left = session->sections[session->section].size - session->offset;
    return left < session->config.chunk_bytes ? (uint32_t)left : session->config.chunk_bytes;
}

static void ask_for_piece(nj_session *session, uint64_t now_ns)
{
    add_message(session, NJ_MESSAGE_FETCH)->fetch = (nj_message_fetch){
        session->sections[session->section].digest, session->offset, piece_bytes(session)};
    session->fetch_ns = now_ns;
}

static void store_piece(nj_session *session, nj_slice bytes, uint64_t now_ns)
{
    nj_session_effect *store = add_effect(session, NJ_SESSION_STORE);
    store->section = session->section;
    store->offset = session->offset;
    store->bytes = bytes;
    session->offset += bytes.size;
    if (session->offset == session->sections[session->section].size) {
        add_effect(session, NJ_SESSION_VERIFY)->section = session->section;
    } else {
        ask_for_piece(session, now_ns);
    }
}

static void begin_section(nj_session *session, uint64_t now_ns)
{
    session->section = (uint32_t)__builtin_ctzll(session->lacking);
    session->offset = 0;
    if (session->sections[session->section].size == 0) {
        store_piece(session, (nj_slice){"", 0}, now_ns);
    } else {
        ask_for_piece(session, now_ns);
    }
}

// ---- what a rule asks for ----

static void set_end(nj_session *session, nj_status status, const char *text)
{
    session->end_status = status;
    copy_text(session->end_text, nj_slice_from(text));
}

static void keep_welcome(nj_session *session, const nj_message_welcome *welcome)
{
    drop_all(session);
    if (!nj_digest_equal(&session->plan, &welcome->plan)) {
        // A set-up that is under way is for nothing; for the same plan it goes on.
        session->prepared = false;
        session->prepare_ticket = 0;
    }
    session->plan = welcome->plan;
    session->section_count = welcome->sections_count;
    for (uint32_t i = 0; i < welcome->sections_count; i++) {
        nj_session_section *section = &session->sections[i];
        snprintf(section->name, sizeof section->name, "%.*s",
                 NJ_SLICE_ARGS(welcome->sections[i].name));
        section->size = welcome->sections[i].size;
        section->digest = welcome->sections[i].digest;
    }
    (void)add_effect(session, NJ_SESSION_LOOK);
}

static void set_up(nj_session *session)
{
    if (session->prepare_ticket == 0) {
        session->prepare_ticket = ++session->ticket;
        add_effect(session, NJ_SESSION_SET_UP)->ticket = session->prepare_ticket;
    }
}

static void resume(nj_session *session, uint64_t now_ns)
{
    say_ready(session, credit_of(session));
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        if (session->slots[i].state == NJ_SLOT_FINISHED) {
            send_outcome(session, &session->slots[i], now_ns);
        }
    }
    compute_next(session);
}

// A shard that is in hand already: the lease has a new attempt, the work goes on.
static bool adopt_attempt(nj_session *session, const nj_message_lease *lease, uint64_t now_ns)
{
    nj_session_slot *slot = find_shard(session, lease->shard);
    if (slot == NULL) {
        return false;
    }
    if (lease->attempt > slot->attempt) {
        slot->attempt = lease->attempt;
        if (slot->state == NJ_SLOT_FINISHED && slot->status == NJ_OK) {
            send_result(session, slot, now_ns);
        }
    }
    return true;
}

static void give_lease_back(nj_session *session, const nj_message_lease *lease, uint64_t now_ns)
{
    if (!adopt_attempt(session, lease, now_ns)) {
        say_failed(session, lease->shard, lease->attempt, NJ_AGAIN,
                   nj_slice_from("no lease can be taken now"));
        session->credit_said = 0; // so the coordinator takes it
    }
}

static void take_lease(nj_session *session, const nj_message_lease *lease, uint64_t now_ns)
{
    nj_session_slot *slot = find_oldest(session, NJ_SLOT_FREE);
    if (slot == NULL || find_shard(session, lease->shard) != NULL) {
        give_lease_back(session, lease, now_ns);
        return;
    }
    slot->state = NJ_SLOT_WAITING;
    slot->shard = lease->shard;
    slot->attempt = lease->attempt;
    slot->ticket = ++session->ticket;
    add_effect(session, NJ_SESSION_KEEP_LEASE)->slot = slot_index(session, slot);
    compute_next(session);
}

static void begin_drain(nj_session *session, uint64_t now_ns)
{
    session->drain_ns = now_ns;
    say_ready(session, 0);
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        nj_session_slot *slot = &session->slots[i];
        if (slot->state == NJ_SLOT_WAITING) {
            say_failed(session, slot->shard, slot->attempt, NJ_AGAIN,
                       nj_slice_from("the worker is leaving"));
            drop_slot(session, slot);
        }
    }
}

static void pause_hello(nj_session *session, uint64_t now_ns)
{
    session->hello_due_ns = now_ns + (uint64_t)session->config.hello_pause_ms * NS_PER_MS;
}

static void leave(nj_session *session)
{
    drop_all(session);
    add_message(session, NJ_MESSAGE_BYE)->bye.reason = nj_slice_from(session->end_text);
    nj_session_effect *finish = add_effect(session, NJ_SESSION_FINISH);
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
        keep_welcome(session, &with->message->welcome);
        break;
    case EFFECT_FETCH:
        begin_section(session, now_ns);
        break;
    case EFFECT_KEEP_CHUNK:
        store_piece(session, with->message->chunk.bytes, now_ns);
        break;
    case EFFECT_PREPARE:
        set_up(session);
        break;
    case EFFECT_SAY_READY:
        say_ready(session, credit_of(session));
        break;
    case EFFECT_RESUME:
        resume(session, now_ns);
        break;
    case EFFECT_TAKE_LEASE:
        take_lease(session, &with->message->lease, now_ns);
        break;
    case EFFECT_GIVE_LEASE_BACK:
        give_lease_back(session, &with->message->lease, now_ns);
        break;
    case EFFECT_TELL_CREDIT:
        tell_credit(session);
        break;
    case EFFECT_DELIVER:
        tell_credit(session); // first: where order is kept, no lease finds all slots taken
        send_outcome(session, with->slot, now_ns);
        compute_next(session);
        break;
    case EFFECT_DELIVER_LAST:
        send_outcome(session, with->slot, now_ns);
        break;
    case EFFECT_BEGIN_DRAIN:
        begin_drain(session, now_ns);
        break;
    case EFFECT_RECONNECT:
        (void)add_effect(session, NJ_SESSION_DROP_LINE);
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
              holds_leases(session) ? NJ_SESSION_EVENT_SETTLED : NJ_SESSION_EVENT_SETTLED_LAST,
              &NO_INPUT, now_ns);
}

static void fail(nj_session *session, nj_status status, const char *text, uint64_t now_ns)
{
    set_end(session, status, text);
    must_step(session, NJ_SESSION_EVENT_FATAL, &NO_INPUT, now_ns);
}

// ---- guards: from messages to the columns of the table ----

static void take_welcome(nj_session *session, const nj_message *message, uint64_t now_ns)
{
    const nj_message_welcome *welcome = &message->welcome;
    nj_session_event event = NJ_SESSION_EVENT_WELCOME_NEW;
    if (session->state == NJ_SESSION_GREETED) {
        bool same_plan = nj_digest_equal(&welcome->plan, &session->plan);
        if (welcome->epoch != session->epoch) {
            drop_all(session); // leases of another epoch are void
        }
        session->epoch = welcome->epoch;
        session->heartbeat_ms = welcome->heartbeat_ms;
        session->contact_ns = now_ns;
        if (same_plan && session->prepared) {
            event = holds_leases(session) ? NJ_SESSION_EVENT_WELCOME_WORKING
                                          : NJ_SESSION_EVENT_WELCOME_READY;
        }
    }
    must_step(session, event, &(input){.message = message}, now_ns);
    if (event == NJ_SESSION_EVENT_WELCOME_WORKING && !holds_leases(session)) {
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
    if (chunk->bytes.size != piece_bytes(session)) {
        char text[160];
        snprintf(text, sizeof text, "section \"%s\": %zu bytes came, %u were asked for",
                 section->name, chunk->bytes.size, piece_bytes(session));
        fail(session, NJ_PROTOCOL, text, now_ns);
        return;
    }
    must_step(session, NJ_SESSION_EVENT_CHUNK, &(input){.message = message}, now_ns);
}

static void take_ack(nj_session *session, const nj_message_ack *ack, uint64_t now_ns)
{
    nj_session_slot *slot = find_shard(session, ack->shard);
    if (slot != NULL && slot->state == NJ_SLOT_FINISHED) {
        drop_slot(session, slot);
        settle(session, now_ns);
    }
}

static void take_refused(nj_session *session, const nj_message_refused *refused, uint64_t now_ns)
{
    copy_text(session->refusal, refused->text);
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
    const bool welcomed =
        session->state >= NJ_SESSION_FETCHING && session->state <= NJ_SESSION_WORKING;
    switch (message->kind) {
    case NJ_MESSAGE_WELCOME:
        return welcomed && message->welcome.epoch != session->epoch;
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

static void end_computation(nj_session *session, uint64_t ticket, nj_status status,
                            const nj_session_slot *outcome, uint64_t now_ns)
{
    nj_session_slot *slot = find_oldest(session, NJ_SLOT_COMPUTING);
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
    copy_text(outcome.text, nj_slice_from(text));
    end_computation(session, ticket, status != NJ_OK ? status : NJ_FAILED, &outcome, now_ns);
}

void nj_session_progress(nj_session *session, uint32_t user_count)
{
    session->users_done += user_count;
}

void nj_session_drain(nj_session *session, nj_status status, const char *text, uint64_t now_ns)
{
    if (session->state != NJ_SESSION_DRAINING) {
        set_end(session, status, text);
    }
    bool busy =
        count_slots(session, NJ_SLOT_COMPUTING) + count_slots(session, NJ_SLOT_FINISHED) > 0;
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
    if (is_due(session->heartbeat_ns, session->heartbeat_ms, now_ns)) {
        send_heartbeat(session, now_ns);
        if (session->state == NJ_SESSION_READY || session->state == NJ_SESSION_WORKING) {
            say_ready(session, credit_of(session));
        }
    }
    if (session->state == NJ_SESSION_FETCHING &&
        session->offset < session->sections[session->section].size &&
        is_due(session->fetch_ns, session->config.resend_ms, now_ns)) {
        ask_for_piece(session, now_ns);
    }
    for (uint32_t i = 0; i < session->config.lease_slots; i++) {
        nj_session_slot *slot = &session->slots[i];
        if (slot->state == NJ_SLOT_FINISHED &&
            is_due(slot->sent_ns, session->config.resend_ms, now_ns)) {
            send_result(session, slot, now_ns);
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
    if (alone && is_due(session->contact_ns, config->give_up_ms, now_ns)) {
        expire(session, now_ns);
    } else if (session->state == NJ_SESSION_CONNECTING) {
        if (now_ns >= session->hello_due_ns) {
            must_step(session, NJ_SESSION_EVENT_HELLO_DUE, &NO_INPUT, now_ns);
        }
    } else if (session->state == NJ_SESSION_DRAINING &&
               is_due(session->drain_ns, config->drain_ms, now_ns)) {
        must_step(session, NJ_SESSION_EVENT_STOP, &NO_INPUT, now_ns);
    } else if (is_due(session->heard_ns, silence_ms(session), now_ns)) {
        must_step(session, NJ_SESSION_EVENT_SILENCE, &NO_INPUT, now_ns);
    } else if (!alone) {
        repeat(session, now_ns);
    }
}
