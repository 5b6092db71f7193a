#include "coordinator/daemon/effects.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/codec/shard.h"
#include "coordinator/daemon/audit.h"

#define HEARTBEATS_A_LEASE 5  // one may be late without the lease running out
#define HEARTBEAT_MS_MAX 1000 // a dead worker is found after one and a half of them

// What each kind of line is called when some were left out.
static const char *const LINES[NJ_LINE_COUNT] = {
    [NJ_LINE_JOIN] = "joining workers",     [NJ_LINE_GONE] = "leaving workers",
    [NJ_LINE_MESSAGE] = "refused messages", [NJ_LINE_FAILURE] = "failed leases",
    [NJ_LINE_LOSS] = "lost leases",         [NJ_LINE_SPLIT] = "split shards",
    [NJ_LINE_SECOND] = "second tries",      [NJ_LINE_BENCH] = "benched workers",
};

uint32_t nj_night_heartbeat_ms(const nj_night_options *options)
{
    const uint32_t interval_ms = options->lease_ms / HEARTBEATS_A_LEASE;
    return interval_ms < HEARTBEAT_MS_MAX ? interval_ms : HEARTBEAT_MS_MAX;
}

static const char *worker_name(const nj_night *n, nj_worker_id id)
{
    return nj_roster_name(&n->dispatch->roster, id);
}

static void send_to(nj_night *n, const nj_dispatch_effect *effect, const nj_message *message)
{
    nj_error err = {0};
    if (message->kind == NJ_MESSAGE_REFUSED && message->refused.status == NJ_CONFIG &&
        nj_night_may_say(n, NJ_LINE_MESSAGE)) {
        nj_log(NJ_LOG_WARNING, "a worker is not taken: %.*s", NJ_SLICE_ARGS(message->refused.text));
    }
    nj_status status = nj_router_send_message(n->router, &effect->peer, message, &err);
    if (status != NJ_OK && effect->worker != 0) {
        nj_dispatch_unreachable(n->dispatch, effect->worker, nj_clock_mono_ns());
    }
}

static void send_welcome(nj_night *n, const nj_dispatch_effect *effect)
{
    const nj_sections *sections = &n->job->sections;
    nj_message message = {.kind = NJ_MESSAGE_WELCOME};
    nj_message_welcome *welcome = &message.welcome;
    NJ_FAILPOINT_HIT(WELCOME_DUE);
    welcome->run_id = nj_slice_from(n->run_id);
    welcome->epoch = nj_staging_epoch(n->stage.staging);
    welcome->plan = n->plan.digest;
    welcome->numeric_class = nj_slice_from(n->options->numeric_class);
    welcome->settings = nj_buffer_slice(&n->settings_bytes);
    welcome->heartbeat_ms = nj_night_heartbeat_ms(n->options);
    welcome->lease_ms = n->options->lease_ms;
    welcome->sections_count = (uint32_t)sections->count;
    for (size_t i = 0; i < sections->count; i++) {
        welcome->sections[i] =
            (nj_wire_section){nj_slice_from(sections->sections[i].name), sections->sections[i].size,
                              sections->sections[i].digest};
    }
    send_to(n, effect, &message);
    n->metrics.workers_joined++;
    if (nj_night_may_say(n, NJ_LINE_JOIN)) {
        const char *worker = worker_name(n, effect->worker);
        nj_log_event(NJ_EVENT_WORKER_JOINED,
                     NJ_FIELDS(nj_log_text("worker", worker),
                               nj_log_uint("workers", n->dispatch->roster.count)),
                     "%s joins, %u workers", worker, n->dispatch->roster.count);
    }
}

static void send_lease(nj_night *n, const nj_dispatch_effect *effect)
{
    const nj_piece_range range = nj_ledger_piece(&n->dispatch->ledger, effect->lease.shard);
    nj_buffer_clear(&n->users_bytes);
    for (uint32_t i = 0; i < range.count; i++) {
        n->requests[i] = nj_plan_request(&n->plan, range.shard, range.first + i);
    }
    nj_status status = nj_users_pack(n->requests, range.count, &n->users_bytes);
    if (status != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "shard %u cannot be packed: %s", range.shard,
               nj_status_sentence(status));
        nj_dispatch_unreachable(n->dispatch, effect->worker, nj_clock_mono_ns());
        return;
    }
    n->later_leases += effect->lease.attempt > 1;
    nj_message message = {.kind = NJ_MESSAGE_LEASE,
                          .lease = {.shard = effect->lease.shard,
                                    .attempt = effect->lease.attempt,
                                    .epoch = nj_staging_epoch(n->stage.staging),
                                    .user_count = range.count,
                                    .users = nj_buffer_slice(&n->users_bytes),
                                    .afresh = range.audit}};
    send_to(n, effect, &message);
    NJ_FAILPOINT_HIT(LEASE_SENT);
}

static void send_chunk(nj_night *n, const nj_dispatch_effect *effect)
{
    const nj_message_fetch *fetch = &effect->message.fetch;
    const nj_sections *sections = &n->job->sections;
    for (size_t i = 0; i < sections->count; i++) {
        const nj_section *section = &sections->sections[i];
        if (!nj_digest_equal(&section->digest, &fetch->section) || fetch->offset > section->size ||
            fetch->length > section->size - fetch->offset) {
            continue;
        }
        nj_message message = {
            .kind = NJ_MESSAGE_CHUNK,
            .chunk = {.section = fetch->section,
                      .offset = fetch->offset,
                      .bytes = {(const char *)section->bytes + fetch->offset, fetch->length}}};
        send_to(n, effect, &message);
        return;
    }
    nj_error err = {0};
    nj_fail(&err, NJ_PROTOCOL, "FETCH: no such bytes in the bundle");
    nj_dispatch_broken(n->dispatch, &effect->peer, &err, nj_clock_mono_ns());
}

// ---- rows ----

static void report_stored(nj_night *n, uint32_t index, bool stored)
{
    nj_status status = nj_dispatch_stored(n->dispatch, index, stored, nj_clock_mono_ns());
    if (status != NJ_OK) {
        n->broken = nj_fail(&n->broken_err, status, "piece %u was not being written", index);
    }
}

// While the store cannot be written the stage stays full: the worker keeps the rows and sends them again.
static void store_rows(nj_night *n, const nj_dispatch_effect *effect)
{
    nj_error err = {0};
    const nj_piece_range range = nj_ledger_piece(&n->dispatch->ledger, effect->lease.shard);
    if (nj_stage_is_full(&n->stage)) {
        report_stored(n, effect->lease.shard, false);
        return;
    }
    nj_histogram_observe(&n->metrics.shard_duration,
                         nj_clock_mono_ns() -
                             n->dispatch->ledger.pieces[effect->lease.shard].since_ns);
    nj_status status = nj_stage_add(&n->stage, &range, n->result, n->check.rows,
                                    worker_name(n, effect->worker), &err);
    if (status != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "%s", err.text);
        report_stored(n, effect->lease.shard, false);
    }
}

static void audit_rows(nj_night *n, const nj_dispatch_effect *effect)
{
    nj_error err = {0};
    uint32_t differs = 0;
    const nj_piece_range range = nj_ledger_piece(&n->dispatch->ledger, effect->lease.shard);
    nj_status status =
        nj_audit_compare(n->stage.staging, &n->plan, &range, n->check.rows, &differs, &err);
    if (status != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "the audit of shard %u: %s", range.shard, err.text);
        report_stored(n, effect->lease.shard, false);
        return;
    }
    if (differs == range.count) {
        n->summary.audited += range.count;
        report_stored(n, effect->lease.shard, true);
        return;
    }
    nj_request user = nj_plan_request(&n->plan, range.shard, range.first + differs);
    nj_log_event(NJ_EVENT_DIVERGENCE,
                 NJ_FIELDS(nj_log_uint("piece", effect->lease.shard),
                           nj_log_uint("shard", range.shard),
                           nj_log_text("worker", worker_name(n, effect->worker)),
                           nj_log_slice("user", user.user)),
                 "audit: %s decoded user \"%.*s\" to another list than the one that is stored",
                 worker_name(n, effect->worker), NJ_SLICE_ARGS(user.user));
    status = nj_dispatch_audit_differs(n->dispatch, effect->lease.shard, nj_clock_mono_ns());
    if (status != NJ_OK) {
        n->broken = nj_fail(&n->broken_err, status, "the audit of shard %u had ended", range.shard);
    }
}

nj_status nj_night_begin_audit(nj_night *n, nj_error *err)
{
    nj_piece_range ranges[NJ_AUDIT_RANGES_MAX];
    const size_t count = nj_audit_choose(&n->plan, n->options->audit_users, ranges);
    nj_status status = NJ_OK;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = nj_audit_trim(n->stage.staging, &n->plan, &ranges[i], err);
        if (status == NJ_OK && ranges[i].count > 0) {
            status = nj_dispatch_audit(n->dispatch, ranges[i].shard, ranges[i].first,
                                       ranges[i].count, nj_clock_mono_ns());
            if (status == NJ_END) { // a night of so many pieces has enough of them already
                return NJ_OK;
            }
            if (status != NJ_OK) {
                nj_fail(err, status, "shard %u: users %u to %u cannot be audited", ranges[i].shard,
                        ranges[i].first, ranges[i].first + ranges[i].count - 1);
            }
        }
    }
    return status;
}

// ---- what people are told ----

bool nj_night_may_say(nj_night *n, nj_line line)
{
    return nj_log_gate_pass(&n->gates[line], LINES[line], nj_clock_mono_ns());
}

void nj_night_tell_kept(nj_night *n)
{
    for (int i = 0; i < NJ_LINE_COUNT; i++) {
        nj_log_gate_tell(&n->gates[i], LINES[i], UINT64_MAX);
    }
}

typedef struct {
    char text[80];
} piece_name;

// "shard 7", or "users 4 to 7 of shard 7", counted from 0.
static piece_name name_piece(const nj_night *n, uint32_t index)
{
    piece_name name;
    const nj_piece_range range = nj_ledger_piece(&n->dispatch->ledger, index);
    if (range.count == nj_plan_shard_users(&n->plan, range.shard)) {
        snprintf(name.text, sizeof name.text, "shard %u", range.shard);
    } else if (range.count == 1) {
        snprintf(name.text, sizeof name.text, "user %u of shard %u", range.first, range.shard);
    } else {
        snprintf(name.text, sizeof name.text, "users %u to %u of shard %u", range.first,
                 range.first + range.count - 1, range.shard);
    }
    return name;
}

// The fields of an event about a lease.
static nj_log_field piece_field(const nj_dispatch_effect *effect)
{
    return nj_log_uint("piece", effect->lease.shard);
}

static nj_log_field shard_field(const nj_night *n, const nj_dispatch_effect *effect)
{
    return nj_log_uint("shard", nj_ledger_piece(&n->dispatch->ledger, effect->lease.shard).shard);
}

static nj_log_field attempt_field(const nj_dispatch_effect *effect)
{
    return nj_log_uint("attempt", effect->lease.attempt);
}

static nj_log_field worker_field(const nj_night *n, const nj_dispatch_effect *effect)
{
    return nj_log_text("worker", worker_name(n, effect->worker));
}

static nj_log_field status_field(const nj_dispatch_effect *effect)
{
    return nj_log_text("status", nj_status_name(effect->status));
}

static void tell_failure(nj_night *n, const nj_dispatch_effect *effect)
{
    if (nj_night_may_say(n, NJ_LINE_FAILURE)) {
        nj_log_event(NJ_EVENT_SHARD_FAILED,
                     NJ_FIELDS(piece_field(effect), shard_field(n, effect), attempt_field(effect),
                               worker_field(n, effect), status_field(effect)),
                     "%s failed %s: %.*s (%s)", worker_name(n, effect->worker),
                     name_piece(n, effect->lease.shard).text, NJ_SLICE_ARGS(effect->text),
                     nj_status_name(effect->status));
    }
}

static void tell_loss(nj_night *n, const nj_dispatch_effect *effect)
{
    if (nj_night_may_say(n, NJ_LINE_LOSS)) {
        nj_log_event(NJ_EVENT_LEASE_LOST,
                     NJ_FIELDS(piece_field(effect), shard_field(n, effect), attempt_field(effect),
                               worker_field(n, effect)),
                     "%s is lost with %s: it goes to another worker",
                     name_piece(n, effect->lease.shard).text, worker_name(n, effect->worker));
    }
}

static void tell_split(nj_night *n, const nj_dispatch_effect *effect)
{
    const nj_piece_range range = nj_ledger_piece(&n->dispatch->ledger, effect->lease.shard);
    nj_fail(&n->trouble, effect->status, "%s: %.*s", worker_name(n, effect->worker),
            NJ_SLICE_ARGS(effect->text));
    if (nj_night_may_say(n, NJ_LINE_SPLIT)) {
        nj_log_event(NJ_EVENT_SHARD_SPLIT,
                     NJ_FIELDS(piece_field(effect), shard_field(n, effect),
                               nj_log_uint("first", range.first),
                               nj_log_uint("count", range.count)),
                     "%s has no tries left and is tried in halves: %s",
                     name_piece(n, effect->lease.shard).text, n->trouble.text);
    }
}

static void quarantine(nj_night *n, const nj_dispatch_effect *effect)
{
    nj_error err = {0};
    const nj_piece_range range = nj_ledger_piece(&n->dispatch->ledger, effect->lease.shard);
    const char *worker = worker_name(n, effect->worker);
    char note[NJ_STAGE_NOTE_BYTES];
    nj_ledger_text_set(note, sizeof note, effect->text);
    nj_status status =
        nj_stage_give_up(&n->stage, &range, effect->lease.attempt, worker, note, &err);
    if (status != NJ_OK) {
        n->broken = status;
        n->broken_err = err;
    }
    for (uint32_t i = 0; i < range.count; i++) {
        nj_request request = nj_plan_request(&n->plan, range.shard, range.first + i);
        nj_log_event(NJ_EVENT_USER_QUARANTINED,
                     NJ_FIELDS(nj_log_slice("user", request.user), piece_field(effect),
                               shard_field(n, effect), worker_field(n, effect),
                               attempt_field(effect), status_field(effect)),
                     "user \"%.*s\" is quarantined after %u tries, the last one by %s: %s",
                     NJ_SLICE_ARGS(request.user), effect->lease.attempt, worker, note);
    }
}

void nj_night_note_divergence(nj_night *n)
{
    nj_error err = {0};
    if (!n->diverged && nj_staging_diverged_set(n->stage.staging, &err) != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "the disagreement is known to this process only: %s", err.text);
    }
    n->diverged = true;
}

static void tell_alarm(nj_night *n, const nj_dispatch_effect *effect)
{
    nj_night_note_divergence(n);
    nj_log_event(
        NJ_EVENT_DIVERGENCE,
        NJ_FIELDS(piece_field(effect), shard_field(n, effect), worker_field(n, effect)),
        "%s gave other rows for %s than those that are stored: one of two workers computes wrongly",
        worker_name(n, effect->worker), name_piece(n, effect->lease.shard).text);
}

static void tell_of_worker(nj_night *n, const nj_dispatch_effect *effect)
{
    const char *name = worker_name(n, effect->worker);
    const bool said_bye = effect->status == NJ_OK;
    if (effect->kind == NJ_DISPATCH_WORKER_GONE) {
        n->metrics.workers_vanished += !said_bye;
        if (nj_night_may_say(n, NJ_LINE_GONE)) {
            nj_log_event(said_bye ? NJ_EVENT_WORKER_LEFT : NJ_EVENT_WORKER_VANISHED,
                         NJ_FIELDS(worker_field(n, effect),
                                   nj_log_uint("workers", n->dispatch->roster.count)),
                         "%s %s, %u workers", name, said_bye ? "leaves" : "has vanished",
                         n->dispatch->roster.count);
        }
    } else if (!nj_night_may_say(n, NJ_LINE_BENCH)) {
        return;
    } else if (effect->kind == NJ_DISPATCH_WORKER_BENCHED) {
        nj_log_event(NJ_EVENT_WORKER_BENCHED,
                     NJ_FIELDS(worker_field(n, effect), nj_log_uint("bench_ms", effect->wait_ms)),
                     "%s failed different shards and gets none for %u s", name,
                     effect->wait_ms / 1000);
    } else {
        nj_log_event(NJ_EVENT_WORKER_RETURNED, NJ_FIELDS(worker_field(n, effect)),
                     "%s may try again", name);
    }
}

static void tell_second(nj_night *n, const nj_dispatch_effect *effect)
{
    if (nj_night_may_say(n, NJ_LINE_SECOND)) {
        nj_log_event(
            NJ_EVENT_SPECULATION,
            NJ_FIELDS(piece_field(effect), shard_field(n, effect), worker_field(n, effect)),
            "%s is slow: %s tries it too", name_piece(n, effect->lease.shard).text,
            worker_name(n, effect->worker));
    }
}

static void note_failed_audit(nj_night *n, const nj_dispatch_effect *effect)
{
    n->audit_failed = true;
    nj_fail(&n->trouble, effect->status, "%s, %s: %.*s", name_piece(n, effect->lease.shard).text,
            worker_name(n, effect->worker), NJ_SLICE_ARGS(effect->text));
    nj_log_event(NJ_EVENT_AUDIT_FAILED,
                 NJ_FIELDS(piece_field(effect), shard_field(n, effect), worker_field(n, effect),
                           status_field(effect)),
                 "audit: no tries are left for %s", n->trouble.text);
}

// ---- drawing ----

static void perform(nj_night *n, const nj_dispatch_effect *effect)
{
    switch (effect->kind) {
    case NJ_DISPATCH_SEND:
        send_to(n, effect, &effect->message);
        break;
    case NJ_DISPATCH_SEND_WELCOME:
        send_welcome(n, effect);
        break;
    case NJ_DISPATCH_SEND_LEASE:
        send_lease(n, effect);
        break;
    case NJ_DISPATCH_SEND_CHUNK:
        send_chunk(n, effect);
        break;
    case NJ_DISPATCH_WRITE_ROWS:
        store_rows(n, effect);
        break;
    case NJ_DISPATCH_AUDIT_ROWS:
        audit_rows(n, effect);
        break;
    case NJ_DISPATCH_QUARANTINE:
        quarantine(n, effect);
        break;
    case NJ_DISPATCH_FAILURE:
        tell_failure(n, effect);
        break;
    case NJ_DISPATCH_LOSS:
        tell_loss(n, effect);
        break;
    case NJ_DISPATCH_SPLIT:
        tell_split(n, effect);
        break;
    case NJ_DISPATCH_AUDIT_FAILED:
        note_failed_audit(n, effect);
        break;
    case NJ_DISPATCH_SPECULATED:
        tell_second(n, effect);
        break;
    case NJ_DISPATCH_ALARM:
        tell_alarm(n, effect);
        break;
    case NJ_DISPATCH_WORKER_GONE:
    case NJ_DISPATCH_WORKER_BENCHED:
    case NJ_DISPATCH_WORKER_UNBENCHED:
        tell_of_worker(n, effect);
        break;
    }
}

void nj_night_perform(nj_night *n)
{
    nj_dispatch_effect effect;
    while (nj_dispatch_next(n->dispatch, nj_clock_mono_ns(), &effect)) {
        perform(n, &effect);
    }
}

uint64_t nj_night_users_done(const nj_night *n)
{
    const nj_ledger_counts *counts = &n->dispatch->ledger.counts;
    return counts->committed_users + counts->quarantined_users;
}
