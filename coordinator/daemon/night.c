#include "coordinator/daemon/night.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "coordinator/daemon/effects.h"
#include "coordinator/daemon/gate.h"

#define TICK_MS 100
#define COMMIT_FAILURES_MAX 5 // in a row; the staging area stays for --resume
#define FAREWELL_MS 2000      // how long workers get to say BYE
#define LINGER_MS 500
#define MESSAGES_A_ROUND 256 // so that commits and ticks happen under load

static volatile sig_atomic_t stop_signal;

static void note_signal(int number)
{
    stop_signal = number;
}

// ---- commits ----

static nj_status note_outcome(nj_night *n, uint32_t shard, nj_commit_outcome outcome)
{
    if (outcome == NJ_COMMIT_DIVERGED) {
        n->diverged = true;
        nj_log(NJ_LOG_ERROR, "shard %u is already stored with other rows: they stay as they are",
               shard);
    }
    if (outcome == NJ_COMMIT_WRITTEN) {
        n->users_done += nj_plan_shard_users(&n->plan, shard);
    }
    return nj_dispatch_stored(n->dispatch, shard, true, nj_clock_mono_ns());
}

// A failed transaction is tried again when the workers send their rows again; a fenced or full store ends the night.
static nj_status commit_failed(nj_night *n, nj_status status, nj_error *err)
{
    if (status != NJ_IO || ++n->commit_failures >= COMMIT_FAILURES_MAX) {
        return status;
    }
    nj_log(NJ_LOG_ERROR, "%s; the rows will be asked for again (%u of %d)", err->text,
           n->commit_failures, COMMIT_FAILURES_MAX);
    for (size_t i = 0; i < n->stage.waiting_count; i++) {
        nj_status known =
            nj_dispatch_stored(n->dispatch, n->stage.waiting[i].shard, false, nj_clock_mono_ns());
        if (known != NJ_OK) {
            return nj_fail(err, known, "shard %u was not being written", n->stage.waiting[i].shard);
        }
    }
    nj_stage_clear(&n->stage);
    return NJ_OK;
}

static nj_status commit_waiting(nj_night *n, nj_error *err)
{
    nj_commit_outcome outcomes[NJ_STAGE_SHARDS_MAX];
    if (n->stage.waiting_count == 0) {
        return NJ_OK;
    }
    NJ_FAILPOINT_HIT(COMMIT_DUE);
    nj_status status = nj_stage_commit(&n->stage, outcomes, err);
    if (status != NJ_OK) {
        return commit_failed(n, status, err);
    }
    n->commit_failures = 0;
    for (size_t i = 0; i < n->stage.waiting_count && status == NJ_OK; i++) {
        status = note_outcome(n, n->stage.waiting[i].shard, outcomes[i]);
    }
    nj_stage_clear(&n->stage);
    NJ_FAILPOINT_HIT(ACK_DUE);
    nj_night_perform(n);
    return status;
}

// ---- the loop ----

static nj_status receive_some(nj_night *n, nj_error *err)
{
    for (int i = 0; i < MESSAGES_A_ROUND; i++) {
        nj_received received;
        nj_message message;
        nj_error why = {0};
        nj_status status = nj_router_receive(n->router, &received, err);
        if (status != NJ_OK) {
            return status == NJ_AGAIN ? NJ_OK : status;
        }
        if (nj_message_unpack(received.bytes, NJ_SIDE_WORKER, &message, &why) == NJ_OK) {
            n->result = message.kind == NJ_MESSAGE_RESULT ? &message.result : NULL;
            if (n->result != NULL) {
                NJ_FAILPOINT_HIT(RESULT_RECEIVED);
            }
            nj_dispatch_message(n->dispatch, &received.peer, &message, nj_clock_mono_ns());
        } else {
            nj_log(NJ_LOG_WARNING, "message from %s refused: %s",
                   received.address[0] != '\0' ? received.address : "a closed connection",
                   why.text);
            nj_dispatch_broken(n->dispatch, &received.peer, &why, nj_clock_mono_ns());
        }
        nj_night_perform(n);
        n->result = NULL;
        if (nj_stage_is_full(&n->stage)) {
            status = commit_waiting(n, err);
            if (status != NJ_OK) {
                return status;
            }
        }
    }
    return NJ_OK;
}

static nj_status run_round(nj_night *n, nj_poller *poller, nj_error *err)
{
    nj_status status = nj_poller_wait(poller, TICK_MS, err);
    if (status == NJ_OK) {
        status = receive_some(n, err);
    }
    if (status == NJ_OK) {
        status = commit_waiting(n, err);
    }
    if (status == NJ_OK) {
        if (n->options->watch != NULL) {
            nj_gate_tick(n->router, n->options->watch, nj_clock_mono_ns());
        }
        nj_dispatch_tick(n->dispatch, nj_clock_mono_ns());
        nj_night_perform(n);
        nj_progress_update(&n->progress, n->users_done, nj_clock_mono_ns());
    }
    if (status == NJ_OK && n->options->hooks.tick != NULL) {
        status = n->options->hooks.tick(n->options->hooks.context, err);
    }
    return status;
}

// Tells the workers, and gives them a moment to answer.
static void say_farewell(nj_night *n, nj_poller *poller, nj_drain_reason reason)
{
    nj_error err = {0};
    const uint64_t end_ns = nj_clock_mono_ns() + FAREWELL_MS * 1000000ull;
    nj_dispatch_drain(n->dispatch, reason);
    nj_night_perform(n);
    while (n->dispatch->roster.count > 0 && nj_clock_mono_ns() < end_ns) {
        if (nj_poller_wait(poller, TICK_MS, &err) != NJ_OK || receive_some(n, &err) != NJ_OK ||
            commit_waiting(n, &err) != NJ_OK) {
            return;
        }
    }
}

static nj_status signal_status(nj_error *err)
{
    return stop_signal == SIGINT
               ? nj_fail(err, NJ_INTERRUPTED,
                         "interrupted; committed shards are kept: go on with --resume")
               : nj_fail(err, NJ_TERMINATED,
                         "asked to end; committed shards are kept: go on with --resume");
}

static nj_status decode_users(nj_night *n, nj_error *err)
{
    nj_poller poller = {0};
    nj_poller_add_router(&poller, n->router);
    nj_status status = NJ_OK;
    const uint64_t start_ns = nj_clock_mono_ns();
    nj_progress_start(&n->progress, "users", n->plan.user_count, n->users_done, false, start_ns);
    while (status == NJ_OK && stop_signal == 0 && !nj_dispatch_finished(n->dispatch)) {
        status = run_round(n, &poller, err);
    }
    nj_progress_finish(&n->progress);
    n->summary.decode_seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
    bool finished = status == NJ_OK && nj_dispatch_finished(n->dispatch);
    say_farewell(n, &poller, finished ? NJ_DRAIN_FINISHED : NJ_DRAIN_STOPPING);
    nj_router_close(&n->router, LINGER_MS); // who comes while the store is packed finds nobody
    if (status == NJ_OK && !finished) {
        status = signal_status(err);
    }
    return status;
}

// ---- opening ----

static nj_status resume_shard(void *context, const nj_ledger_record *record, nj_error *err)
{
    nj_night *n = context;
    if (record->state != NJ_STORED_COMMITTED) {
        return NJ_OK;
    }
    if (record->shard >= n->plan.shard_count ||
        nj_dispatch_resume(n->dispatch, (uint32_t)record->shard, &record->digest) != NJ_OK) {
        return nj_fail(err, NJ_REFUSED, "the ledger has shard %" PRIu64 ", the plan has %zu",
                       record->shard, n->plan.shard_count);
    }
    n->users_done += record->rows;
    n->summary.resumed_rows += record->rows;
    n->summary.resumed_shards++;
    return NJ_OK;
}

static nj_status open_dispatch(nj_night *n, nj_error *err)
{
    const nj_night_options *options = n->options;
    const nj_dispatch_config config = {
        .ledger = {.shard_count = (uint32_t)n->plan.shard_count,
                   .tries_max = 3,
                   .losses_max = 10,
                   .retry_ms = 1000},
        .roster = {.worker_max = 4096,
                   .silence_ms = options->lease_ms,
                   .lease_ms = options->lease_ms,
                   .probe_ms = nj_night_heartbeat_ms(options) * 3 / 2},
        .epoch = nj_staging_epoch(n->stage.staging),
        .numeric_class = options->numeric_class,
        .check = nj_result_problem,
        .check_context = &n->check,
    };
    n->dispatch = malloc(sizeof *n->dispatch);
    if (n->dispatch == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the ledger of %zu shards",
                       n->plan.shard_count);
    }
    nj_status status = nj_dispatch_init(n->dispatch, &config, err);
    if (status != NJ_OK) {
        free(n->dispatch);
        n->dispatch = NULL;
        return status;
    }
    status = nj_staging_ledger_each(n->stage.staging, resume_shard, n, err);
    if (status == NJ_OK && n->summary.resumed_shards > 0) {
        nj_log(NJ_LOG_INFO, "resumed: %" PRIu64 " of %zu shards are committed",
               n->summary.resumed_shards, n->plan.shard_count);
    }
    return status;
}

static nj_status open_router(nj_night *n, nj_error *err)
{
    const nj_night_options *options = n->options;
    const nj_router_config config = {.endpoint = options->endpoint,
                                     .keys = options->keys,
                                     .allowed = options->allowed,
                                     .insecure = options->insecure,
                                     .message_bytes_max = nj_result_bytes_max(&n->check)};
    return nj_router_open(&config, &n->router, err);
}

static nj_status say_ready(nj_night *n, nj_error *err)
{
    const nj_night_options *options = n->options;
    const char *endpoint = nj_router_endpoint(n->router);
    nj_log(NJ_LOG_INFO, "listening on %s%s", endpoint,
           options->insecure ? " without encryption" : "");
    return options->hooks.ready != NULL
               ? options->hooks.ready(options->hooks.context, endpoint, err)
               : NJ_OK;
}

static nj_status open_night(nj_night *n, nj_error *err)
{
    const nj_digest bundle = nj_sections_digest(nj_bundle_sections(n->job->bundle));
    nj_status status = nj_plan_make(&n->job->users, &n->job->settings, &bundle,
                                    n->options->shard_users, &n->plan, err);
    if (status == NJ_OK) {
        status = nj_settings_pack(&n->job->settings, &n->settings_bytes);
    }
    if (status == NJ_OK) {
        status = nj_result_check_init(&n->check, &n->plan, &n->job->catalogue.items, &n->job->map,
                                      n->job->settings.top, err);
    }
    if (status == NJ_OK) {
        status = open_router(n, err); // an endpoint that cannot be bound leaves the store as it was
    }
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(NIGHT_BOUND);
        status = nj_stage_open(n->options->store_dir, n->job, &n->plan, n->options->numeric_class,
                               n->options->resume, &n->stage, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_digest_hex(&n->plan.digest, n->run_id);
    n->summary.shards = n->plan.shard_count;
    n->summary.skipped = n->plan.skipped_count;
    nj_log(NJ_LOG_INFO, "plan: %zu users in %zu shards, numeric class %s", n->plan.user_count,
           n->plan.shard_count, n->options->numeric_class);
    status = open_dispatch(n, err);
    return status == NJ_OK ? say_ready(n, err) : status;
}

static void close_night(nj_night *n)
{
    nj_router_close(&n->router, LINGER_MS);
    if (n->dispatch != NULL) {
        nj_dispatch_fini(n->dispatch);
        free(n->dispatch);
    }
    nj_stage_close(&n->stage);
    nj_result_check_fini(&n->check);
    nj_plan_fini(&n->plan);
    nj_buffer_fini(&n->settings_bytes);
    nj_buffer_fini(&n->users_bytes);
}

static nj_status fail_night(const nj_night *n, nj_error *err)
{
    nj_request first = nj_plan_request(&n->plan, n->failed_shard, 0);
    return nj_fail(
        err, NJ_FAILED,
        "%u shards failed for good, shard %u (%zu users from \"%.*s\") among them; nothing is "
        "published. Committed shards are kept: --resume tries the others again",
        n->dispatch->ledger.counts.states[NJ_SHARD_FAILED], n->failed_shard,
        nj_plan_shard_users(&n->plan, n->failed_shard), NJ_SLICE_ARGS(first.user));
}

static nj_status publish_night(nj_night *n, nj_error *err)
{
    if (n->diverged) {
        return nj_fail(
            err, NJ_REFUSED,
            "two workers gave different rows for a shard: nothing is published (see above)");
    }
    if (n->dispatch->ledger.counts.states[NJ_SHARD_FAILED] > 0) {
        return fail_night(n, err);
    }
    const uint64_t start_ns = nj_clock_mono_ns();
    n->summary.duplicates = n->dispatch->ledger.counts.duplicates;
    n->summary.losses = n->dispatch->ledger.counts.losses;
    n->summary.rows = n->plan.user_count;
    nj_status status = nj_stage_publish(&n->stage, &n->summary.generation, err);
    n->summary.publish_seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
    return status;
}

static void catch_signals(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

nj_status nj_night_run(nj_job *job, const nj_night_options *options, nj_night_summary *out,
                       nj_error *err)
{
    nj_night n = {.job = job, .options = options};
    nj_buffer_init(&n.settings_bytes, NJ_WIRE_SETTINGS_BYTES_MAX);
    nj_buffer_init(&n.users_bytes, NJ_SHARD_BYTES_MAX);
    stop_signal = 0;
    catch_signals(note_signal);
    if (options->watch != NULL) {
        nj_gate_open();
    }
    nj_status status = open_night(&n, err);
    if (status == NJ_OK) {
        status = decode_users(&n, err);
    }
    if (status == NJ_OK) {
        status = publish_night(&n, err);
    }
    if (status == NJ_OK) {
        *out = n.summary;
    } else {
        nj_stage_discard_empty(&n.stage);
    }
    close_night(&n);
    catch_signals(SIG_DFL);
    if (options->watch != NULL) {
        nj_gate_close();
    }
    return status;
}

void nj_night_print(const nj_night_summary *s, bool as_json)
{
    const uint64_t decoded = s->rows - s->resumed_rows;
    const double rate = s->decode_seconds > 0 ? (double)decoded / s->decode_seconds : 0;
    if (as_json) {
        printf(
            "{\"generation\": \"%s\", \"rows\": %" PRIu64 ", \"skipped\": %" PRIu64
            ", \"shards\": %" PRIu64 ", \"resumed_shards\": %" PRIu64 ", \"resumed_rows\": %" PRIu64
            ", \"decode_s\": %.3f, \"users_per_s\": %.2f, \"publish_s\": %.3f, "
            "\"duplicates\": %" PRIu64 ", \"lost_leases\": %" PRIu64 "}\n",
            s->generation.text, s->rows, s->skipped, s->shards, s->resumed_shards, s->resumed_rows,
            s->decode_seconds, rate, s->publish_seconds, s->duplicates, s->losses);
        return;
    }
    printf("published %s: %" PRIu64 " users, %" PRIu64
           " of them decoded in %.1f s (%.1f users/s); packed, verified and published "
           "in %.1f s\n",
           s->generation.text, s->rows, decoded, s->decode_seconds, rate, s->publish_seconds);
}
