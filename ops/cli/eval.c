// eval.c - `nightjar eval`: lists against held-out items, and one model's lists against another's.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/file.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/eval.h"
#include "ops/cli/eval_report.h"

#define COUNT_ROWS 8
#define RULES_BYTES 512

typedef struct {
    nj_eval_inputs inputs;
    uint64_t procs;
    nj_path paths[NJ_MODELS_MAX]; // of the models' lists; "": they are decoded
    nj_path names[NJ_MODELS_MAX]; // printable
    nj_evaluation said;           // all that the report is made of; borrows from the rest
    nj_evaluation_count counts[COUNT_ROWS];
    char rules[RULES_BYTES];
    uint32_t *history_lengths; // owned; [users]
    nj_buffer group_text;      // owned; names with a NUL behind each
    const char **group_names;  // owned; [groups] into it
    float *scores;             // owned, mapped; [users] of the model that is decoded
    nj_file_draft outcomes;    // --per-user
    nj_eval_report report;
} evaluation;

// ---- options ----

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

static bool is_decoded(const evaluation *e)
{
    return e->paths[0].text[0] == '\0';
}

static nj_status read_options(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    nj_status status = read_paths(arguments, e, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "procs", 1, NJ_EVAL_PROCS_MAX, &e->procs, err);
    }
    return status == NJ_OK ? nj_engine_options_check(arguments, err) : status;
}

// ---- what the report is told ----

// Users whose held-out item no list of theirs may name.
static uint64_t count_ineligible(const nj_eval_inputs *inputs)
{
    const nj_held_out *held = &inputs->held;
    uint64_t count = 0;
    for (size_t i = 0; i < held->users.count; i++) {
        const nj_request user = nj_user_table_at(&held->users, i);
        count += !nj_eval_may_get(inputs, &user, nj_held_out_targets(held)[i]);
    }
    return count;
}

static void tell_counts(evaluation *e)
{
    const nj_held_out *held = &e->inputs.held;
    const nj_evaluation_count counts[COUNT_ROWS] = {
        {"read", "users read", held->read_count},
        {"judged", "judged", held->users.count},
        {"without_item", "without an item to hold out", held->short_count},
        {"unknown_item", "whose item the catalogue does not know", held->unknown_count},
        {"retired_item", "whose item is retired", held->retired_count},
        {"item_in_input", "of those judged have the item in their input too", held->repeated_count},
        {"ineligible_item", "of those judged must not get the item", count_ineligible(&e->inputs)},
        {"cold", "of those judged have no known item to read", held->users.cold_count},
    };
    memcpy(e->counts, counts, sizeof counts);
    e->said.counts = e->counts;
    e->said.count_count = COUNT_ROWS;
}

static void tell_rules(const nj_arguments *arguments, evaluation *e)
{
    const nj_eval_inputs *in = &e->inputs;
    const char *training = nj_argument(arguments, "training-users");
    size_t at = 0;
    if (in->source.as_of.given) {
        at += (size_t)snprintf(e->rules, sizeof e->rules, "Histories end before %s (%.17g). ",
                               nj_argument(arguments, "as-of"), in->source.as_of.at);
    }
    if (in->source.tie_seed != 0 && at < sizeof e->rules) {
        at += (size_t)snprintf(e->rules + at, sizeof e->rules - at,
                               "Events of equal time are shuffled by seed %llu. ",
                               (unsigned long long)in->source.tie_seed);
    }
    if (training != NULL && at < sizeof e->rules) {
        snprintf(e->rules + at, sizeof e->rules - at, "Popularity is counted in %s. ", training);
    }
    nj_text_make_printable(e->rules);
    e->said.rules = e->rules[0] != '\0' ? e->rules : NULL;
}

static nj_status tell_groups(evaluation *e, nj_error *err)
{
    const nj_held_out *held = &e->inputs.held;
    const size_t count = held->groups.count;
    if (count == 0 || count > NJ_GROUPS_MAX) {
        return NJ_OK;
    }
    e->group_names = calloc(count, sizeof *e->group_names);
    nj_status status = e->group_names != NULL ? NJ_OK : NJ_NO_MEMORY;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        const nj_slice name = nj_idlist_builder_at(&held->groups, i);
        status = nj_buffer_append(&e->group_text, name.bytes, name.size);
        if (status == NJ_OK) {
            status = nj_buffer_append(&e->group_text, "", 1);
        }
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for %zu groups", count);
    }
    const char *name = (const char *)e->group_text.bytes;
    for (size_t i = 0; i < count; i++, name += strlen(name) + 1) {
        e->group_names[i] = name;
    }
    e->said.group_of = nj_held_out_groups(held);
    e->said.group_names = e->group_names;
    e->said.group_count = (uint32_t)count;
    return NJ_OK;
}

static const uint32_t *history_at(const void *users, size_t user, uint32_t *out_count)
{
    const nj_request request = nj_user_table_at(users, user);
    *out_count = request.item_count;
    return request.items;
}

static nj_status tell_users(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    nj_evaluation *said = &e->said;
    const nj_eval_inputs *in = &e->inputs;
    const nj_user_table *users = &in->held.users;
    e->history_lengths = calloc(users->count, sizeof *e->history_lengths);
    if (e->history_lengths == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu users", users->count);
    }
    for (size_t i = 0; i < users->count; i++) {
        const nj_request user = nj_user_table_at(users, i);
        e->history_lengths[i] = user.item_count + user.unknown_count;
    }
    tell_counts(e);
    tell_rules(arguments, e);
    said->split = in->split.kind == NJ_SPLIT_TIME ? "time" : "leave-last-out";
    said->target = in->split.kind == NJ_SPLIT_VALIDATION ? "validation"
                   : in->split.kind == NJ_SPLIT_TEST     ? "test"
                                                         : in->words.text;
    said->primary = in->settings.keep_history ? NJ_HISTORY_KEPT : NJ_HISTORY_MASKED;
    said->user_count = users->count;
    said->user_ids = &users->ids;
    said->targets = nj_held_out_targets(&in->held);
    said->history_lengths = e->history_lengths;
    said->history_at = history_at;
    said->history = users;
    return tell_groups(e, err);
}

static void tell_items(evaluation *e)
{
    nj_evaluation *said = &e->said;
    const nj_eval_inputs *in = &e->inputs;
    said->item_count = in->items->count;
    said->live_count = in->live.live_count;
    said->item_ids = in->items;
    said->popularity = in->held.popularity;
    if (in->has_bundle) {
        said->codes = in->job.catalogue.sids.codes;
        said->level_count = in->job.catalogue.sids.level_count;
    }
}

// ---- models ----

static nj_status start_model(const char *name, evaluation *e, size_t model, nj_eval_lists *lists,
                             nj_error *err)
{
    const size_t users = e->said.user_count;
    const uint32_t top = e->inputs.settings.top;
    nj_ranking *rankings = e->said.models[model].rankings;
    char *text = e->names[model].text;
    snprintf(text, sizeof e->names[model].text, "%s", name);
    nj_text_make_printable(text); // JSON is UTF-8, and a path need not be
    e->said.models[model].name = text;
    for (size_t i = 0; i < NJ_MASKING_COUNT; i++) {
        rankings[i].known = true;
        rankings[i].depth = top;
        if (nj_lists_init(users, top, &rankings[i].lists) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu lists of %u items", users, top);
        }
    }
    *lists = (nj_eval_lists){.kept = &rankings[NJ_HISTORY_KEPT].lists,
                             .masked = &rankings[NJ_HISTORY_MASKED].lists};
    return NJ_OK;
}

static void count_short(nj_ranking *ranking)
{
    ranking->short_count = 0;
    for (size_t i = 0; i < ranking->lists.user_count; i++) {
        const uint32_t count = ranking->lists.counts[i];
        ranking->short_count += count != NJ_LIST_ABSENT && count < ranking->depth;
    }
}

// Both rankings; `depth` 0: as deep as the longest list, which the masking must not make shorter.
static nj_status judge(evaluation *e, size_t model, uint32_t depth, nj_error *err)
{
    nj_ranking *rankings = e->said.models[model].rankings;
    for (size_t i = 0; i < NJ_MASKING_COUNT; i++) {
        if (nj_lists_judge(&rankings[i].lists, e->said.targets, &rankings[i].judgement) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu ranks", e->said.user_count);
        }
    }
    for (size_t i = 0; i < NJ_MASKING_COUNT; i++) {
        rankings[i].depth = depth > 0 ? depth : rankings[NJ_HISTORY_KEPT].judgement.longest;
        count_short(&rankings[i]);
    }
    return NJ_OK;
}

static nj_status judge_file(evaluation *e, size_t model, nj_error *err)
{
    const char *path = e->paths[model].text;
    nj_eval_lists lists;
    nj_status status = start_model(path, e, model, &lists, err);
    if (status == NJ_OK) {
        status =
            nj_eval_read_lists(path, &e->inputs, &lists, &e->said.models[model].other_count, err);
    }
    if (status == NJ_OK) {
        status = judge(e, model, 0, err);
    }
    if (status == NJ_OK && e->said.models[model].rankings[NJ_HISTORY_KEPT].depth == 0) {
        nj_log(NJ_LOG_WARNING, "%s: no list of a judged user has an item: it has no figures", path);
    }
    return status;
}

static nj_status judge_engine(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    nj_eval_lists lists;
    const size_t bytes = e->said.user_count * sizeof *e->scores;
    nj_status status = start_model(nj_argument(arguments, "bundle"), e, 0, &lists, err);
    if (status != NJ_OK) {
        return status;
    }
    void *scores = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (scores == MAP_FAILED) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu scores", e->said.user_count);
    }
    e->scores = scores;
    for (size_t i = 0; i < e->said.user_count; i++) {
        e->scores[i] = NAN;
    }
    lists.scores = e->scores;
    status = nj_eval_decode(arguments, &e->inputs, e->procs, &lists, err);
    return status == NJ_OK ? judge(e, 0, e->inputs.settings.top, err) : status;
}

// What can go wrong with other files comes first: it must not cost a decoding.
static nj_status judge_all(const nj_arguments *arguments, evaluation *e, nj_error *err)
{
    const bool decodes = is_decoded(e);
    const char *per_user = nj_argument(arguments, "per-user");
    nj_status status = NJ_OK;
    if (per_user != NULL) {
        status = nj_file_draft_begin(per_user, &e->outcomes, err);
    }
    if (status == NJ_OK && per_user != NULL && e->report.page.stream != NULL &&
        nj_file_drafts_are_one(&e->outcomes, &e->report.page)) {
        status = nj_fail(err, NJ_USAGE, "--per-user and --report are one file, \"%s\"",
                         nj_argument(arguments, "report"));
    }
    for (size_t i = decodes ? 1 : 0; i < e->said.model_count && status == NJ_OK; i++) {
        status = judge_file(e, i, err);
    }
    if (status == NJ_OK && decodes) {
        status = judge_engine(arguments, e, err);
    }
    if (status == NJ_OK && per_user != NULL) {
        status =
            nj_eval_write_users(&e->outcomes, &e->inputs, &e->said, 0, e->scores, decodes, err);
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
    if (e->scores != NULL) {
        munmap(e->scores, e->said.user_count * sizeof *e->scores);
    }
    free(e->group_names);
    nj_buffer_fini(&e->group_text);
    free(e->history_lengths);
    nj_eval_inputs_close(&e->inputs);
}

nj_status nj_command_eval(const nj_arguments *arguments, nj_error *err)
{
    evaluation e = {0};
    nj_buffer_init(&e.group_text, NJ_GROUPS_MAX * (NJ_GROUP_NAME_BYTES_MAX + 1));
    nj_status status = read_options(arguments, &e, err);
    if (status == NJ_OK) {
        status = nj_eval_inputs_open(arguments, is_decoded(&e), &e.inputs, err);
    }
    if (status == NJ_OK) {
        status = tell_users(arguments, &e, err);
    }
    if (status == NJ_OK) {
        tell_items(&e);
        status = nj_eval_report_begin(arguments, e.inputs.map, &e.said, &e.report, err);
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
