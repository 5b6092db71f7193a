#include "coordinator/daemon/exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"

#define HEARTBEATS_A_LEASE 5  // one may be late without the lease running out
#define HEARTBEAT_MS_MAX 1000 // a dead worker is found after one and a half of them
#define FAREWELL_MS 2000      // how long workers get to say BYE

// What each kind of line is called when some were left out.
static const char *const LINES[NJ_LINE_COUNT] = {
    [NJ_LINE_JOIN] = "joining workers",     [NJ_LINE_GONE] = "leaving workers",
    [NJ_LINE_MESSAGE] = "refused messages", [NJ_LINE_FAILURE] = "failed leases",
    [NJ_LINE_LOSS] = "lost leases",         [NJ_LINE_SPLIT] = "split shards",
    [NJ_LINE_SECOND] = "second tries",      [NJ_LINE_BENCH] = "benched workers",
};

uint32_t nj_exchange_heartbeat_ms(uint32_t lease_ms)
{
    const uint32_t interval_ms = lease_ms / HEARTBEATS_A_LEASE;
    return interval_ms < HEARTBEAT_MS_MAX ? interval_ms : HEARTBEAT_MS_MAX;
}

nj_roster_config nj_exchange_roster(uint32_t lease_ms)
{
    return (nj_roster_config){.worker_max = NJ_EXCHANGE_WORKERS_MAX,
                              .silence_ms = lease_ms,
                              .lease_ms = lease_ms,
                              .probe_ms = nj_exchange_heartbeat_ms(lease_ms) * 3 / 2,
                              .bench_ms = NJ_EXCHANGE_BENCH_MS,
                              .bench_max_ms = NJ_EXCHANGE_BENCH_MS_MAX};
}

void nj_exchange_init(nj_exchange *x, const nj_exchange_work *work)
{
    *x = (nj_exchange){.work = *work};
    nj_buffer_init(&x->lease_bytes, NJ_WIRE_BLOB_BYTES_MAX);
}

nj_status nj_exchange_open(nj_exchange *x, const nj_dispatch_config *config, nj_error *err)
{
    nj_dispatch *dispatch = malloc(sizeof *dispatch);
    if (dispatch == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the ledger of %u shards",
                       config->ledger.shard_count);
    }
    nj_status status = nj_dispatch_init(dispatch, config, err);
    if (status != NJ_OK) {
        free(dispatch);
        return status;
    }
    x->dispatch = dispatch;
    return NJ_OK;
}

void nj_exchange_close(nj_exchange *x, int linger_ms)
{
    for (int i = 0; i < NJ_LINE_COUNT; i++) {
        nj_log_gate_tell(&x->gates[i], LINES[i], UINT64_MAX);
    }
    nj_router_close(&x->router, linger_ms);
    if (x->dispatch != NULL) {
        nj_dispatch_fini(x->dispatch);
        free(x->dispatch);
        x->dispatch = NULL;
    }
    nj_buffer_fini(&x->lease_bytes);
}

bool nj_exchange_may_say(nj_exchange *x, nj_line line)
{
    return nj_log_gate_pass(&x->gates[line], LINES[line], nj_clock_mono_ns());
}

const char *nj_exchange_worker_name(const nj_exchange *x, nj_worker_id id)
{
    return nj_roster_name(&x->dispatch->roster, id);
}

nj_piece_name nj_exchange_piece_name(const nj_exchange *x, const nj_dispatch_effect *effect)
{
    const nj_piece_range range = nj_ledger_piece(&x->dispatch->ledger, effect->lease.shard);
    return x->work.name_piece(x->work.context, &range);
}

// ---- what is sent ----

static void send_to(nj_exchange *x, const nj_dispatch_effect *effect, const nj_message *message)
{
    nj_error err = {0};
    if (message->kind == NJ_MESSAGE_REFUSED && message->refused.status == NJ_CONFIG &&
        nj_exchange_may_say(x, NJ_LINE_MESSAGE)) {
        nj_log(NJ_LOG_WARNING, "a worker is not taken: %.*s", NJ_SLICE_ARGS(message->refused.text));
    }
    nj_status status = nj_router_send_message(x->router, &effect->peer, message, &err);
    if (status != NJ_OK && effect->worker != 0) {
        nj_dispatch_unreachable(x->dispatch, effect->worker, nj_clock_mono_ns());
    }
}

static void tell_join(nj_exchange *x, const nj_dispatch_effect *effect)
{
    x->counts.workers_joined++;
    if (x->dispatch->roster.count > x->counts.workers_most) {
        x->counts.workers_most = x->dispatch->roster.count;
    }
    if (nj_exchange_may_say(x, NJ_LINE_JOIN)) {
        const char *worker = nj_exchange_worker_name(x, effect->worker);
        nj_log_event(NJ_EVENT_WORKER_JOINED,
                     NJ_FIELDS(nj_log_text("worker", worker),
                               nj_log_uint("workers", x->dispatch->roster.count)),
                     "%s joins, %u workers", worker, x->dispatch->roster.count);
    }
}

static void send_welcome(nj_exchange *x, const nj_dispatch_effect *effect)
{
    const nj_sections *sections = x->sections;
    nj_message message = {.kind = NJ_MESSAGE_WELCOME};
    nj_message_welcome *welcome = &message.welcome;
    NJ_FAILPOINT_HIT(WELCOME_DUE);
    welcome->run_id = nj_slice_from(x->run_id);
    welcome->epoch = x->dispatch->config.epoch;
    welcome->plan = x->plan;
    welcome->numeric_class = nj_slice_from(x->dispatch->config.numeric_class);
    welcome->settings = x->settings;
    welcome->heartbeat_ms = nj_exchange_heartbeat_ms(x->lease_ms);
    welcome->lease_ms = x->lease_ms;
    welcome->sections_count = (uint32_t)sections->count;
    for (size_t i = 0; i < sections->count; i++) {
        welcome->sections[i] =
            (nj_wire_section){nj_slice_from(sections->sections[i].name), sections->sections[i].size,
                              sections->sections[i].digest};
    }
    welcome->follows = effect->status == NJ_AGAIN;
    send_to(x, effect, &message);
    if (welcome->follows == 0) {
        tell_join(x, effect);
    }
}

static void send_lease(nj_exchange *x, const nj_dispatch_effect *effect)
{
    const nj_piece_range range = nj_ledger_piece(&x->dispatch->ledger, effect->lease.shard);
    nj_message message = {.kind = NJ_MESSAGE_LEASE,
                          .lease = {.shard = effect->lease.shard,
                                    .attempt = effect->lease.attempt,
                                    .epoch = x->dispatch->config.epoch}};
    nj_buffer_clear(&x->lease_bytes);
    nj_status status = x->work.pack_lease(x->work.context, &range, &message.lease, &x->lease_bytes);
    if (status != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "shard %u cannot be packed: %s", range.shard,
               nj_status_sentence(status));
        nj_dispatch_unreachable(x->dispatch, effect->worker, nj_clock_mono_ns());
        return;
    }
    message.lease.users = nj_buffer_slice(&x->lease_bytes);
    x->counts.later_leases += effect->lease.attempt > 1;
    send_to(x, effect, &message);
    NJ_FAILPOINT_HIT(LEASE_SENT);
}

static void send_chunk(nj_exchange *x, const nj_dispatch_effect *effect)
{
    const nj_message_fetch *fetch = &effect->message.fetch;
    const nj_sections *sections = x->sections;
    for (size_t i = 0; i < sections->count; i++) {
        const nj_section *section = &sections->sections[i];
        if (section->bytes == NULL || !nj_digest_equal(&section->digest, &fetch->section) ||
            fetch->offset > section->size || fetch->length > section->size - fetch->offset) {
            continue;
        }
        nj_message message = {
            .kind = NJ_MESSAGE_CHUNK,
            .chunk = {.section = fetch->section,
                      .offset = fetch->offset,
                      .bytes = {(const char *)section->bytes + fetch->offset, fetch->length}}};
        send_to(x, effect, &message);
        return;
    }
    if (x->plans_follow) {
        return;
    }
    nj_error err = {0};
    nj_fail(&err, NJ_PROTOCOL, "FETCH: no such bytes in the bundle");
    nj_dispatch_broken(x->dispatch, &effect->peer, &err, nj_clock_mono_ns());
}

// ---- what people are told ----

// The fields of an event about a lease.
static nj_log_field piece_field(const nj_dispatch_effect *effect)
{
    return nj_log_uint("piece", effect->lease.shard);
}

static nj_log_field shard_field(const nj_exchange *x, const nj_dispatch_effect *effect)
{
    return nj_log_uint("shard", nj_ledger_piece(&x->dispatch->ledger, effect->lease.shard).shard);
}

static nj_log_field attempt_field(const nj_dispatch_effect *effect)
{
    return nj_log_uint("attempt", effect->lease.attempt);
}

static nj_log_field worker_field(const nj_exchange *x, const nj_dispatch_effect *effect)
{
    return nj_log_text("worker", nj_exchange_worker_name(x, effect->worker));
}

static nj_log_field status_field(const nj_dispatch_effect *effect)
{
    return nj_log_text("status", nj_status_name(effect->status));
}

static void tell_failure(nj_exchange *x, const nj_dispatch_effect *effect)
{
    if (nj_exchange_may_say(x, NJ_LINE_FAILURE)) {
        nj_log_event(NJ_EVENT_SHARD_FAILED,
                     NJ_FIELDS(piece_field(effect), shard_field(x, effect), attempt_field(effect),
                               worker_field(x, effect), status_field(effect)),
                     "%s failed %s: %.*s (%s)", nj_exchange_worker_name(x, effect->worker),
                     nj_exchange_piece_name(x, effect).text, NJ_SLICE_ARGS(effect->text),
                     nj_status_name(effect->status));
    }
}

static void tell_loss(nj_exchange *x, const nj_dispatch_effect *effect)
{
    if (nj_exchange_may_say(x, NJ_LINE_LOSS)) {
        nj_log_event(NJ_EVENT_LEASE_LOST,
                     NJ_FIELDS(piece_field(effect), shard_field(x, effect), attempt_field(effect),
                               worker_field(x, effect)),
                     "the lease of %s is lost with %s: it goes to another worker",
                     nj_exchange_piece_name(x, effect).text,
                     nj_exchange_worker_name(x, effect->worker));
    }
}

static void tell_of_worker(nj_exchange *x, const nj_dispatch_effect *effect)
{
    const char *name = nj_exchange_worker_name(x, effect->worker);
    const bool said_bye = effect->status == NJ_OK;
    if (effect->kind == NJ_DISPATCH_WORKER_GONE) {
        x->counts.workers_vanished += !said_bye;
        if (nj_exchange_may_say(x, NJ_LINE_GONE)) {
            nj_log_event(said_bye ? NJ_EVENT_WORKER_LEFT : NJ_EVENT_WORKER_VANISHED,
                         NJ_FIELDS(worker_field(x, effect),
                                   nj_log_uint("workers", x->dispatch->roster.count)),
                         "%s %s, %u workers", name, said_bye ? "leaves" : "has vanished",
                         x->dispatch->roster.count);
        }
    } else if (!nj_exchange_may_say(x, NJ_LINE_BENCH)) {
        return;
    } else if (effect->kind == NJ_DISPATCH_WORKER_BENCHED) {
        nj_log_event(NJ_EVENT_WORKER_BENCHED,
                     NJ_FIELDS(worker_field(x, effect), nj_log_uint("bench_ms", effect->wait_ms)),
                     "%s failed different shards and gets none for %u s", name,
                     effect->wait_ms / 1000);
    } else {
        nj_log_event(NJ_EVENT_WORKER_RETURNED, NJ_FIELDS(worker_field(x, effect)),
                     "%s may try again", name);
    }
}

static void tell_second(nj_exchange *x, const nj_dispatch_effect *effect)
{
    if (nj_exchange_may_say(x, NJ_LINE_SECOND)) {
        nj_log_event(
            NJ_EVENT_SPECULATION,
            NJ_FIELDS(piece_field(effect), shard_field(x, effect), worker_field(x, effect)),
            "%s is slow: %s tries it too", nj_exchange_piece_name(x, effect).text,
            nj_exchange_worker_name(x, effect->worker));
    }
}

// ---- drawing ----

static void perform(nj_exchange *x, const nj_dispatch_effect *effect)
{
    if (x->work.observe != NULL) {
        x->work.observe(x->work.context, effect);
    }
    switch (effect->kind) {
    case NJ_DISPATCH_SEND:
        send_to(x, effect, &effect->message);
        break;
    case NJ_DISPATCH_SEND_WELCOME:
        send_welcome(x, effect);
        break;
    case NJ_DISPATCH_SEND_LEASE:
        send_lease(x, effect);
        break;
    case NJ_DISPATCH_SEND_CHUNK:
        send_chunk(x, effect);
        break;
    case NJ_DISPATCH_FAILURE:
        tell_failure(x, effect);
        break;
    case NJ_DISPATCH_LOSS:
        tell_loss(x, effect);
        break;
    case NJ_DISPATCH_SPECULATED:
        tell_second(x, effect);
        break;
    case NJ_DISPATCH_WORKER_GONE:
    case NJ_DISPATCH_WORKER_BENCHED:
    case NJ_DISPATCH_WORKER_UNBENCHED:
        tell_of_worker(x, effect);
        break;
    case NJ_DISPATCH_WRITE_ROWS:
    case NJ_DISPATCH_AUDIT_ROWS:
    case NJ_DISPATCH_QUARANTINE:
    case NJ_DISPATCH_SPLIT:
    case NJ_DISPATCH_AUDIT_FAILED:
    case NJ_DISPATCH_ALARM:
        x->work.perform(x->work.context, effect);
        break;
    }
}

void nj_exchange_perform(nj_exchange *x)
{
    nj_dispatch_effect effect;
    while (nj_dispatch_next(x->dispatch, nj_clock_mono_ns(), &effect)) {
        perform(x, &effect);
    }
}

// ---- messages ----

static void refuse_message(nj_exchange *x, const nj_received *received, const nj_error *why)
{
    x->counts.messages_refused++;
    if (nj_exchange_may_say(x, NJ_LINE_MESSAGE)) {
        const char *peer = received->address[0] != '\0' ? received->address : "a closed connection";
        nj_log_event(NJ_EVENT_MESSAGE_REFUSED,
                     NJ_FIELDS(nj_log_text("peer", peer),
                               nj_log_text("status", nj_status_name(why->status))),
                     "message from %s refused: %s", peer, why->text);
    }
    nj_dispatch_broken(x->dispatch, &received->peer, why, nj_clock_mono_ns());
}

static void take_message(nj_exchange *x, const nj_received *received)
{
    nj_message message;
    nj_error why = {0};
    x->counts.messages++;
    x->counts.received += received->bytes.size;
    if (nj_message_unpack(received->bytes, NJ_SIDE_WORKER, &message, &why) == NJ_OK) {
        x->result = message.kind == NJ_MESSAGE_RESULT ? &message.result : NULL;
        if (x->result != NULL) {
            NJ_FAILPOINT_HIT(RESULT_RECEIVED);
        }
        if (x->work.hear != NULL) {
            x->work.hear(x->work.context, &received->peer, &message);
        }
        nj_dispatch_message(x->dispatch, &received->peer, &message, nj_clock_mono_ns());
    } else {
        refuse_message(x, received, &why);
    }
    nj_exchange_perform(x);
    x->result = NULL;
}

nj_status nj_exchange_receive(nj_exchange *x, nj_error *err)
{
    for (int i = 0; i < NJ_EXCHANGE_MESSAGES_MAX; i++) {
        nj_received received;
        nj_status status = nj_router_receive(x->router, &received, err);
        if (status != NJ_OK) {
            return status == NJ_AGAIN ? NJ_OK : status;
        }
        take_message(x, &received);
        status = x->work.relieve(x->work.context, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    return NJ_OK;
}

void nj_exchange_farewell(nj_exchange *x, nj_drain_reason reason)
{
    nj_error err = {0};
    nj_poller poller = {0};
    nj_poller_add_router(&poller, x->router);
    const uint64_t end_ns = nj_clock_mono_ns() + FAREWELL_MS * 1000000ull;
    nj_dispatch_drain(x->dispatch, reason);
    nj_exchange_perform(x);
    while (x->dispatch->roster.count > 0 && nj_clock_mono_ns() < end_ns) {
        if (nj_poller_wait(&poller, NJ_EXCHANGE_TICK_MS, &err) != NJ_OK ||
            nj_exchange_receive(x, &err) != NJ_OK ||
            x->work.settle(x->work.context, &err) != NJ_OK) {
            return;
        }
    }
}
