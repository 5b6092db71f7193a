#include "coordinator/daemon/tell_night.h"

#include <math.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/report/report.h"

// What workers of other machines told with their heartbeats, where nobody here knows better.
static nj_night_numbers make_actual(const nj_night *n)
{
    nj_night_numbers actual = n->summary.actual;
    uint64_t most = 0;
    for (uint32_t i = 0; i < n->record.recorder.worker_count; i++) {
        const uint64_t bytes = n->record.recorder.workers[i].peak_memory;
        most = bytes > most ? bytes : most;
    }
    if (isnan(actual.worker_bytes) && most > 0) {
        actual.worker_bytes = (double)most;
    }
    return actual;
}

static nj_night_report_run make_run(const nj_night *n)
{
    const nj_night_summary *s = &n->summary;
    const uint64_t began_ms =
        n->record.began_wall_ms > 0 ? n->record.began_wall_ms : nj_clock_wall_ms();
    return (nj_night_report_run){.users = s->users,
                                 .rows = s->rows,
                                 .copied = s->copied,
                                 .carried = s->carried,
                                 .skipped = s->skipped,
                                 .quarantined = s->quarantined,
                                 .shards = s->shards,
                                 .resumed_rows = s->resumed_rows,
                                 .leases = s->leases,
                                 .retries = s->retries,
                                 .losses = s->losses,
                                 .duplicates = s->duplicates,
                                 .speculations = s->speculations,
                                 .speculations_won = s->speculations_won,
                                 .splits = s->splits,
                                 .benched = s->benched,
                                 .audited = s->audited,
                                 .decode_seconds = s->decode_seconds,
                                 .decode_cpu_seconds = s->decode_cpu_seconds,
                                 .publish_seconds = s->publish_seconds,
                                 .paused_seconds = s->paused_seconds,
                                 .total_seconds = (double)nj_record_night_ms(&n->record) / 1e3,
                                 .began_ms = began_ms,
                                 .lease_ms = n->options->lease_ms,
                                 .shard_users = n->options->shard_users};
}

// Who was decoded, in key order, and then who was copied, likewise.
static nj_slice user_at(const void *context, uint64_t index)
{
    const nj_plan *plan = context;
    const uint32_t user =
        index < plan->user_count ? plan->order[index] : plan->copied[index - plan->user_count];
    return nj_user_table_at(plan->users, user).user;
}

static nj_status write_report(nj_night *n, nj_error *err)
{
    nj_path document_path;
    nj_path page_path;
    json_t *document = NULL;
    const nj_study_catalogue catalogue = {&n->job->catalogue, &n->job->map};
    const nj_night_report_users users = {&n->plan, user_at,
                                         n->plan.user_count + n->plan.copied_count};
    const nj_night_numbers actual = make_actual(n);
    const nj_night_report_own night = {
        .run = make_run(n),
        .recorder = &n->record.recorder,
        .processes = &n->record.processes,
        .planned = n->summary.planned_fits ? n->summary.planned.document : NULL,
        .actual = &actual,
        .phases = n->options->phases,
        .phase_count = n->options->phase_count,
        .gates = &n->summary.gates};
    nj_store_name current;
    const bool is_held = n->summary.held.text[0] != '\0';
    const nj_store_name *generation = is_held ? &n->summary.held : &n->summary.generation;
    const bool has_before =
        is_held && nj_store_current(n->options->store_dir, &current, NULL) == NJ_OK;
    const nj_night_report_source source = {.store_dir = n->options->store_dir,
                                           .generation = generation,
                                           .before = has_before ? &current : NULL,
                                           .catalogue = &catalogue,
                                           .users = &users,
                                           .night = &night};
    nj_status status =
        nj_night_report_path(n->options->store_dir, generation, ".json", &document_path, err);
    if (status == NJ_OK) {
        status = nj_night_report_path(n->options->store_dir, generation, ".html", &page_path, err);
    }
    if (status == NJ_OK) {
        status = nj_night_report_make(&source, &document, err);
    }
    if (status == NJ_OK) {
        status = nj_night_report_write(document_path.text, document, err);
    }
    if (status ==
        NJ_OK) { // what is written has fewer digits; the page is the one that `nightjar report` makes
        json_decref(document);
        document = NULL;
        status = nj_night_report_read(document_path.text, &document, err);
    }
    if (status == NJ_OK) {
        status = nj_night_report_page_write(page_path.text, document, err);
    }
    if (status == NJ_OK) {
        n->summary.report = page_path;
    }
    json_decref(document);
    return status;
}

void nj_night_tell(nj_night *n)
{
    nj_error err = {0};
    const uint64_t start_ns = nj_clock_mono_ns();
    const uint64_t start_cpu_ns = nj_clock_process_ns();
    if (write_report(n, &err) == NJ_OK) {
        n->summary.report_seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
        n->summary.report_cpu_seconds = (double)(nj_clock_process_ns() - start_cpu_ns) / 1e9;
        return;
    }
    nj_log(NJ_LOG_WARNING,
           "%s is %s, but its report could not be written: %s. Once that is mended `nightjar "
           "report --store %s` makes one of what the store has; --out FILE puts it elsewhere",
           n->stage.name.text, n->summary.held.text[0] != '\0' ? "held back" : "published",
           err.text, n->options->store_dir);
}
