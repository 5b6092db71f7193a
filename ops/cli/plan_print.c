#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "common/base/id.h"
#include "common/codec/json.h"
#include "ops/cli/plan.h"

#define TIME_BYTES 32
#define BUSY_SHARE 0.9 // of a core, below which others were using it

// ---- warnings ----

static void warn(nj_plan_result *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void warn(nj_plan_result *r, const char *format, ...)
{
    va_list arguments;
    if (r->warning_count < NJ_PLAN_WARNINGS_MAX) {
        va_start(arguments, format);
        char *text = r->warnings[r->warning_count++];
        vsnprintf(text, NJ_PLAN_WARNING_BYTES, format, arguments);
        nj_text_make_printable(text); // JSON takes no other text, and a path may be any bytes
        va_end(arguments);
    }
}

// What this machine must hold: the workers of one node, and the coordinator.
static double needed_memory(const nj_plan_result *r)
{
    const double shared = (double)r->shared_bytes;
    const double workers = r->forecast.workers * (r->numbers.worker_bytes - shared) + shared;
    const double packing = fmin(r->numbers.store_bytes, NJ_FORECAST_PACK_BYTES);
    return r->numbers.coordinator_own_bytes + packing + (r->forecast.local ? workers : shared);
}

static void warn_of_deadline(nj_plan_result *r)
{
    const nj_plan_deadline *d = &r->deadline;
    const double left = (double)(d->at_s - d->now_s);
    if (d->text == NULL || d->met) {
        return;
    }
    if (d->possible) {
        warn(r,
             "the deadline %s is missed by %.0f s with %.0f cores: take %u (--workers %u%s), fewer "
             "beams, or --precision int8",
             d->text, r->numbers.total_s - left, r->numbers.cores, d->workers * d->nodes,
             d->workers, d->nodes > 1 ? " on more nodes" : "");
    } else {
        warn(r,
             "the deadline %s is missed by %.0f s, and no number of cores helps: reading, packing "
             "and publishing alone take %.0f s",
             d->text, r->numbers.total_s - left, r->numbers.start_s + r->numbers.pack_s);
    }
}

static void warn_of_probe(nj_plan_result *r)
{
    const nj_plan_rate *rate = &r->probe.together;
    const double share = r->numbers.searches > 0 ? rate->search_core_s / rate->search_s : 1;
    if (share < BUSY_SHARE) {
        warn(r,
             "the probe had %.0f %% of its time on a core: others use this machine, and the plan "
             "holds while "
             "they do; on quiet cores the night takes %.1f s",
             100 * share, r->quiet_total_s);
    }
    if (r->forecast.local && r->forecast.workers > r->machine.cpus) {
        warn(r, "%u workers on %u processors: more than one a processor gains nothing",
             r->forecast.workers, r->machine.cpus);
    }
    if (rate->processes > 0 && rate->processes < r->forecast.workers) {
        warn(r, "speed was measured with %u processes, and %u workers are planned for each node",
             rate->processes, r->forecast.workers);
    }
}

void nj_plan_warn(nj_plan_result *r)
{
    const nj_night_numbers *n = &r->numbers;
    const double disk = n->store_bytes + n->staging_bytes;
    if (r->machine.has_disk && disk > (double)r->machine.disk_bytes) {
        warn(r,
             "%s has %.1f MB free, the night needs %.1f MB (staging %.1f, store %.1f): make room, "
             "or remove old generations",
             r->machine.disk.text, (double)r->machine.disk_bytes / 1e6, disk / 1e6,
             n->staging_bytes / 1e6, n->store_bytes / 1e6);
    }
    if (r->machine.memory_bytes > 0 && needed_memory(r) > (double)r->machine.memory_bytes) {
        warn(r,
             "the night needs %.0f MB of memory here, %s is %.0f MB: take fewer --workers, a "
             "smaller --batch or --beam, or a larger machine",
             needed_memory(r) / 1e6, r->machine.memory_limit,
             (double)r->machine.memory_bytes / 1e6);
    }
    warn_of_deadline(r);
    r->obstacle_count = r->warning_count;
    warn_of_probe(r);
}

// ---- plan.json ----

static json_t *describe_rate(const nj_plan_rate *rate)
{
    return json_pack("{s:I, s:f, s:I, s:f, s:f, s:f}", "processes", (json_int_t)rate->processes,
                     "seconds", rate->seconds, "searches", (json_int_t)rate->searches, "items_mean",
                     rate->items_mean, "searches_per_second",
                     rate->search_s > 0 ? 1 / rate->search_s : 0.0, "searches_per_core_second",
                     rate->search_core_s > 0 ? 1 / rate->search_core_s : 0.0);
}

static json_t *describe_probe(const nj_plan_result *r)
{
    json_t *probe =
        json_pack("{s:I, s:f, s:f}", "sample_users", (json_int_t)r->probe.sample, "row_bytes",
                  r->forecast.row_bytes, "engine_seconds", r->forecast.engine_s);
    if (probe != NULL) {
        json_object_set_new(probe, "alone", describe_rate(&r->probe.alone));
        json_object_set_new(probe, "together", describe_rate(&r->probe.together));
    }
    return probe;
}

static json_t *describe_histories(const nj_plan_histories *h)
{
    return json_pack("{s:I, s:I, s:I, s:f, s:I, s:I, s:I}", "users", (json_int_t)h->users, "cold",
                     (json_int_t)h->cold, "searches", (json_int_t)h->searches, "items_mean",
                     h->items_mean, "items_p50", (json_int_t)h->items_p50, "items_p90",
                     (json_int_t)h->items_p90, "items_most", (json_int_t)h->items_most);
}

static json_t *describe_deadline(const nj_plan_deadline *d)
{
    if (d->text == NULL) {
        return json_null();
    }
    json_t *deadline = json_pack("{s:s, s:I, s:I, s:b}", "text", d->text, "at", (json_int_t)d->at_s,
                                 "seconds_left", (json_int_t)(d->at_s - d->now_s), "met", d->met);
    if (deadline != NULL) {
        json_object_set_new(deadline, "cores",
                            d->possible ? json_integer((json_int_t)d->workers * d->nodes)
                                        : json_null());
        json_object_set_new(deadline, "nodes",
                            d->possible ? json_integer((json_int_t)d->nodes) : json_null());
    }
    return deadline;
}

static json_t *describe_machine(const nj_plan_result *r)
{
    const nj_plan_machine *m = &r->machine;
    json_t *machine = json_pack("{s:I, s:I}", "processors", (json_int_t)m->cpus,
                                "memory_needed_bytes", (json_int_t)needed_memory(r));
    if (machine != NULL) {
        json_object_set_new(machine, "memory_bytes",
                            m->memory_bytes > 0 ? json_integer((json_int_t)m->memory_bytes)
                                                : json_null());
        json_object_set_new(machine, "disk_free_bytes",
                            m->has_disk ? json_integer((json_int_t)m->disk_bytes) : json_null());
    }
    return machine;
}

static json_t *describe_warnings(const nj_plan_result *r)
{
    json_t *warnings = json_array();
    for (size_t i = 0; warnings != NULL && i < r->warning_count; i++) {
        json_array_append_new(warnings, json_string(r->warnings[i]));
    }
    return warnings;
}

json_t *nj_plan_document(const nj_plan_result *r)
{
    char plan[NJ_DIGEST_HEX_BYTES];
    char bundle[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(&r->plan_digest, plan);
    nj_digest_hex(&r->bundle_digest, bundle);
    json_t *document =
        json_pack("{s:i, s:I, s:s, s:s, s:s, s:s}", "version", NJ_PLANNED_VERSION, "made",
                  (json_int_t)r->deadline.now_s, "plan_digest", plan, "bundle_digest", bundle,
                  "settings", r->settings, "numeric_class", r->numeric_class);
    json_t *numbers = nj_night_numbers_json(&r->numbers);
    const struct {
        const char *key;
        json_t *value;
    } parts[] = {
        {"scaled_from_users",
         r->scaled_from > 0 ? json_integer((json_int_t)r->scaled_from) : json_null()},
        {"core_hours_million_users",
         json_real(r->numbers.cores * r->numbers.decode_s / 3600 / r->numbers.users * 1e6)},
        {"seconds_on_quiet_cores", json_real(r->quiet_total_s)},
        {"price_per_core_hour",
         isfinite(r->forecast.price) ? json_real(r->forecast.price) : json_null()},
        {"deadline", describe_deadline(&r->deadline)},
        {"histories", describe_histories(&r->histories)},
        {"probe", describe_probe(r)},
        {"machine", describe_machine(r)},
        {"gates", nj_gates_document(&r->gates)},
        {"warnings", describe_warnings(r)},
    };
    bool whole = document != NULL && numbers != NULL && json_object_update(document, numbers) == 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (document == NULL) {
            json_decref(parts[i].value);
        } else {
            whole = json_object_set_new(document, parts[i].key, parts[i].value) == 0 && whole;
        }
    }
    json_decref(numbers);
    if (!whole) {
        json_decref(document);
        document = NULL;
    }
    return document;
}

// ---- for people ----

static const char *format_seconds(double seconds, char out[TIME_BYTES])
{
    const long long whole = llround(seconds);
    if (seconds < 60) {
        snprintf(out, TIME_BYTES, "%.1f s", seconds);
    } else if (seconds < 3600) {
        snprintf(out, TIME_BYTES, "%lld min %02lld s", whole / 60, whole % 60);
    } else {
        snprintf(out, TIME_BYTES, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
    }
    return out;
}

static const char *format_clock(int64_t at_s, char out[TIME_BYTES])
{
    const time_t at = (time_t)at_s;
    struct tm local;
    if (localtime_r(&at, &local) == NULL || strftime(out, TIME_BYTES, "%a %H:%M:%S", &local) == 0) {
        out[0] = '\0';
    }
    return out;
}

static void print_users(const nj_plan_result *r)
{
    const nj_night_numbers *n = &r->numbers;
    const nj_plan_histories *h = &r->histories;
    printf("%.0f users: %.0f are decoded in %.0f shards", n->users, n->users - n->copied,
           n->shards);
    if (n->copied > 0) {
        printf(", %.0f are copied", n->copied);
    }
    printf("\n");
    if (r->scaled_from > 0) {
        printf("planned from %" PRIu64 " users as a sample of them (--scale-users)\n",
               r->scaled_from);
    }
    if (h->users > 0) {
        printf("histories: %" PRIu64 " of %" PRIu64 " need a search, %" PRIu64
               " are cold; %u items in the middle, %u at nine tenths, %u at most are encoded\n",
               h->searches, h->users, h->cold, h->items_p50, h->items_p90, h->items_most);
    }
}

static void print_rate(const nj_plan_rate *rate)
{
    printf("%u process%s %.1f s, %.1f searches/s each", rate->processes,
           rate->processes == 1 ? "" : "es", rate->seconds,
           rate->search_s > 0 ? 1 / rate->search_s : 0.0);
}

static void print_probe(const nj_plan_result *r)
{
    if (r->probe.alone.processes == 0 || r->numbers.searches == 0) {
        return;
    }
    printf("probe: ");
    print_rate(&r->probe.alone);
    if (r->probe.together.processes > 1) {
        printf("; ");
        print_rate(&r->probe.together);
    }
    printf("\n");
}

static void print_numbers(const nj_plan_result *r)
{
    const nj_night_numbers *n = &r->numbers;
    char total[TIME_BYTES], decode[TIME_BYTES];
    printf("\n%-22s %s  (read %.1f s, decode %s, check again %.1f s, pack %.1f s)\n", "the night",
           format_seconds(n->total_s, total), n->start_s, format_seconds(n->decode_s, decode),
           n->audit_s, n->pack_s);
    printf("%-22s %.1f users/s on %.0f core%s%s\n", "speed", n->users_per_second, n->cores,
           n->cores > 1 ? "s" : "", n->nodes > 1 ? " of several nodes" : "");
    printf("%-22s %.1f MB coordinator (with mapped pages of the store %.1f), %.1f MB a worker",
           "memory", n->coordinator_own_bytes / 1e6, n->coordinator_bytes / 1e6,
           n->worker_bytes / 1e6);
    if (r->forecast.local) {
        printf(", %.0f MB in all", needed_memory(r) / 1e6);
    }
    printf("\n%-22s %.1f MB, and %.1f MB while the night runs", "store", n->store_bytes / 1e6,
           n->staging_bytes / 1e6);
    if (r->machine.has_disk) {
        printf("; %.1f GB are free in %s", (double)r->machine.disk_bytes / 1e9,
               r->machine.disk.text);
    }
    printf("\n%-22s %.2f core-hours\n", "a million users",
           n->cores * n->decode_s / 3600 / n->users * 1e6);
    if (isfinite(n->cost_total)) {
        printf("%-22s %.4g for the night, %.4g for a million users\n", "cost", n->cost_total,
               n->cost_million_users);
    }
}

static void print_deadline(const nj_plan_result *r)
{
    const nj_plan_deadline *d = &r->deadline;
    char at[TIME_BYTES], spare[TIME_BYTES];
    if (d->text == NULL) {
        return;
    }
    const double left = (double)(d->at_s - d->now_s) - r->numbers.total_s;
    printf("%-22s %s: %s by %s with %.0f core%s", "deadline", format_clock(d->at_s, at),
           d->met ? "met" : "MISSED", format_seconds(fabs(left), spare), r->numbers.cores,
           r->numbers.cores > 1 ? "s" : "");
    if (d->possible) {
        printf("; the least that does: %u core%s", d->workers * d->nodes,
               d->workers * d->nodes > 1 ? "s" : "");
        if (d->nodes > 1) {
            printf(" (%u nodes of %u)", d->nodes, d->workers);
        }
    } else {
        printf("; no number of cores does");
    }
    printf("\n");
}

static void print_gates(const nj_plan_result *r)
{
    char sentence[NJ_GATES_SENTENCE_BYTES];
    for (size_t i = 0; i < r->gates.count; i++) {
        nj_gate_describe(&r->gates.findings[i], sentence);
        printf("gate %s: %s\n", r->gates.findings[i].passed ? "holds" : "DOES NOT HOLD", sentence);
    }
}

void nj_plan_print(const nj_plan_result *result)
{
    print_users(result);
    print_probe(result);
    print_numbers(result);
    print_deadline(result);
    print_gates(result);
}
