// plan.c - `nightjar plan`: shards, memory, time, disk and money of a night, before anything runs. Nothing is written but --out.
#include "ops/cli/plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/daemon/audit.h"
#include "coordinator/daemon/gates_before.h"
#include "coordinator/daemon/night_options.h"
#include "coordinator/deadline.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/local_fleet.h"

#define PROBE_SECONDS_MAX 600
#define NODES_MAX 100000
#define SCALE_USERS_MAX UINT64_C(256000000) // NJ_PLAN_SHARDS_MAX shards of the usual size
#define PRICE_MAX 1e6

typedef struct {
    nj_night_options night; // shards, class and --since
    uint64_t workers, nodes, audit_users, probe_s, seed, scale_users;
    double price; // NAN: none
    nj_plan_deadline deadline;
    uint64_t started_ns;
} plan_options;

// What is open while the command runs.
typedef struct {
    nj_job job;
    nj_since since;
    nj_plan plan;
    nj_engine *engine;
} plan_work;

// ---- options ----

static nj_status read_numbers(const nj_arguments *arguments, plan_options *o, nj_error *err)
{
    uint64_t max_age = 0;
    const struct {
        const char *name;
        uint64_t least, most;
        uint64_t *number;
    } numbers[] = {
        {"workers", 1, NJ_LOCAL_FLEET_MAX, &o->workers},
        {"nodes", 1, NODES_MAX, &o->nodes},
        {"audit-users", 0, NJ_AUDIT_USERS_MAX, &o->audit_users},
        {"probe-seconds", 1, PROBE_SECONDS_MAX, &o->probe_s},
        {"seed", 0, UINT64_MAX, &o->seed},
        {"max-age", 1, NJ_SINCE_MAX_AGE_MOST, &max_age},
        {"scale-users", 1, SCALE_USERS_MAX, &o->scale_users},
    };
    nj_status status = NJ_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && status == NJ_OK; i++) {
        if (nj_argument(arguments, numbers[i].name) != NULL) {
            status = nj_argument_uint(arguments, numbers[i].name, numbers[i].least, numbers[i].most,
                                      numbers[i].number, err);
        }
    }
    o->night.max_age = (uint32_t)max_age;
    return status;
}

static nj_status read_price(const nj_arguments *arguments, double *out, nj_error *err)
{
    const char *text = nj_argument(arguments, "price-per-core-hour");
    char *end = NULL;
    *out = NAN;
    if (text == NULL) {
        return NJ_OK;
    }
    const double price = strtod(text, &end);
    if (end == text || *end != '\0' || !(price >= 0 && price <= PRICE_MAX)) {
        return nj_fail(err, NJ_USAGE, "--price-per-core-hour is \"%s\", must be from 0 to %.0f",
                       text, PRICE_MAX);
    }
    *out = price;
    return NJ_OK;
}

static nj_status read_options(const nj_arguments *arguments, plan_options *o, nj_error *err)
{
    *o = (plan_options){.started_ns = nj_clock_mono_ns(),
                        .night = {.store_dir = nj_argument(arguments, "store"),
                                  .since = nj_argument(arguments, "since"),
                                  .since_bundle = nj_argument(arguments, "since-bundle")},
                        .deadline = {.text = nj_argument(arguments, "deadline"),
                                     .now_s = (int64_t)(nj_clock_wall_ms() / 1000)}};
    nj_status status = read_numbers(arguments, o, err);
    if (status == NJ_OK) {
        status = nj_night_shard_users_from(arguments, &o->night, err);
    }
    if (status == NJ_OK) {
        status = nj_engine_options_check(arguments, err);
    }
    if (status == NJ_OK) {
        status = nj_night_numeric_class_from(arguments, &o->night, err);
    }
    if (status == NJ_OK) {
        status = nj_kernels_class_from(arguments, &o->night, err);
    }
    if (status == NJ_OK) {
        status = nj_night_gates_from(arguments, &o->night, err);
    }
    if (status == NJ_OK) {
        status = read_price(arguments, &o->price, err);
    }
    if (status == NJ_OK && o->deadline.text != NULL) {
        status = nj_deadline_read(o->deadline.text, o->deadline.now_s, &o->deadline.at_s, err);
    }
    if (status == NJ_OK && o->night.since != NULL && o->night.store_dir == NULL) {
        status = nj_fail(err, NJ_USAGE, "--since needs --store");
    }
    return status;
}

// ---- the plan of shards, as the night makes it ----

static nj_status plan_shards(const plan_options *o, plan_work *w, nj_error *err)
{
    nj_plan_copying copying;
    const nj_since_request request = {.store_dir = o->night.store_dir,
                                      .generation = o->night.since,
                                      .bundle = o->night.since_bundle,
                                      .max_age = o->night.max_age,
                                      .numeric_class = o->night.numeric_class};
    const nj_digest bundle = nj_sections_digest(&w->job.sections);
    nj_status status =
        o->night.since != NULL ? nj_since_open(&request, &w->job, &w->since, err) : NJ_OK;
    if (status != NJ_OK) {
        return status;
    }
    const bool copies = o->night.since != NULL && nj_since_copying(&w->since, &copying);
    return nj_plan_make(&w->job.users, &w->job.settings, &bundle, copies ? &copying : NULL,
                        o->night.shard_users, o->night.shard_users_least, &w->plan, err);
}

// ---- measuring ----

static nj_status probe(const nj_arguments *arguments, const plan_options *o, plan_work *w,
                       nj_plan_result *r, nj_error *err)
{
    const uint64_t open_ns = nj_clock_mono_ns();
    nj_status status =
        nj_engine_from(arguments, &w->job.sections, &w->job.settings, &w->engine, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_engine_plan *engine = nj_engine_plan_of(w->engine);
    r->forecast.engine_s = (double)(nj_clock_mono_ns() - open_ns) / 1e9;
    r->forecast.worker_bytes = nj_engine_plan_bytes(engine);
    r->shared_bytes = engine->mapped_bytes;
    status = nj_plan_histories_count(&w->plan, &w->job, engine, (uint32_t)(o->workers * o->nodes),
                                     &r->histories, err);
    if (status == NJ_OK && w->plan.user_count > 0) {
        // Workers of other machines have processors of their own, which this one may lack.
        const uint64_t here =
            o->nodes > 1 && o->workers > r->machine.cpus ? r->machine.cpus : o->workers;
        const nj_plan_probe_options options = {.seconds = (double)o->probe_s,
                                               .seed = o->seed,
                                               .workers = (uint32_t)here,
                                               .pin = nj_argument(arguments, "pin"),
                                               .items_mean = r->histories.items_mean};
        nj_log(NJ_LOG_INFO, "decoding a sample for %" PRIu64 " s", o->probe_s);
        status = nj_plan_probe_run(&w->plan, &w->job, w->engine, &options, &r->probe, err);
    }
    return status;
}

// ---- forecasting ----

static uint64_t count_shards(uint64_t users, const nj_night_options *night)
{
    uint64_t shards = 0;
    while (users > 0) {
        users -= nj_plan_next_shard(users, night->shard_users, night->shard_users_least);
        shards++;
    }
    return shards;
}

// What one user takes of the coordinator's memory, at the mean: his items, where they lie, his id, and his place in the order.
static double user_bytes(const plan_work *w)
{
    const nj_user_table *users = &w->job.users;
    const double bytes = (double)users->items.size + (double)users->spans.size +
                         (double)users->ids.offsets.size + (double)users->ids.bytes.size;
    return bytes / (double)users->count + sizeof *w->plan.order;
}

// The same night with more users of the same kind, or with fewer.
static void scale(const plan_options *o, const plan_work *w, nj_plan_result *r)
{
    nj_forecast *f = &r->forecast;
    const double factor = (double)o->scale_users / (double)f->users;
    r->scaled_from = f->users;
    f->users = o->scale_users;
    f->copied = (uint64_t)llround((double)f->copied * factor);
    f->searches = (uint64_t)llround((double)f->searches * factor);
    f->shards = count_shards(f->users - f->copied, &o->night);
    f->start_s *= factor;
    const double more = user_bytes(w) * ((double)f->users - (double)r->scaled_from);
    f->own_bytes = (uint64_t)fmax(0, (double)f->own_bytes + more);
    f->resident_bytes = (uint64_t)fmax(0, (double)f->resident_bytes + more);
}

static double copied_row_bytes(const plan_work *w)
{
    const nj_store_manifest *manifest =
        w->since.reader != NULL ? nj_store_reader_manifest(w->since.reader) : NULL;
    return manifest != NULL && manifest->facts.row_count > 0
               ? (double)manifest->data_bytes / (double)manifest->facts.row_count
               : 0;
}

static void fill_forecast(const plan_options *o, const plan_work *w, nj_plan_result *r)
{
    nj_forecast *f = &r->forecast;
    const nj_plan_histories *h = &r->histories;
    const double share = h->users > 0 ? (double)h->searches / (double)h->users : 0;
    f->users = w->plan.user_count + w->plan.copied_count;
    f->copied = w->plan.copied_count;
    f->searches = (uint64_t)llround(share * (double)w->plan.user_count);
    f->shards = w->plan.shard_count;
    f->shard_users_least = o->night.shard_users_least;
    f->audit_users = nj_numeric_class_reproducible(o->night.numeric_class)
                         ? (uint32_t)o->audit_users
                         : 0; // a second decoding proves nothing
    f->search_s_alone = r->probe.alone.search_s;
    f->search_s_together = r->probe.together.search_s;
    f->search_core_s = r->probe.together.search_core_s;
    f->workers_together = r->probe.together.processes;
    f->row_bytes =
        r->probe.pages.rows > 0 ? nj_forecast_pages_row(&r->probe.pages) : copied_row_bytes(w);
    f->workers = (uint32_t)o->workers;
    f->nodes = (uint32_t)o->nodes;
    f->node_cpus = r->machine.cpus;
    f->local = o->nodes == 1;
    f->price = o->price;
    if (o->scale_users > 0) {
        scale(o, w, r);
    }
}

// By the processes' own clocks, which stand still while others have the cores.
static double forecast_quiet(const nj_forecast *measured)
{
    nj_forecast quiet = *measured;
    quiet.search_s_alone = fmin(quiet.search_s_alone, quiet.search_core_s);
    quiet.search_s_together = fmin(quiet.search_s_together, quiet.search_core_s);
    return nj_forecast_make(&quiet).total_s;
}

static void judge_deadline(const plan_options *o, nj_plan_result *r)
{
    nj_plan_deadline *d = &r->deadline;
    nj_forecast least = r->forecast;
    *d = o->deadline;
    if (d->text == NULL) {
        return;
    }
    const double left = (double)(d->at_s - d->now_s);
    const uint32_t node_workers = r->forecast.local
                                      ? r->machine.cpus
                                      : r->forecast.workers; // as many as a node has, or is given
    d->met = r->numbers.total_s <= left;
    d->possible = nj_forecast_workers(&least, left, node_workers);
    d->workers = least.workers;
    d->nodes = least.nodes;
}

static void describe_night(const plan_options *o, const plan_work *w, nj_plan_result *r)
{
    r->plan_digest = w->plan.digest;
    r->bundle_digest = nj_sections_digest(&w->job.sections);
    r->numeric_class = o->night.numeric_class;
    nj_settings_describe(&w->job.settings, r->settings);
}

static nj_status make_result(const nj_arguments *arguments, const plan_options *o, plan_work *w,
                             nj_plan_result *r, nj_error *err)
{
    nj_status status = nj_job_open(arguments, &w->job, err);
    if (status == NJ_OK) {
        status = nj_gates_before(&o->night.gates, o->night.store_dir, &w->job, o->night.as_of_s,
                                 &(nj_gates_missing){0}, &r->gates, err);
    }
    if (status == NJ_OK) {
        status = plan_shards(o, w, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_plan_machine_look(o->night.store_dir, &r->machine);
    r->forecast.start_s = (double)(nj_clock_mono_ns() - o->started_ns) / 1e9;
    r->forecast.own_bytes = r->machine.own_bytes;
    r->forecast.resident_bytes = r->machine.resident_bytes;
    status = probe(arguments, o, w, r, err);
    if (status == NJ_OK) {
        fill_forecast(o, w, r);
        describe_night(o, w, r);
        r->numbers = nj_forecast_make(&r->forecast);
        r->quiet_total_s = forecast_quiet(&r->forecast);
        judge_deadline(o, r);
        nj_plan_warn(r);
    }
    return status;
}

// ---- telling ----

static nj_status write_document(const char *path, const json_t *document, nj_error *err)
{
    char *text = json_dumps(document, JSON_INDENT(2));
    nj_status status = text != NULL ? nj_file_write(path, text, strlen(text), err)
                                    : nj_fail(err, NJ_NO_MEMORY, "no memory for the plan");
    free(text);
    return status;
}

static nj_status tell(const nj_arguments *arguments, const nj_plan_result *r, nj_error *err)
{
    const char *path = nj_argument(arguments, "out");
    json_t *document = nj_plan_document(r);
    nj_status status =
        document != NULL ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory for the plan");
    if (status == NJ_OK && path != NULL) {
        status = write_document(path, document, err);
    }
    for (size_t i = 0; i < r->warning_count && status == NJ_OK; i++) {
        nj_log(NJ_LOG_WARNING, "%s", r->warnings[i]);
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        return nj_print_json_take(&document, err);
    }
    if (status == NJ_OK) {
        nj_plan_print(r);
    }
    json_decref(document);
    return status;
}

nj_status nj_command_plan(const nj_arguments *arguments, nj_error *err)
{
    plan_options options;
    plan_work work = {0};
    nj_plan_result *result = calloc(1, sizeof *result);
    nj_status status = result != NULL ? read_options(arguments, &options, err)
                                      : nj_fail(err, NJ_NO_MEMORY, "no memory for a plan");
    if (status == NJ_OK) {
        status = make_result(arguments, &options, &work, result, err);
    }
    if (status == NJ_OK) {
        status = tell(arguments, result, err);
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "strict")) {
        status = nj_gates_verdict(&result->gates, err);
    }
    if (status == NJ_OK && result->obstacle_count > 0 && nj_argument_flag(arguments, "strict")) {
        status = nj_fail(err, NJ_REFUSED, "the night does not fit: %s", result->warnings[0]);
    }
    nj_engine_close(&work.engine);
    nj_plan_fini(&work.plan);
    nj_since_close(&work.since);
    nj_job_close(&work.job);
    free(result);
    return status;
}
