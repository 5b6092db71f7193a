#include "coordinator/daemon/measure.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/daemon/stop.h"

#define EVERY_NS UINT64_C(1000000000)
#define GENERATION_PREFIX "gen-"

// A generation's name tells when it was packed. 0: the store has none.
static uint64_t last_success_ms(const nj_night *n)
{
    nj_store_name name;
    nj_ulid ulid;
    if (nj_store_current(n->options->store_dir, &name, NULL) != NJ_OK) {
        return 0;
    }
    memcpy(ulid.text, name.text + strlen(GENERATION_PREFIX), sizeof ulid.text);
    return nj_ulid_ms(&ulid);
}

static void count_workers(const nj_roster *roster, nj_metrics *out)
{
    out->workers_ready = 0;
    out->workers_benched = 0;
    for (uint32_t i = 0; i < roster->config.worker_max; i++) {
        out->workers_ready += roster->slots[i].state == NJ_WORKER_READY;
        out->workers_benched += roster->slots[i].state == NJ_WORKER_BENCHED;
    }
    out->workers_other = roster->count - out->workers_ready - out->workers_benched;
}

static void copy_counts(const nj_ledger_counts *counts, nj_metrics *out)
{
    out->users_committed = counts->committed_users;
    out->users_quarantined = counts->quarantined_users;
    out->users_carried = counts->carried_users;
    out->pieces_waiting = counts->states[NJ_PIECE_WAITING];
    out->pieces_leased = counts->states[NJ_PIECE_LEASED];
    out->pieces_retry_wait = counts->states[NJ_PIECE_RETRY_WAIT];
    out->pieces_committing = counts->states[NJ_PIECE_COMMITTING];
    out->pieces_committed = counts->states[NJ_PIECE_COMMITTED];
    out->pieces_split = counts->states[NJ_PIECE_SPLIT];
    out->pieces_carried = counts->states[NJ_PIECE_CARRIED];
    out->pieces_quarantined = counts->states[NJ_PIECE_QUARANTINED];
    out->pieces_failed = counts->states[NJ_PIECE_FAILED];
    out->leases = counts->leases;
    out->leases_lost = counts->losses;
    out->leases_returned = counts->returns;
    out->failures = counts->failures;
    out->results_rejected = counts->rejections;
    out->results_duplicate = counts->duplicates;
    out->results_diverged = counts->divergences;
    out->splits = counts->splits;
    out->speculations = counts->speculations;
    out->speculations_won = counts->speculations_won;
    out->benches = counts->benches;
}

static void copy_flags(const uint64_t counts[NJ_ROW_FLAGS_MAX], nj_metrics *out)
{
    out->rows_cold = counts[__builtin_ctz(NJ_ROW_COLD)];
    out->rows_widened = counts[__builtin_ctz(NJ_ROW_WIDENED)];
    out->rows_truncated = counts[__builtin_ctz(NJ_ROW_TRUNCATED)];
    out->rows_unknown = counts[__builtin_ctz(NJ_ROW_UNKNOWN)];
    out->rows_short = counts[__builtin_ctz(NJ_ROW_SHORT)];
    out->rows_cold_items = counts[__builtin_ctz(NJ_ROW_COLD_ITEMS)];
    out->rows_near = counts[__builtin_ctz(NJ_ROW_NEAR)];
    out->rows_popular = counts[__builtin_ctz(NJ_ROW_POPULAR)];
    out->rows_pinned = counts[__builtin_ctz(NJ_ROW_PINNED)];
}

static void collect(nj_night *n, uint64_t now_ns)
{
    nj_metrics *out = &n->metrics;
    out->users = n->plan.user_count + n->plan.copied_count + n->missing.count;
    out->users_copied = n->plan.copied_count;
    copy_flags(n->summary.flag_counts, out);
    out->paused = nj_pause_total_ns(&n->pause, now_ns);
    out->received = n->exchange.counts.received;
    out->messages_refused = n->exchange.counts.messages_refused;
    out->workers_joined = n->exchange.counts.workers_joined;
    out->workers_vanished = n->exchange.counts.workers_vanished;
    if (n->exchange.dispatch != NULL) {
        out->epoch = n->exchange.dispatch->config.epoch;
        copy_counts(&n->exchange.dispatch->ledger.counts, out);
        count_workers(&n->exchange.dispatch->roster, out);
        out->users_carried += n->missing.count;
        // A shard that was resumed is committed, not processed.
        out->users_processed = out->users_committed - n->summary.resumed_rows;
    }
}

nj_status nj_measure_begin(nj_night *n, nj_error *err)
{
    n->metrics.build = 1;
    n->metrics.run_running = 1;
    n->metrics.quarantine_max = n->options->quarantine_max;
    n->metrics.run_start = nj_clock_wall_ms();
    n->metrics.run_last_success = last_success_ms(n);
    if (n->options->metrics_bind == NULL) {
        return NJ_OK;
    }
    nj_status status = nj_metrics_page_open(n->options->metrics_bind, &n->page, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "--metrics-bind");
        return status;
    }
    nj_metrics_page_show(n->page, &n->metrics);
    nj_log(NJ_LOG_INFO, "metrics are at http://%s/metrics", nj_metrics_page_address(n->page));
    return NJ_OK;
}

void nj_measure_now_and_then(nj_night *n, uint64_t now_ns)
{
    if (n->page != NULL && now_ns - n->shown_ns >= EVERY_NS) {
        n->shown_ns = now_ns;
        collect(n, now_ns);
        nj_metrics_page_show(n->page, &n->metrics);
    }
}

static bool is_asked_to_end(void)
{
    return nj_stop_signal() != 0;
}

static void wait_for_scrape(nj_night *n)
{
    const uint32_t wait_ms = n->options->metrics_wait_ms;
    nj_metrics_page_show(n->page, &n->metrics);
    nj_log(NJ_LOG_INFO,
           "the night has ended; its last numbers wait for a scrape, for at most %u ms", wait_ms);
    if (!nj_metrics_page_await_scrape(n->page, wait_ms, is_asked_to_end)) {
        nj_log(NJ_LOG_WARNING, "nobody has read the last numbers at http://%s/metrics",
               nj_metrics_page_address(n->page));
    }
}

void nj_measure_end(nj_night *n, nj_status status)
{
    nj_error err = {0};
    collect(n, nj_clock_mono_ns());
    n->metrics.run_running = 0;
    n->metrics.run_exit_code = (uint64_t)nj_status_exit_code(status);
    n->metrics.run_last_success = last_success_ms(n);
    if (n->options->metrics_file != NULL &&
        nj_metrics_write(&n->metrics, n->options->metrics_file, &err) != NJ_OK) {
        nj_log(NJ_LOG_WARNING, "--metrics-file: %s", err.text);
    }
    if (n->page != NULL && n->options->metrics_wait_ms > 0 && !is_asked_to_end()) {
        wait_for_scrape(n);
    }
    nj_metrics_page_close(&n->page);
}
