// grade.c - `nightjar grade`: the lists that were published, against the events that arrived since.
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/catalogue/job.h"
#include "common/store/lock.h"
#include "common/store/schema.h"
#include "coordinator/report/report.h"
#include "ops/cli/commands.h"
#include "ops/cli/grade.h"

typedef struct {
    nj_grade_join join;
    nj_grade_channels channels;
    nj_grade_groups groups;
    nj_resampling resampling;
    nj_grade_gate gate;
    nj_grade_controls controls;
    nj_grade *grade;          // owned
    char *group_text;         // owned
    const char **group_names; // owned
} command;

// ---- options ----

static nj_status read_instant(const nj_arguments *arguments, const char *name, nj_instant *out,
                              nj_error *err)
{
    const char *text = nj_argument(arguments, name);
    return text != NULL ? nj_instant_parse(name, text, out, err) : NJ_OK;
}

static nj_status read_options(const nj_arguments *arguments, command *c, nj_error *err)
{
    nj_grade_join *join = &c->join;
    uint64_t resamples = 0;
    join->source.path = nj_argument(arguments, "events");
    join->split.kind = NJ_SPLIT_TIME;
    join->now_s = (double)nj_clock_wall_ms() / 1000;
    nj_status status = nj_histories_form_from(arguments, &join->source, err);
    if (status == NJ_OK) {
        status = read_instant(arguments, "from", &join->split.from, err);
    }
    if (status == NJ_OK) {
        status = read_instant(arguments, "until", &join->split.until, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "resamples", 0, NJ_RESAMPLES_MAX, &resamples, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "seed", 0, INT64_MAX, &c->resampling.seed, err);
    }
    c->resampling.resample_count = (uint32_t)resamples;
    if (status == NJ_OK) {
        status = nj_grade_gate_parse(nj_argument(arguments, "hold-if"), &c->gate, err);
    }
    if (status == NJ_OK) {
        status = nj_grade_controls_parse(nj_argument(arguments, "controls"), &c->controls, err);
    }
    return status;
}

// Without --from what was published counts from its making on.
static nj_status set_span(command *c, nj_error *err)
{
    nj_split *split = &c->join.split;
    const double made_s = (double)nj_grade_channels_made_ms(&c->channels) / 1000;
    if (!split->from.given) {
        split->from = (nj_instant){.given = true, .is_date = true, .at = made_s};
    }
    if (split->from.is_date && split->from.at < made_s) {
        nj_log(NJ_LOG_WARNING,
               "events from %.17g on count, and the lists were made at %.17g: they may know events "
               "that they are judged by, and users saw others before",
               split->from.at, made_s);
    }
    if (split->until.given && split->until.at <= split->from.at) {
        return nj_fail(err, NJ_USAGE, "--until is %.17g, must be behind the first moment, %.17g",
                       split->until.at, split->from.at);
    }
    return NJ_OK;
}

// ---- running ----

static nj_status open_inputs(const nj_arguments *arguments, command *c, nj_error *err)
{
    const char *groups = nj_argument(arguments, "user-groups");
    nj_status status = nj_grade_channels_open(arguments, &c->channels, err);
    if (status == NJ_OK) {
        status = set_span(c, err);
    }
    if (status == NJ_OK && nj_argument(arguments, "controls") == NULL) {
        status = nj_grade_controls_find(nj_argument(arguments, "store"), &c->channels, &c->controls,
                                        err);
    }
    c->join.keeps_items = c->controls.count > 0;
    if (status == NJ_OK && groups != NULL) {
        status = nj_grade_groups_read(groups, &c->groups, err);
    }
    return status;
}

// What each channel's users have more than those of the first.
static nj_status compare_channels(command *c, nj_error *err)
{
    const nj_graded_user *users = (const nj_graded_user *)(const void *)c->join.users.bytes;
    const size_t count = c->join.users.size / sizeof *users;
    for (uint32_t i = 1; i < c->channels.count; i++) {
        nj_grade_channel *channel = &c->channels.entries[i];
        const nj_status status =
            nj_grade_between(users, count, i, 0, &c->resampling, &channel->more);
        channel->has_more = status == NJ_OK;
        if (status != NJ_OK && status != NJ_NOT_FOUND) {
            return nj_fail(err, status, "no memory to compare channels of %zu users", count);
        }
    }
    return NJ_OK;
}

static nj_status judge(const char *store_dir, command *c, nj_error *err)
{
    c->join.channels = &c->channels;
    c->join.groups = &c->groups;
    nj_status status = nj_grade_join_run(&c->join, err);
    if (status == NJ_OK) {
        status = nj_grade_gate_check(&c->gate, c->join.depth, err);
    }
    if (status == NJ_OK) {
        status = nj_grade_groups_names(&c->groups, &c->group_text, &c->group_names, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    c->grade = calloc(1, sizeof *c->grade);
    const size_t count = c->join.users.size / sizeof(nj_graded_user);
    const nj_grade_labels labels = {c->group_names, (uint32_t)c->groups.names.count,
                                    c->channels.names,
                                    c->channels.is_split ? (uint32_t)c->channels.count : 0};
    status = c->grade == NULL
                 ? NJ_NO_MEMORY
                 : nj_grade_judge((const nj_graded_user *)(const void *)c->join.users.bytes, count,
                                  &labels, &c->resampling, c->grade);
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory to grade %zu users", count);
    }
    status = compare_channels(c, err);
    for (size_t i = 0; i < c->controls.count && status == NJ_OK; i++) {
        status = nj_grade_control_judge(&c->join, store_dir, &c->resampling,
                                        &c->controls.entries[i], err);
    }
    return status;
}

// STORE/reports/GEN.grade.json: reports tell of it from then on. Under the lock, so that of two at once one follows the other.
static nj_status write_kept(const char *store_dir, const char *path, const json_t *object,
                            nj_error *err)
{
    nj_store_lock lock;
    nj_status status =
        nj_store_lock_take(store_dir, "keep grade", NJ_STORE_LOCK_WAIT_MS, &lock, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_night_report_write(path, object, err);
    nj_store_lock_release(&lock);
    return status;
}

static nj_status keep(const nj_arguments *arguments, const nj_grade_told *told, nj_error *err)
{
    nj_path path;
    const char *store_dir = nj_argument(arguments, "store");
    json_t *object = nj_grade_to_json(told);
    nj_status status =
        object != NULL &&
                json_object_set_new(object, "version", json_integer(NJ_JSON_OUTPUT_VERSION)) == 0
            ? nj_night_report_path(
                  store_dir, nj_store_reader_name(nj_grade_channels_main(told->channels)->reader),
                  NJ_STORE_WORDS.GRADE_SUFFIX, &path, err)
            : nj_fail(err, NJ_NO_MEMORY, "no memory to keep the grade");
    if (status == NJ_OK) {
        status = write_kept(store_dir, path.text, object, err);
    }
    json_decref(object);
    return status;
}

static nj_status tell(const nj_arguments *arguments, const command *c, nj_error *err)
{
    const nj_grade_channel *channel = nj_grade_channels_main(&c->channels);
    const nj_grade_told told = {nj_store_reader_manifest(channel->reader),
                                &c->channels,
                                &c->join,
                                c->grade,
                                &c->gate,
                                &c->controls};
    if (nj_argument_flag(arguments, "keep")) {
        const nj_status status = keep(arguments, &told, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    if (nj_argument_flag(arguments, "json")) {
        json_t *object = nj_grade_to_json(&told);
        return nj_print_json_take(&object, err);
    }
    nj_grade_print(&told);
    return NJ_OK;
}

static void close_command(command *c)
{
    free(c->group_names);
    free(c->group_text);
    free(c->grade);
    nj_grade_controls_fini(&c->controls);
    nj_grade_join_fini(&c->join);
    nj_grade_groups_fini(&c->groups);
    nj_grade_channels_close(&c->channels);
}

nj_status nj_command_grade(const nj_arguments *arguments, nj_error *err)
{
    command c = {0};
    nj_grade_groups_init(&c.groups);
    nj_grade_join_init(&c.join);
    nj_status status = read_options(arguments, &c, err);
    if (status == NJ_OK) {
        status = open_inputs(arguments, &c, err);
    }
    if (status == NJ_OK) {
        status = judge(nj_argument(arguments, "store"), &c, err);
    }
    if (status == NJ_OK) {
        status = tell(arguments, &c, err);
    }
    if (status == NJ_OK) {
        status = nj_grade_gate_judge(&c.gate, c.grade, err);
    }
    close_command(&c);
    return status;
}
