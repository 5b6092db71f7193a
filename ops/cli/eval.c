// eval.c - `nightjar eval`: lists against held-out items, and one model's lists against another's.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/id.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/eval.h"
#include "ops/cli/eval_report.h"

#define COUNT_ROWS 7

typedef struct {
    nj_job job;
    nj_live_rows live; // what a list may name
    nj_held_out held;
    nj_histories_source source;
    nj_split split;
    uint64_t procs;
    nj_path paths[NJ_MODELS_MAX]; // of the models' lists; "": they are decoded
    nj_path names[NJ_MODELS_MAX]; // printable
    nj_evaluation said;           // all that the report is made of; borrows from the rest
    nj_evaluation_count counts[COUNT_ROWS];
    uint32_t *history_lengths; // owned; [users]
    nj_file_draft outcomes;    // --per-user
    nj_eval_report report;
} evaluation;

// ---- options and inputs ----

// Adds the models whose lists lie in `paths`, a list with commas; NULL: none.
static nj_status add_paths(const char *paths, evaluation *e, nj_error *err)
{
    for (const char *next = paths; next != NULL;) {
        const size_t bytes = strcspn(next, ",");
        nj_path *path = &e->paths[e->said.model_count];
        if (e->said.model_count == NJ_MODELS_MAX) {
            return nj_fail(err, NJ_USAGE, "more than %d models: judge them in two runs",
                           NJ_MODELS_MAX);
        }
        if (bytes == 0 || bytes >= sizeof path->text) {
            return nj_fail(err, NJ_USAGE, "\"%s\" has a path of %zu bytes, must be 1 to %zu", paths,
                           bytes, sizeof path->text - 1);
        }
        memcpy(path->text, next, bytes);
        path->text[bytes] = '\0';
        e->said.model_count++;
        next = next[bytes] == ',' ? next + bytes + 1 : NULL;
    }
    return NJ_OK;
}

// The first model is that of --lists, or else the bundle's, whose path is left empty.
static nj_status read_paths(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    const char *lists = nj_argument(arguments, "lists");
    const char *users = nj_argument(arguments, "users");
    e->said.model_count = lists == NULL ? 1 : 0;
    nj_status status = add_paths(lists, e, err);
    if (status == NJ_OK) {
        status = add_paths(nj_argument(arguments, "against"), e, err);
    }
    size_t stdin_count = strcmp(users, "-") == 0;
    for (size_t i = 0; i < e->said.model_count; i++) {
        stdin_count += strcmp(e->paths[i].text, "-") == 0;
    }
    if (status == NJ_OK && stdin_count > 1) {
        return nj_fail(err, NJ_USAGE,
                       "only one of --users, --lists and --against can be standard input");
    }
    return status;
}

static nj_status read_split(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    nj_status status = nj_histories_from(arguments, &e->source, err);
    if (status == NJ_OK) {
        status = nj_split_from(arguments, &e->split, err);
    }
    if (status == NJ_OK && e->split.kind == NJ_SPLIT_NONE) {
        return nj_fail(
            err, NJ_USAGE,
            "--target is \"none\", must be test or validation: there is nothing to judge "
            "where nothing is held out");
    }
    return status;
}

static nj_status read_options(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    nj_status status = read_paths(arguments, e, err);
    if (status == NJ_OK) {
        status = read_split(arguments, e, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "procs", 1, NJ_EVAL_PROCS_MAX, &e->procs, err);
    }
    return status == NJ_OK ? nj_engine_options_check(arguments, err) : status;
}

static nj_status read_users(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    nj_status status = nj_job_open_bundle(arguments, &e->job, err);
    if (status == NJ_OK) {
        status = nj_live_rows_init(&e->job.catalogue.trie, e->job.catalogue.sids.row_count,
                                   &e->live, err);
    }
    if (status == NJ_OK) {
        const nj_user_masks masks = nj_job_masks(&e->job);
        status = nj_held_out_read(&e->source, &e->split, &e->job.catalogue.items, &e->job.map,
                                  &masks, &e->live, &e->held, err);
    }
    if (status == NJ_OK && e->held.users.count == 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: nobody can be judged: of %" PRIu64 " users %" PRIu64
                       " have no item to hold out and %" PRIu64
                       " one that the catalogue does not know and %" PRIu64 " a retired one",
                       e->source.path, e->held.read_count, e->held.short_count,
                       e->held.unknown_count, e->held.retired_count);
    }
    return status == NJ_OK ? nj_user_table_apply(&e->held.users, &e->job.settings, err) : status;
}

// ---- what the report is told ----

static void count_users(evaluation *e)
{
    const nj_held_out *held = &e->held;
    const nj_evaluation_count counts[COUNT_ROWS] = {
        {"read", "users read", held->read_count},
        {"judged", "judged", held->users.count},
        {"without_item", "without an item to hold out", held->short_count},
        {"unknown_item", "whose item the catalogue does not know", held->unknown_count},
        {"retired_item", "whose item is retired", held->retired_count},
        {"item_in_input", "of those judged have the item in their input too", held->repeated_count},
        {"cold", "of those judged have no known item to read", held->users.cold_count},
    };
    memcpy(e->counts, counts, sizeof counts);
    e->said.counts = e->counts;
    e->said.count_count = COUNT_ROWS;
}

static const uint32_t *history_at(const void *users, size_t user, uint32_t *out_count)
{
    const nj_request request = nj_user_table_at(users, user);
    *out_count = request.item_count;
    return request.items;
}

static nj_status tell_users(evaluation *e, nj_error *err)
{
    nj_evaluation *said = &e->said;
    const nj_user_table *users = &e->held.users;
    e->history_lengths = calloc(users->count, sizeof *e->history_lengths);
    if (e->history_lengths == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu users", users->count);
    }
    for (size_t i = 0; i < users->count; i++) {
        e->history_lengths[i] = nj_user_table_at(users, i).item_count;
    }
    count_users(e);
    said->target = e->split.kind == NJ_SPLIT_VALIDATION ? "validation" : "test";
    said->split = e->split.kind == NJ_SPLIT_TIME ? "time" : "leave-last-out";
    said->primary = e->job.settings.keep_history ? NJ_HISTORY_KEPT : NJ_HISTORY_MASKED;
    said->user_count = users->count;
    said->user_ids = &users->ids;
    said->targets = nj_held_out_targets(&e->held);
    said->history_lengths = e->history_lengths;
    said->history_at = history_at;
    said->history = users;
    return NJ_OK;
}

static void tell_items(evaluation *e)
{
    nj_evaluation *said = &e->said;
    const nj_catalogue_view *catalogue = &e->job.catalogue;
    said->item_count = catalogue->items.count;
    said->live_count = e->live.live_count;
    said->item_ids = &catalogue->items;
    said->popularity = e->held.popularity;
    said->codes = catalogue->sids.codes;
    said->level_count = catalogue->sids.level_count;
}

// ---- models ----

static nj_ranking *ranking_of(evaluation *e, size_t model)
{
    return &e->said.models[model].rankings[e->said.primary];
}

static nj_status start_model(const char *name, evaluation *e, size_t model, nj_error *err)
{
    const size_t users = e->held.users.count;
    nj_ranking *ranking = ranking_of(e, model);
    char *text = e->names[model].text;
    snprintf(text, sizeof e->names[model].text, "%s", name);
    nj_text_make_printable(text); // JSON is UTF-8, and a path need not be
    e->said.models[model].name = text;
    ranking->known = true;
    ranking->depth = e->job.settings.top;
    return nj_lists_init(users, ranking->depth, &ranking->lists) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu lists of %u items", users,
                         ranking->depth);
}

static nj_status judge(const evaluation *e, nj_ranking *ranking, nj_error *err)
{
    return nj_lists_judge(&ranking->lists, e->said.targets, &ranking->judgement) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu ranks", e->held.users.count);
}

static nj_status judge_file(evaluation *e, size_t model, nj_error *err)
{
    const char *path = e->paths[model].text;
    nj_ranking *ranking = ranking_of(e, model);
    nj_status status = start_model(path, e, model, err);
    if (status == NJ_OK) {
        status =
            nj_eval_read_lists(path, &e->job.catalogue.items, &e->job.map, &e->live, &e->held.users,
                               &ranking->lists, &e->said.models[model].other_count, err);
    }
    if (status == NJ_OK) {
        status = judge(e, ranking, err);
    }
    if (status == NJ_OK) {
        ranking->depth = ranking->judgement.longest;
    }
    return status;
}

static nj_status judge_engine(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    nj_status status = start_model(nj_argument(arguments, "bundle"), e, 0, err);
    if (status == NJ_OK) {
        status =
            nj_eval_decode(arguments, &e->job, &e->held, e->procs, &ranking_of(e, 0)->lists, err);
    }
    return status == NJ_OK ? judge(e, ranking_of(e, 0), err) : status;
}

// What can go wrong with other files comes first: it must not cost a decoding.
static nj_status judge_all(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    const bool decodes = e->paths[0].text[0] == '\0';
    const char *per_user = nj_argument(arguments, "per-user");
    nj_status status = NJ_OK;
    if (per_user != NULL) {
        status = nj_file_draft_begin(per_user, &e->outcomes, err);
    }
    for (size_t i = decodes ? 1 : 0; i < e->said.model_count && status == NJ_OK; i++) {
        status = judge_file(e, i, err);
    }
    if (status == NJ_OK && decodes) {
        status = judge_engine(arguments, e, err);
    }
    const nj_ranking *ranking = ranking_of(e, 0);
    if (status == NJ_OK && per_user != NULL) {
        status =
            nj_eval_write_users(&e->outcomes, &e->job.catalogue.items, &e->held,
                                ranking->judgement.ranks, decodes ? &ranking->lists : NULL, err);
    }
    return status;
}

static void close_evaluation(evaluation *e)
{
    nj_eval_report_end(&e->report);
    for (size_t i = 0; i < NJ_MODELS_MAX; i++) {
        for (size_t masking = 0; masking < NJ_MASKING_COUNT; masking++) {
            nj_judgement_fini(&e->said.models[i].rankings[masking].judgement);
            nj_lists_fini(&e->said.models[i].rankings[masking].lists);
        }
    }
    nj_file_draft_abort(&e->outcomes);
    free(e->history_lengths);
    nj_held_out_fini(&e->held);
    nj_live_rows_fini(&e->live);
    nj_job_close(&e->job);
}

nj_status nj_command_eval(const nj_arguments *arguments, nj_error *err)
{
    evaluation e = {0};
    nj_status status = read_options(arguments, &e, err);
    if (status == NJ_OK) {
        status = read_users(arguments, &e, err);
    }
    if (status == NJ_OK) {
        status = tell_users(&e, err);
    }
    if (status == NJ_OK) {
        tell_items(&e);
        status = nj_eval_report_begin(arguments, &e.job.map, &e.said, &e.report, err);
    }
    if (status == NJ_OK) {
        status = judge_all(arguments, &e, err);
    }
    if (status == NJ_OK) {
        status = nj_eval_report_write(&e.report, &e.said, err);
    }
    close_evaluation(&e);
    return status;
}
