#include "coordinator/daemon/night.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/base/notify.h"
#include "common/codec/shard.h"
#include "common/policy/policy_sections.h"
#include "coordinator/daemon/actual.h"
#include "coordinator/daemon/effects.h"
#include "coordinator/daemon/gate.h"
#include "coordinator/daemon/gates_before.h"
#include "coordinator/daemon/measure.h"
#include "coordinator/daemon/night_deadline.h"
#include "coordinator/daemon/stop.h"
#include "coordinator/daemon/summary.h"
#include "coordinator/daemon/tell_night.h"

#define LINGER_MS 500
#define PUBLISH_PATIENCE_MS 3600000 // of a service manager, while the store is packed; a guess
#define AUDIT_WAIT_MS 5000          // for a worker, when nobody is there to decode the sample

#define FAILED_SHARDS_LEAST 8

// ---- the loop ----

// What went wrong so far stands behind the progress, as far as something did.
static void show_progress(nj_night *n)
{
    const nj_ledger_counts *counts = &n->exchange.dispatch->ledger.counts;
    const struct {
        uint64_t count;
        const char *what;
    } troubles[] = {{counts->failures + counts->losses, "retries"},
                    {counts->quarantined_users, "quarantined"},
                    {counts->benches, "benched"}};
    char note[sizeof n->progress.note] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        if (troubles[i].count > 0) {
            used += (size_t)snprintf(note + used, sizeof note - used, "%s%" PRIu64 " %s",
                                     used > 0 ? ", " : "", troubles[i].count, troubles[i].what);
        }
    }
    nj_progress_note(&n->progress, "%s%s", note, n->pause.active ? " - PAUSED" : "");
    nj_progress_update(&n->progress, nj_night_users_done(n), nj_clock_mono_ns());
}

static nj_status call_tick(nj_night *n, nj_error *err)
{
    const nj_night_hooks *hooks = &n->options->hooks;
    const nj_ledger_counts *counts = &n->exchange.dispatch->ledger.counts;
    const nj_night_pulse pulse = {.progress = counts->states[NJ_PIECE_COMMITTED] + counts->splits +
                                              counts->quarantined_users,
                                  .paused = n->pause.active};
    return hooks->tick != NULL ? hooks->tick(hooks->context, &pulse, err) : NJ_OK;
}

static nj_status run_round(nj_night *n, nj_poller *poller, nj_error *err)
{
    nj_status status = nj_poller_wait(poller, NJ_EXCHANGE_TICK_MS, err);
    if (status == NJ_OK) {
        status = nj_exchange_receive(&n->exchange, err);
    }
    if (status == NJ_OK) {
        status = nj_night_commit(n, err);
    }
    if (status == NJ_OK) {
        if (n->options->watch != NULL) {
            nj_gate_tick(n->exchange.router, n->options->watch, nj_clock_mono_ns());
        }
        nj_dispatch_tick(n->exchange.dispatch, nj_clock_mono_ns());
        nj_exchange_perform(&n->exchange);
        show_progress(n);
        nj_measure_now_and_then(n, nj_clock_mono_ns());
        nj_record_tick(&n->record);
        status = call_tick(n, err);
        nj_notify_alive(nj_clock_mono_ns());
    }
    if (status == NJ_OK && n->broken != NJ_OK) {
        status = nj_fail(err, n->broken, "%s", n->broken_err.text);
    }
    return status;
}

nj_status nj_night_check_signal(nj_error *err)
{
    const int number = nj_stop_signal();
    if (number == 0) {
        return NJ_OK;
    }
    return nj_fail(err, number == SIGINT ? NJ_INTERRUPTED : NJ_TERMINATED,
                   "%s; committed shards are kept: go on with --resume",
                   number == SIGINT ? "interrupted" : "asked to end");
}

// Every user of the plan is committed, carried over or quarantined, and that is on disk.
static bool is_decoded(const nj_night *n)
{
    return nj_dispatch_finished(n->exchange.dispatch) && nj_stage_is_empty(&n->stage);
}

static nj_status fail_hopeless(const nj_night *n, nj_error *err)
{
    return nj_fail(err, NJ_FAILED,
                   "%u shards failed on several workers, the limit is %u: the bundle or the "
                   "machines are wrong, not single users. Last: %s. Committed users are kept: "
                   "mend it and go on with --resume, or raise --quarantine-max",
                   n->exchange.dispatch->ledger.counts.failed_shards,
                   n->exchange.dispatch->config.ledger.failed_shards_max, n->trouble.text);
}

static nj_status run_until(nj_night *n, nj_poller *poller, bool (*is_over)(const nj_night *n),
                           nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && nj_stop_signal() == 0 && !is_over(n)) {
        status = run_round(n, poller, err);
        if (status == NJ_OK && nj_dispatch_hopeless(n->exchange.dispatch)) {
            status = fail_hopeless(n, err);
        }
    }
    return status == NJ_OK ? nj_night_check_signal(err) : status;
}

// Workers decode a sample again. Without a worker, as when a night that was decoded is resumed, there is none.
static nj_status audit_users(nj_night *n, nj_poller *poller, nj_error *err)
{
    if (n->diverged || nj_night_is_over_budget(n)) {
        return NJ_OK;
    }
    nj_status status = nj_night_begin_audit(n, err);
    uint64_t seen_ns = nj_clock_mono_ns();
    while (status == NJ_OK && nj_stop_signal() == 0 && !is_decoded(n)) {
        if (nj_night_is_late(n)) {
            nj_log(NJ_LOG_WARNING, "the deadline has come: the sample is not decoded again");
            return NJ_OK;
        }
        status = run_round(n, poller, err);
        const uint64_t now_ns = nj_clock_mono_ns();
        if (n->exchange.dispatch->roster.count > 0) {
            seen_ns = now_ns;
        } else if (now_ns - seen_ns >= AUDIT_WAIT_MS * UINT64_C(1000000)) {
            nj_log(NJ_LOG_WARNING, "no worker is there to decode the sample again: it is left out");
            return NJ_OK;
        }
    }
    return status == NJ_OK ? nj_night_check_signal(err) : status;
}

// All is decoded, or the deadline has come, whatever is done.
static bool is_over(const nj_night *n)
{
    return is_decoded(n) || nj_night_is_late(n);
}

static nj_status decode_users(nj_night *n, nj_error *err)
{
    nj_poller poller = {0};
    nj_poller_add_router(&poller, n->exchange.router);
    const uint64_t start_ns = nj_clock_mono_ns();
    const uint64_t start_cpu_ns = nj_clock_process_ns();
    n->decode_ns = start_ns;
    nj_progress_start(&n->progress, "users", n->plan.user_count, nj_night_users_done(n), false,
                      start_ns);
    nj_status status = run_until(n, &poller, is_over, err);
    nj_progress_finish(&n->progress);
    n->summary.decode_seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
    n->summary.decode_cpu_seconds = (double)(nj_clock_process_ns() - start_cpu_ns) / 1e9;
    const uint64_t audit_ns = nj_clock_mono_ns();
    const bool decoded =
        is_decoded(n); // users of the sample who are left over are not for the deadline
    if (status == NJ_OK && decoded && nj_night_is_late(n)) {
        nj_log(NJ_LOG_WARNING, "the deadline has come: no sample is decoded again");
    } else if (status == NJ_OK && decoded) {
        status = audit_users(n, &poller, err);
        n->summary.audit_seconds = (double)(nj_clock_mono_ns() - audit_ns) / 1e9;
        nj_actual_ask_workers(n);
    }
    nj_exchange_farewell(&n->exchange, status == NJ_OK ? NJ_DRAIN_FINISHED : NJ_DRAIN_STOPPING);
    nj_ready_file_remove(&n->ready_file);
    if (status == NJ_OK && !decoded) { // only a deadline ends the wait before
        status = nj_night_meet_deadline(n, err);
    }
    nj_router_close(&n->exchange.router,
                    LINGER_MS); // who comes while the store is packed finds nobody
    return status;
}

// ---- opening ----

static nj_status resume_piece(void *context, const nj_ledger_record *record, nj_error *err)
{
    nj_night *n = context;
    const bool committed = record->state == NJ_STORED_COMMITTED;
    const bool carried = record->state == NJ_STORED_CARRIED;
    nj_record_past(&n->record, record);
    const nj_piece_range range = {.shard = (uint32_t)record->shard,
                                  .first = (uint32_t)record->first,
                                  .count = (uint32_t)record->count};
    nj_status status = NJ_NOT_FOUND;
    if (record->shard < n->plan.shard_count) {
        status = nj_dispatch_resume(n->exchange.dispatch, range,
                                    committed                       ? NJ_RESUME_COMMITTED
                                    : carried                       ? NJ_RESUME_CARRIED
                                    : n->options->retry_quarantined ? NJ_RESUME_RETRY
                                                                    : NJ_RESUME_QUARANTINED,
                                    committed || carried ? &record->digest : NULL);
    }
    if (status != NJ_OK) {
        return nj_fail(err, NJ_REFUSED,
                       "the ledger has %" PRIu64 " users from user %" PRIu64 " of shard %" PRIu64
                       " on, which do not fit the plan's %zu shards",
                       record->count, record->first, record->shard, n->plan.shard_count);
    }
    n->summary.resumed_rows += committed ? record->rows : 0;
    n->summary.resumed_shards += committed;
    return NJ_OK;
}

static uint32_t get_failed_shards_max(const nj_night_options *options)
{
    const uint32_t doubled = 2 * options->quarantine_max; // at most 2 * NJ_NIGHT_QUARANTINE_MAX
    return doubled > FAILED_SHARDS_LEAST ? doubled : FAILED_SHARDS_LEAST;
}

static nj_dispatch_config make_dispatch_config(const nj_night *n)
{
    const nj_night_options *options = n->options;
    return (nj_dispatch_config){
        .ledger = {.shard_count = (uint32_t)n->plan.shard_count,
                   .shard_first = n->plan.shard_first,
                   .tries_max = NJ_NIGHT_TRIES_MAX,
                   .losses_max = NJ_NIGHT_LOSSES_MAX,
                   .retry_ms = NJ_EXCHANGE_RETRY_MS,
                   .retry_max_ms = NJ_EXCHANGE_RETRY_MS_MAX,
                   .avoid_ms = options->lease_ms / 3,
                   .speculate_min_ms = options->lease_ms / 3 * 2,
                   .speculate_percent = options->speculate ? NJ_EXCHANGE_SPECULATE_PERCENT : 0,
                   .failed_shards_max = get_failed_shards_max(options)},
        .roster = nj_exchange_roster(options->lease_ms),
        .epoch = nj_staging_epoch(n->stage.staging),
        .numeric_class = options->numeric_class,
        .check = nj_result_problem,
        .check_context = &n->check,
    };
}

static nj_status open_dispatch(nj_night *n, nj_error *err)
{
    const nj_dispatch_config config = make_dispatch_config(n);
    nj_status status = nj_exchange_open(&n->exchange, &config, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_record_open(&n->record, n->options->store_dir, config.epoch);
    status = nj_staging_ledger_each(n->stage.staging, resume_piece, n, err);
    if (status == NJ_OK && n->summary.resumed_shards > 0) {
        const uint64_t quarantined = n->exchange.dispatch->ledger.counts.quarantined_users;
        nj_log_event(NJ_EVENT_NIGHT_RESUMED,
                     NJ_FIELDS(nj_log_uint("shards", n->plan.shard_count),
                               nj_log_uint("committed", n->summary.resumed_shards),
                               nj_log_uint("quarantined", quarantined)),
                     "resumed: %" PRIu64 " of %zu shards are committed, %" PRIu64
                     " users quarantined",
                     n->summary.resumed_shards, n->plan.shard_count, quarantined);
    }
    return status;
}

// What a lease of the largest shard needs.
static nj_status open_scratch(nj_night *n, nj_error *err)
{
    const size_t users = nj_plan_largest_shard(&n->plan);
    n->requests = calloc(users, sizeof *n->requests);
    return n->requests != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for the users of one shard (%zu)", users);
}

static nj_status open_router(nj_night *n, nj_error *err)
{
    const nj_night_options *options = n->options;
    const nj_router_config config = {.endpoint = options->endpoint,
                                     .keys = options->keys,
                                     .allowed = options->allowed,
                                     .insecure = options->insecure,
                                     .message_bytes_max = nj_result_bytes_max(&n->check)};
    return nj_router_open(&config, &n->exchange.router, err);
}

// First what workers find: who hears of readiness may start them.
static nj_status say_ready(nj_night *n, nj_error *err)
{
    const nj_night_options *options = n->options;
    const char *endpoint = nj_router_endpoint(n->exchange.router);
    nj_status status = nj_ready_file_write(&n->ready_file, endpoint, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_log_event(
        NJ_EVENT_LISTENING,
        NJ_FIELDS(nj_log_text("endpoint", endpoint), nj_log_uint("encrypted", !options->insecure)),
        "listening on %s%s", endpoint, options->insecure ? " without encryption" : "");
    nj_notify_ready();
    nj_notify_status("listening on %s, %zu users to decode", endpoint, n->plan.user_count);
    return options->hooks.ready != NULL && n->plan.user_count > 0 &&
                   !nj_night_is_late(n) // else nobody has anything to do
               ? options->hooks.ready(options->hooks.context, endpoint, err)
               : NJ_OK;
}

// A policy that no list could follow ends the night here, not in each worker.
static nj_status check_policy(const nj_night *n, nj_error *err)
{
    const nj_settings *settings = &n->job->settings;
    return nj_policy_sections_check(&n->job->sections, &n->job->catalogue, settings->beam,
                                    settings->top, "the bundle's policy", err);
}

static nj_status make_plan(nj_night *n, nj_error *err)
{
    nj_plan_copying copying;
    const nj_since_request request = {.store_dir = n->options->store_dir,
                                      .generation = n->options->since,
                                      .bundle = n->options->since_bundle,
                                      .kept_bundle = n->options->kept_bundle,
                                      .max_age = n->options->max_age,
                                      .resume = n->options->resume,
                                      .numeric_class = n->options->numeric_class};
    const nj_digest bundle = nj_sections_digest(&n->job->sections);
    nj_status status = nj_since_open(&request, n->job, &n->since, err);
    return status == NJ_OK
               ? nj_plan_make(&n->job->users, &n->job->settings, &bundle,
                              nj_since_copying(&n->since, &copying) ? &copying : NULL,
                              n->options->shard_users, n->options->shard_users_least, &n->plan, err)
               : status;
}

// Whom tonight's input lacks. A night that goes on does as it began.
static nj_status open_missing(nj_night *n, nj_error *err)
{
    nj_staging_facts began = {0};
    char numeric_class[NJ_STAGING_CLASS_BYTES_MAX + 1];
    const nj_night_options *o = n->options;
    const bool goes_on = o->resume && nj_staging_exists(o->store_dir);
    nj_status status = goes_on ? nj_staging_peek(o->store_dir, &began, numeric_class, err) : NJ_OK;
    const bool carries =
        goes_on ? began.missing_from[0] != '\0' : o->missing_users == NJ_MISSING_CARRY;
    if (status == NJ_OK && goes_on && o->missing_users != NJ_MISSING_UNSAID &&
        carries != (o->missing_users == NJ_MISSING_CARRY)) {
        return nj_fail(err, NJ_CONFIG,
                       "the interrupted night %s missing users over: leave --missing-users out, or "
                       "remove the staging folder to begin anew",
                       carries ? "carries" : "does not carry");
    }
    if (status != NJ_OK || !carries) {
        return status;
    }
    status = nj_missing_open(o->store_dir, goes_on ? began.missing_from : NULL, n->job, &n->missing,
                             err);
    const uint64_t all = n->job->users.count + n->missing.count;
    if (status == NJ_OK && !goes_on && n->missing.count * 100 > o->carry_max * all) {
        status = nj_fail(err, NJ_REFUSED,
                         "%" PRIu64 " users of %s are not in tonight's input, %.1f %% of all; "
                         "--carry-max is %u %%. If they are gone: --missing-users drop",
                         n->missing.count, n->missing.name.text,
                         100.0 * (double)n->missing.count / (double)all, o->carry_max);
    }
    return status;
}

// A night that goes on has passed them when it began.
static nj_status pass_gates(nj_night *n, nj_error *err)
{
    const nj_night_options *o = n->options;
    const nj_gates_missing missing = {n->missing.count, o->missing_users == NJ_MISSING_DROP};
    if (o->resume && nj_staging_exists(o->store_dir)) {
        return NJ_OK;
    }
    nj_status status = nj_gates_before(&o->gates, o->store_dir, n->job, o->as_of_s, &missing,
                                       &n->summary.gates, err);
    if (status == NJ_OK) {
        nj_gates_log(&n->summary.gates);
        status = nj_gates_verdict(&n->summary.gates, err);
    }
    return status;
}

// What the exchange, the summary and the log have to know of a night that is open.
static void tell_plan(nj_night *n)
{
    n->stage.published = n->options->hooks.published;
    n->stage.published_context = n->options->hooks.published_context;
    n->exchange.plan = n->plan.digest;
    nj_digest_hex(&n->plan.digest, n->exchange.run_id);
    n->exchange.settings = nj_buffer_slice(&n->settings_bytes);
    n->exchange.sections = &n->job->sections;
    n->exchange.lease_ms = n->options->lease_ms;
    n->summary.users = n->plan.user_count + n->plan.copied_count + n->missing.count;
    n->summary.missing = n->missing.count;
    n->summary.job = n->job;
    n->summary.since = n->since.name;
    n->summary.since_differs = n->since.differs;
    n->summary.copied = n->plan.copied_count;
    n->summary.shards = n->plan.shard_count;
    n->summary.skipped = n->plan.skipped_count;
    nj_actual_compare(n);
    nj_log_event(NJ_EVENT_PLAN,
                 NJ_FIELDS(nj_log_uint("users", n->plan.user_count),
                           nj_log_uint("copied", n->plan.copied_count),
                           nj_log_uint("shards", n->plan.shard_count),
                           nj_log_text("class", n->options->numeric_class)),
                 "plan: %zu users in %zu shards, numeric class %s; %zu users are copied%s%s",
                 n->plan.user_count, n->plan.shard_count, n->options->numeric_class,
                 n->plan.copied_count, n->plan.copied_count > 0 ? " from " : "",
                 n->plan.copied_count > 0 ? n->since.name.text : "");
}

static nj_status open_night(nj_night *n, nj_error *err)
{
    nj_status status = check_policy(n, err);
    if (status == NJ_OK) {
        status = open_missing(n, err);
    }
    if (status == NJ_OK) {
        status = pass_gates(n, err);
    }
    if (status == NJ_OK) {
        status = make_plan(n, err);
    }
    if (status == NJ_OK) {
        status = nj_settings_pack(&n->job->settings, &n->settings_bytes);
    }
    if (status == NJ_OK) {
        status = nj_origin_tell(n->job, nj_buffer_slice(&n->settings_bytes), &n->origin, err);
    }
    if (status == NJ_OK) {
        status = nj_result_check_init(&n->check, &n->plan, &n->job->catalogue.items, &n->job->map,
                                      &n->job->catalogue.masks, &n->job->catalogue.trie,
                                      n->job->settings.top, err);
        n->check.is_traced = n->job->settings.trace;
        n->check.has_why = n->job->settings.why;
        n->check.reserve = n->job->settings.reserve;
    }
    if (status == NJ_OK) {
        status = open_router(n, err); // an endpoint that cannot be bound leaves the store as it was
    }
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(NIGHT_BOUND);
        const nj_stage_terms terms = {.numeric_class = n->options->numeric_class,
                                      .resume = n->options->resume,
                                      .missing = &n->missing,
                                      .valid_for_ms = n->options->valid_for_ms,
                                      .newest_event_ms =
                                          nj_gates_newest_ms(&n->summary.gates, &n->job->users)};
        status = nj_stage_open(n->options->store_dir, n->job, &n->plan, &n->since, &terms,
                               &n->stage, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    n->stage.origin = &n->origin;
    status = nj_night_open_deadline(n, err);
    if (status != NJ_OK) {
        return status;
    }
    tell_plan(n);
    status = open_scratch(n, err);
    if (status == NJ_OK) {
        status = open_dispatch(n, err);
    }
    return status == NJ_OK ? say_ready(n, err) : status;
}

static void close_night(nj_night *n)
{
    nj_ready_file_remove(&n->ready_file);
    nj_exchange_close(&n->exchange, LINGER_MS);
    nj_record_close(&n->record);
    nj_stage_close(&n->stage);
    nj_since_close(&n->since);
    nj_missing_close(&n->missing);
    nj_result_check_fini(&n->check);
    nj_plan_fini(&n->plan);
    free(n->requests);
    nj_buffer_fini(&n->settings_bytes);
}

nj_status nj_night_run(nj_job *job, const nj_night_options *options, nj_night_summary *out,
                       nj_error *err)
{
    nj_night n = {.job = job, .options = options, .ready_file = {.path = options->ready_file}};
    nj_buffer_init(&n.settings_bytes, NJ_WIRE_SETTINGS_BYTES_MAX);
    const nj_exchange_work work = nj_night_work(&n);
    nj_exchange_init(&n.exchange, &work);
    nj_night_summary_init(&n.summary);
    nj_stop_catch();
    if (options->watch != NULL) {
        nj_gate_open();
    }
    nj_status status = nj_actual_begin(&n, err);
    if (status == NJ_OK) {
        status = nj_measure_begin(&n, err);
    }
    if (status == NJ_OK) {
        status = open_night(&n, err);
    }
    if (status == NJ_OK) {
        status = decode_users(&n, err);
    }
    if (status == NJ_OK) {
        nj_notify_status("packing, verifying and publishing");
        nj_notify_busy(PUBLISH_PATIENCE_MS);
        status = nj_night_publish(&n, err);
    }
    nj_notify_stopping();
    if (status != NJ_OK && !nj_night_can_go_on(&n, status)) {
        nj_stage_discard_empty(&n.stage);
    }
    nj_record_end(&n.record, status);
    if (n.summary.generation.text[0] != '\0' || n.summary.held.text[0] != '\0') {
        nj_night_tell(&n);
    }
    nj_measure_end(&n, status);
    *out = n.summary;
    close_night(&n);
    nj_stop_release();
    if (options->watch != NULL) {
        nj_gate_close();
    }
    return status;
}
