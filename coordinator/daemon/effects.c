#include "coordinator/daemon/effects.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/codec/shard.h"
#include "coordinator/daemon/audit.h"

static const char *worker_name(const nj_night *n, nj_worker_id id)
{
    return nj_exchange_worker_name(&n->exchange, id);
}

static nj_status pack_lease(void *context, const nj_piece_range *range, nj_message_lease *lease,
                            nj_buffer *out)
{
    nj_night *n = context;
    for (uint32_t i = 0; i < range->count; i++) {
        n->requests[i] = nj_plan_request(&n->plan, range->shard, range->first + i);
    }
    lease->user_count = range->count;
    lease->afresh = range->audit;
    return nj_users_pack(n->requests, range->count, out);
}

// ---- rows ----

static void report_stored(nj_night *n, uint32_t index, bool stored)
{
    nj_status status = nj_dispatch_stored(n->exchange.dispatch, index, stored, nj_clock_mono_ns());
    if (status != NJ_OK) {
        n->broken = nj_fail(&n->broken_err, status, "piece %u was not being written", index);
    }
}

// While the store cannot be written the stage stays full: the worker keeps the rows and sends them again.
static void store_rows(nj_night *n, const nj_dispatch_effect *effect)
{
    nj_error err = {0};
    const nj_piece_range range =
        nj_ledger_piece(&n->exchange.dispatch->ledger, effect->lease.shard);
    if (nj_stage_is_full(&n->stage)) {
        report_stored(n, effect->lease.shard, false);
        return;
    }
    nj_histogram_observe(&n->metrics.shard_duration,
                         nj_clock_mono_ns() -
                             n->exchange.dispatch->ledger.pieces[effect->lease.shard].since_ns);
    nj_status status = nj_stage_add(&n->stage, &range, n->exchange.result, n->check.rows,
                                    worker_name(n, effect->worker), &err);
    if (status != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "%s", err.text);
        report_stored(n, effect->lease.shard, false);
        return;
    }
    nj_record_rows(&n->record, &n->exchange, effect);
}

static void audit_rows(nj_night *n, const nj_dispatch_effect *effect)
{
    nj_error err = {0};
    uint32_t differs = 0;
    const nj_piece_range range =
        nj_ledger_piece(&n->exchange.dispatch->ledger, effect->lease.shard);
    nj_status status =
        nj_audit_compare(n->stage.staging, &n->plan, &range, n->check.rows, &differs, &err);
    if (status != NJ_OK) {
        nj_log(NJ_LOG_ERROR, "the audit of shard %u: %s", range.shard, err.text);
        report_stored(n, effect->lease.shard, false);
        return;
    }
    if (differs == range.count) {
        n->summary.audited += range.count;
        nj_record_rows(&n->record, &n->exchange, effect);
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
    status =
        nj_dispatch_audit_differs(n->exchange.dispatch, effect->lease.shard, nj_clock_mono_ns());
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
            status = nj_dispatch_audit(n->exchange.dispatch, ranges[i].shard, ranges[i].first,
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

// "shard 7", or "users 4 to 7 of shard 7", counted from 0.
static nj_piece_name name_piece(const void *context, const nj_piece_range *range)
{
    nj_piece_name name;
    const nj_night *n = context;
    if (range->count == nj_plan_shard_users(&n->plan, range->shard)) {
        snprintf(name.text, sizeof name.text, "shard %u", range->shard);
    } else if (range->count == 1) {
        snprintf(name.text, sizeof name.text, "user %u of shard %u", range->first, range->shard);
    } else {
        snprintf(name.text, sizeof name.text, "users %u to %u of shard %u", range->first,
                 range->first + range->count - 1, range->shard);
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
    return nj_log_uint("shard",
                       nj_ledger_piece(&n->exchange.dispatch->ledger, effect->lease.shard).shard);
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

static void tell_split(nj_night *n, const nj_dispatch_effect *effect)
{
    const nj_piece_range range =
        nj_ledger_piece(&n->exchange.dispatch->ledger, effect->lease.shard);
    nj_fail(&n->trouble, effect->status, "%s: %.*s", worker_name(n, effect->worker),
            NJ_SLICE_ARGS(effect->text));
    if (nj_exchange_may_say(&n->exchange, NJ_LINE_SPLIT)) {
        nj_log_event(NJ_EVENT_SHARD_SPLIT,
                     NJ_FIELDS(piece_field(effect), shard_field(n, effect),
                               nj_log_uint("first", range.first),
                               nj_log_uint("count", range.count)),
                     "%s has no tries left and is tried in halves: %s",
                     nj_exchange_piece_name(&n->exchange, effect).text, n->trouble.text);
    }
}

// No worker has tried users whom the deadline leaves without a row.
static void tell_quarantined(const nj_night *n, const nj_dispatch_effect *effect,
                             const nj_piece_range *range, const char *worker, const char *note)
{
    for (uint32_t i = 0; i < range->count; i++) {
        const nj_request request = nj_plan_request(&n->plan, range->shard, range->first + i);
        if (effect->lease.attempt == 0) {
            nj_log_event(NJ_EVENT_USER_QUARANTINED,
                         NJ_FIELDS(nj_log_slice("user", request.user), piece_field(effect),
                                   shard_field(n, effect), status_field(effect)),
                         "user \"%.*s\" is quarantined: %s", NJ_SLICE_ARGS(request.user), note);
            continue;
        }
        nj_log_event(NJ_EVENT_USER_QUARANTINED,
                     NJ_FIELDS(nj_log_slice("user", request.user), piece_field(effect),
                               shard_field(n, effect), worker_field(n, effect),
                               attempt_field(effect), status_field(effect)),
                     "user \"%.*s\" is quarantined after %u tries, the last one by %s: %s",
                     NJ_SLICE_ARGS(request.user), effect->lease.attempt, worker, note);
    }
}

static void quarantine(nj_night *n, const nj_dispatch_effect *effect)
{
    nj_error err = {0};
    const nj_piece_range range =
        nj_ledger_piece(&n->exchange.dispatch->ledger, effect->lease.shard);
    const char *worker = effect->lease.attempt > 0 ? worker_name(n, effect->worker) : "";
    char note[NJ_STAGE_NOTE_BYTES];
    nj_ledger_text_set(note, sizeof note, effect->text);
    nj_status status =
        nj_stage_give_up(&n->stage, &range, effect->lease.attempt, worker, note, &err);
    if (status != NJ_OK) {
        n->broken = status;
        n->broken_err = err;
    }
    tell_quarantined(n, effect, &range, worker, note);
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
        worker_name(n, effect->worker), nj_exchange_piece_name(&n->exchange, effect).text);
}

static void note_failed_audit(nj_night *n, const nj_dispatch_effect *effect)
{
    n->audit_failed = true;
    nj_fail(&n->trouble, effect->status, "%s, %s: %.*s",
            nj_exchange_piece_name(&n->exchange, effect).text, worker_name(n, effect->worker),
            NJ_SLICE_ARGS(effect->text));
    nj_log_event(NJ_EVENT_AUDIT_FAILED,
                 NJ_FIELDS(piece_field(effect), shard_field(n, effect), worker_field(n, effect),
                           status_field(effect)),
                 "audit: no tries are left for %s", n->trouble.text);
}

// ---- drawing ----

static void perform(void *context, const nj_dispatch_effect *effect)
{
    nj_night *n = context;
    switch (effect->kind) {
    case NJ_DISPATCH_WRITE_ROWS:
        store_rows(n, effect);
        break;
    case NJ_DISPATCH_AUDIT_ROWS:
        audit_rows(n, effect);
        break;
    case NJ_DISPATCH_QUARANTINE:
        quarantine(n, effect);
        break;
    case NJ_DISPATCH_SPLIT:
        tell_split(n, effect);
        break;
    case NJ_DISPATCH_AUDIT_FAILED:
        note_failed_audit(n, effect);
        break;
    case NJ_DISPATCH_ALARM:
        tell_alarm(n, effect);
        break;
    default: // the exchange's own
        break;
    }
}

static nj_status relieve(void *context, nj_error *err)
{
    nj_night *n = context;
    return nj_stage_is_full(&n->stage) ? nj_night_commit(n, err) : NJ_OK;
}

static nj_status settle(void *context, nj_error *err)
{
    return nj_night_commit(context, err);
}

static void observe(void *context, const nj_dispatch_effect *effect)
{
    nj_night *n = context;
    nj_record_effect(&n->record, &n->exchange, effect);
}

static void hear(void *context, const nj_peer *peer, const nj_message *message)
{
    nj_night *n = context;
    nj_record_message(&n->record, &n->exchange, peer, message);
}

nj_carry_rules nj_night_carry_rules(const nj_night *n)
{
    return (nj_carry_rules){.items = n->check.items,
                            .map = n->check.map,
                            .live = &n->check.live,
                            .masks = n->check.masks,
                            .top = n->job->settings.top,
                            .keep_history = n->job->settings.keep_history};
}

nj_exchange_work nj_night_work(nj_night *n)
{
    return (nj_exchange_work){n, pack_lease, name_piece, perform, relieve, settle, observe, hear};
}

uint64_t nj_night_users_done(const nj_night *n)
{
    const nj_ledger_counts *counts = &n->exchange.dispatch->ledger.counts;
    return counts->committed_users + counts->carried_users + counts->quarantined_users;
}
