#include "coordinator/daemon/actual.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/resident.h"

nj_status nj_actual_begin(nj_night *n, nj_error *err)
{
    n->started_ns = n->options->started_ns != 0 ? n->options->started_ns : nj_clock_mono_ns();
    return n->options->plan_file != NULL
               ? nj_planned_read(n->options->plan_file, &n->summary.planned, err)
               : NJ_OK;
}

void nj_actual_compare(nj_night *n)
{
    const nj_planned *planned = &n->summary.planned;
    if (planned->document == NULL) {
        return;
    }
    n->summary.planned_fits = nj_planned_fits(planned, &n->plan.digest);
    if (!n->summary.planned_fits) {
        nj_log(NJ_LOG_WARNING,
               "%s was made for another night (%.0f users in %.0f shards; tonight %zu in %zu, or "
               "another bundle, setting or history): its numbers need not hold. Run `nightjar "
               "plan` again for tonight's",
               n->options->plan_file, planned->numbers.users, planned->numbers.shards,
               n->plan.user_count + n->plan.copied_count, n->plan.shard_count);
        return;
    }
    nj_log(NJ_LOG_INFO, "planned: %.1f s on %.0f cores, %.1f users/s, store %.1f MB",
           planned->numbers.total_s, planned->numbers.cores, planned->numbers.users_per_second,
           planned->numbers.store_bytes / 1e6);
}

// What is no mapped file; NAN where Linux does not say.
static double read_own_bytes(void)
{
    const uint64_t bytes = nj_proc_bytes("/proc/self/status", "RssAnon:");
    return bytes > 0 ? (double)bytes : NAN;
}

void nj_actual_ask_workers(nj_night *n)
{
    const nj_night_hooks *hooks = &n->options->hooks;
    const nj_worker_use use =
        hooks->worker_use != NULL ? hooks->worker_use(hooks->context) : (nj_worker_use){0};
    if (use.bytes_most > 0) {
        n->summary.actual.worker_bytes = (double)use.bytes_most;
        n->summary.actual.worker_core_s = use.core_seconds;
    }
    n->summary.actual.coordinator_own_bytes = read_own_bytes();
    n->summary.actual.cores = (double)n->exchange.counts.workers_most;
}

void nj_actual_tell(nj_night *n)
{
    nj_night_numbers *out = &n->summary.actual;
    const nj_night_summary *s = &n->summary;
    const uint64_t decoded = s->rows - s->copied - s->resumed_rows;
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    out->users = (double)s->users;
    out->copied = (double)s->copied;
    out->shards = (double)s->shards;
    out->users_per_second = s->decode_seconds > 0 ? (double)decoded / s->decode_seconds : 0;
    out->start_s = (double)(n->decode_ns - n->started_ns) / 1e9;
    out->decode_s = s->decode_seconds;
    out->audit_s = s->audit_seconds;
    out->pack_s = s->publish_seconds;
    out->total_s = (double)(nj_clock_mono_ns() - n->started_ns) / 1e9;
    out->coordinator_bytes = (double)usage.ru_maxrss * 1024;
    out->store_bytes = (double)n->stage.store_bytes;
    out->staging_bytes = (double)n->stage.staging_bytes;
}

// ---- printing ----

void nj_actual_print_json(const nj_night_summary *summary)
{
    json_t *actual = nj_night_numbers_json(&summary->actual);
    char *text = actual != NULL ? json_dumps(actual, JSON_COMPACT) : NULL;
    printf(", \"planned\": %s, \"actual\": %s",
           summary->planned_fits ? summary->planned.text : "null", text != NULL ? text : "null");
    free(text);
    json_decref(actual);
}

static void print_line(const char *what, const char *unit, double planned, double actual,
                       double divisor, int decimals)
{
    if (!isfinite(planned) || !isfinite(actual)) {
        return;
    }
    printf("  %-24s %12.*f %12.*f %s", what, decimals, planned / divisor, decimals,
           actual / divisor, unit);
    if (planned > 0) {
        printf("  %+.0f %%", 100 * (actual / planned - 1));
    }
    printf("\n");
}

void nj_actual_print_text(const nj_night_summary *summary)
{
    const nj_night_numbers *planned = &summary->planned.numbers;
    const nj_night_numbers *actual = &summary->actual;
    if (!summary->planned_fits) {
        return;
    }
    printf("%-26s %12s %12s\n", "as planned?", "planned", "actual");
    print_line("the whole night", "s ", planned->total_s, actual->total_s, 1, 1);
    print_line("decoding", "s ", planned->decode_s, actual->decode_s, 1, 1);
    print_line("packing and publishing", "s ", planned->pack_s, actual->pack_s, 1, 2);
    print_line("workers' processors", "core-s", planned->worker_core_s, actual->worker_core_s, 1,
               1);
    print_line("speed", "users/s", planned->users_per_second, actual->users_per_second, 1, 1);
    print_line("workers", "", planned->cores, actual->cores, 1, 0);
    print_line("coordinator's own memory", "MB", planned->coordinator_own_bytes,
               actual->coordinator_own_bytes, 1e6, 1);
    print_line("with what it maps", "MB", planned->coordinator_bytes, actual->coordinator_bytes,
               1e6, 1);
    print_line("a worker's memory", "MB", planned->worker_bytes, actual->worker_bytes, 1e6, 1);
    print_line("store", "MB", planned->store_bytes, actual->store_bytes, 1e6, 1);
    print_line("staging area", "MB", planned->staging_bytes, actual->staging_bytes, 1e6, 1);
}
