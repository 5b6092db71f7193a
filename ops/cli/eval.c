// eval.c - `nightjar eval`: lists against held-out items, and one model's lists against another's.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/id.h"
#include "common/judge/metric.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/eval.h"

#define KEY_BYTES 32 // "recall_loss@20"

typedef struct {
    nj_path name;   // printable
    uint32_t depth; // places that its lists may have: no cut-off beyond is reported
    nj_lists lists;
    nj_judgement judgement;
    uint64_t other_count; // lists of users who are not judged
} model;

typedef struct {
    nj_job job;
    nj_live_rows live; // what a list may name
    nj_held_out held;
    const char *target; // "test"
    nj_held_out_place place;
    uint64_t procs;
    model judged;
    model against;
    bool compares;          // there is an `against`
    nj_file_draft outcomes; // --per-user
} evaluation;

// ---- options and inputs ----

static bool is_stdin(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static nj_status read_target(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    e->target = nj_argument(arguments, "target");
    if (strcmp(e->target, "test") != 0 && strcmp(e->target, "validation") != 0) {
        return nj_fail(err, NJ_USAGE, "--target is \"%s\", must be test or validation", e->target);
    }
    e->place = strcmp(e->target, "test") == 0 ? NJ_HELD_OUT_TEST : NJ_HELD_OUT_VALIDATION;
    return NJ_OK;
}

static nj_status read_options(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    static const char *const READ[] = {"users", "lists", "against"};
    size_t stdin_count = 0;
    for (size_t i = 0; i < sizeof READ / sizeof READ[0]; i++) {
        stdin_count += is_stdin(nj_argument(arguments, READ[i]));
    }
    if (stdin_count > 1) {
        return nj_fail(err, NJ_USAGE,
                       "only one of --users, --lists and --against can be standard input");
    }
    nj_status status = read_target(arguments, e, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "procs", 1, NJ_EVAL_PROCS_MAX, &e->procs, err);
    }
    return status == NJ_OK ? nj_engine_options_check(arguments, err) : status;
}

static nj_status read_users(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    const char *path = nj_argument(arguments, "users");
    nj_histories_format format = NJ_HISTORIES_SEQUENCE;
    nj_status status = nj_format_from(nj_argument(arguments, "format"), path, &format, err);
    if (status == NJ_OK) {
        status = nj_job_open_bundle(arguments, &e->job, err);
    }
    if (status == NJ_OK) {
        status = nj_live_rows_init(&e->job.catalogue.trie, e->job.catalogue.sids.row_count,
                                   &e->live, err);
    }
    if (status == NJ_OK) {
        const nj_user_masks masks = nj_job_masks(&e->job);
        status = nj_held_out_read(path, format, e->place, &e->job.catalogue.items, &e->job.map,
                                  &masks, &e->live, &e->held, err);
    }
    if (status == NJ_OK && e->held.users.count == 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: nobody can be judged: of %" PRIu64 " users %" PRIu64
                       " have no item to hold out and %" PRIu64
                       " one that the catalogue does not know and %" PRIu64 " a retired one",
                       path, e->held.read_count, e->held.short_count, e->held.unknown_count,
                       e->held.retired_count);
    }
    return status == NJ_OK ? nj_user_table_apply(&e->held.users, &e->job.settings, err) : status;
}

// ---- models ----

static nj_status start_model(const char *name, const evaluation *e, model *m, nj_error *err)
{
    const size_t users = e->held.users.count;
    snprintf(m->name.text, sizeof m->name.text, "%s", name);
    nj_text_make_printable(m->name.text); // JSON is UTF-8, and a path need not be
    m->depth = e->job.settings.top;
    return nj_lists_init(users, m->depth, &m->lists) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu lists of %u items", users, m->depth);
}

static nj_status judge(const evaluation *e, model *m, nj_error *err)
{
    return nj_lists_judge(&m->lists, nj_held_out_targets(&e->held), &m->judgement) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu ranks", e->held.users.count);
}

static nj_status judge_file(const char *path, const evaluation *e, model *m, nj_error *err)
{
    nj_status status = start_model(path, e, m, err);
    if (status == NJ_OK) {
        status = nj_eval_read_lists(path, &e->job.catalogue.items, &e->job.map, &e->live,
                                    &e->held.users, &m->lists, &m->other_count, err);
    }
    if (status == NJ_OK) {
        status = judge(e, m, err);
    }
    if (status == NJ_OK) {
        m->depth = m->judgement.longest;
    }
    return status;
}

static nj_status judge_engine(const nj_arguments *arguments, const evaluation *e, model *m,
                              nj_error *err)
{
    nj_status status = start_model(nj_argument(arguments, "bundle"), e, m, err);
    if (status == NJ_OK) {
        status = nj_eval_decode(arguments, &e->job, &e->held, e->procs, &m->lists, err);
    }
    return status == NJ_OK ? judge(e, m, err) : status;
}

// What can go wrong with other files comes first: it must not cost a decoding.
static nj_status judge_all(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    const char *lists = nj_argument(arguments, "lists");
    const char *against = nj_argument(arguments, "against");
    const char *per_user = nj_argument(arguments, "per-user");
    nj_status status = NJ_OK;
    if (per_user != NULL) {
        status = nj_file_draft_begin(per_user, &e->outcomes, err);
    }
    e->compares = against != NULL;
    if (status == NJ_OK && e->compares) {
        status = judge_file(against, e, &e->against, err);
    }
    if (status == NJ_OK) {
        status = lists != NULL ? judge_file(lists, e, &e->judged, err)
                               : judge_engine(arguments, e, &e->judged, err);
    }
    if (status == NJ_OK && per_user != NULL) {
        status = nj_eval_write_users(&e->outcomes, &e->job.catalogue.items, &e->held,
                                     e->judged.judgement.ranks,
                                     lists == NULL ? &e->judged.lists : NULL, err);
    }
    return status;
}

static void close_model(model *m)
{
    nj_judgement_fini(&m->judgement);
    nj_lists_fini(&m->lists);
}

// ---- results ----

static double mean_of(const model *m, const nj_metric *metric, uint32_t cutoff)
{
    return nj_metric_mean(metric, cutoff, m->judgement.ranks, m->lists.user_count);
}

// What the judged model loses beside the other, of the other's value; false where that is 0.
static bool find_loss(const evaluation *e, const nj_metric *metric, uint32_t cutoff, double *out)
{
    const double other = mean_of(&e->against, metric, cutoff);
    *out = other > 0 ? (other - mean_of(&e->judged, metric, cutoff)) / other : 0;
    return other > 0;
}

static uint32_t common_depth(const evaluation *e)
{
    return e->judged.depth < e->against.depth ? e->judged.depth : e->against.depth;
}

static void set_value(json_t *object, const char *name, const char *suffix, uint32_t cutoff,
                      json_t *value)
{
    char key[KEY_BYTES];
    snprintf(key, sizeof key, "%s%s@%u", name, suffix, cutoff);
    json_object_set_new(object, key, value);
}

static json_t *model_to_json(const model *m)
{
    const nj_judgement *j = &m->judgement;
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "name", m->name.text, "users",
                  (json_int_t)m->lists.user_count, "without_list", (json_int_t)j->absent_count,
                  "other_users", (json_int_t)m->other_count, "recommended",
                  (json_int_t)j->item_total, "invalid", (json_int_t)j->invalid_total);
    for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
        for (size_t c = 0; c < NJ_CUTOFF_COUNT && NJ_CUTOFFS[c] <= m->depth; c++) {
            set_value(object, NJ_METRICS[i].name, "", NJ_CUTOFFS[c],
                      json_real(mean_of(m, &NJ_METRICS[i], NJ_CUTOFFS[c])));
        }
    }
    return object;
}

static json_t *comparison_to_json(const evaluation *e)
{
    const uint32_t depth = common_depth(e);
    json_t *object = json_object();
    for (size_t c = 0; c < NJ_CUTOFF_COUNT && NJ_CUTOFFS[c] <= depth; c++) {
        const uint32_t cutoff = NJ_CUTOFFS[c];
        set_value(object, "overlap", "", cutoff,
                  json_real(nj_lists_overlap(&e->judged.lists, &e->against.lists, cutoff)));
        for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
            double loss;
            bool known = find_loss(e, &NJ_METRICS[i], cutoff, &loss);
            set_value(object, NJ_METRICS[i].name, "_loss", cutoff,
                      known ? json_real(loss) : json_null());
        }
    }
    return object;
}

static nj_status print_json(const evaluation *e, nj_error *err)
{
    const nj_held_out *held = &e->held;
    json_t *models = json_array();
    json_array_append_new(models, model_to_json(&e->judged));
    json_t *object =
        json_pack("{s:s, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I}, s:o}", "target", e->target, "users",
                  "read", (json_int_t)held->read_count, "judged", (json_int_t)held->users.count,
                  "without_item", (json_int_t)held->short_count, "unknown_item",
                  (json_int_t)held->unknown_count, "retired_item", (json_int_t)held->retired_count,
                  "item_in_input", (json_int_t)held->repeated_count, "cold",
                  (json_int_t)held->users.cold_count, "models", models);
    if (e->compares) {
        json_array_append_new(models, model_to_json(&e->against));
        json_object_set_new(object, "comparison", comparison_to_json(e));
    }
    return nj_print_json_take(&object, err);
}

static void print_model(const model *m)
{
    const nj_judgement *j = &m->judgement;
    printf("\n%s\n", m->name.text);
    for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
        printf("  %-8s", NJ_METRICS[i].name);
        for (size_t c = 0; c < NJ_CUTOFF_COUNT && NJ_CUTOFFS[c] <= m->depth; c++) {
            printf("  @%-2u %.4f", NJ_CUTOFFS[c], mean_of(m, &NJ_METRICS[i], NJ_CUTOFFS[c]));
        }
        printf("\n");
    }
    printf("  invalid   %" PRIu64 " of %" PRIu64 " recommended\n", j->invalid_total, j->item_total);
    if (j->absent_count > 0 || m->other_count > 0) {
        printf("  %zu users without a list, judged as an empty one; %" PRIu64
               " lists of users who are not judged\n",
               j->absent_count, m->other_count);
    }
}

static void print_comparison(const evaluation *e)
{
    const uint32_t depth = common_depth(e);
    printf("\n%s against %s\n  overlap    ", e->judged.name.text, e->against.name.text);
    for (size_t c = 0; c < NJ_CUTOFF_COUNT && NJ_CUTOFFS[c] <= depth; c++) {
        printf("  @%-2u %7.4f  ", NJ_CUTOFFS[c],
               nj_lists_overlap(&e->judged.lists, &e->against.lists, NJ_CUTOFFS[c]));
    }
    for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
        printf("\n  %-6s lost", NJ_METRICS[i].name);
        for (size_t c = 0; c < NJ_CUTOFF_COUNT && NJ_CUTOFFS[c] <= depth; c++) {
            double loss;
            if (find_loss(e, &NJ_METRICS[i], NJ_CUTOFFS[c], &loss)) {
                printf("  @%-2u %7.3f %%", NJ_CUTOFFS[c], 100 * loss);
            } else {
                printf("  @%-2u %9s", NJ_CUTOFFS[c], "none");
            }
        }
    }
    printf("\n");
}

static void print_text(const evaluation *e)
{
    const nj_held_out *held = &e->held;
    printf("%s: %zu of %" PRIu64 " users judged; %" PRIu64 " without an item to hold out, %" PRIu64
           " whose item the catalogue does not know, %" PRIu64 " whose item is retired\n"
           "of those judged, %" PRIu64
           " have the item in their input too and %zu have no known item to read\n",
           e->target, held->users.count, held->read_count, held->short_count, held->unknown_count,
           held->retired_count, held->repeated_count, held->users.cold_count);
    print_model(&e->judged);
    if (e->compares) {
        print_model(&e->against);
        print_comparison(e);
    }
}

nj_status nj_command_eval(const nj_arguments *arguments, nj_error *err)
{
    evaluation e = {0};
    nj_status status = read_options(arguments, &e, err);
    if (status == NJ_OK) {
        status = read_users(arguments, &e, err);
    }
    if (status == NJ_OK) {
        status = judge_all(arguments, &e, err);
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        status = print_json(&e, err);
    } else if (status == NJ_OK) {
        print_text(&e);
    }
    close_model(&e.judged);
    close_model(&e.against);
    nj_file_draft_abort(&e.outcomes);
    nj_held_out_fini(&e.held);
    nj_live_rows_fini(&e.live);
    nj_job_close(&e.job);
    return status;
}
