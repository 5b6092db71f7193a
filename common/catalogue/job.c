#include "common/catalogue/job.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/catalogue/mask_files.h"
#include "common/catalogue/section_names.h"

#define GROUPS_LOGGED_MAX 32 // one line each

nj_status nj_settings_from(const nj_arguments *arguments, nj_settings *out, nj_error *err)
{
    nj_settings settings = nj_settings_default();
    for (size_t i = 0; i < nj_argument_count(arguments); i++) {
        const char *value = nj_argument_value_at(arguments, i);
        if (value == NULL) {
            continue;
        }
        nj_status status =
            nj_settings_set(&settings, nj_argument_name_at(arguments, i), value, err);
        if (status != NJ_OK && status != NJ_NOT_FOUND) {
            return status;
        }
    }
    *out = settings;
    return NJ_OK;
}

nj_status nj_histories_form_from(const nj_arguments *arguments, nj_histories_source *out,
                                 nj_error *err)
{
    const char *format = nj_argument(arguments, "format");
    const char *columns = nj_argument(arguments, "columns");
    const char *delimiter = nj_argument(arguments, "delimiter");
    nj_status status = format != NULL ? nj_histories_format_named(format, &out->format, err)
                                      : nj_histories_format_find(out->path, &out->format, err);
    if (status == NJ_OK && columns != NULL) {
        status = nj_columns_parse(columns, &out->columns, err);
    }
    if (status == NJ_OK && delimiter != NULL) {
        status = nj_delimiter_parse(delimiter, &out->delimiter, err);
    }
    return status;
}

nj_status nj_histories_from(const nj_arguments *arguments, nj_histories_source *out, nj_error *err)
{
    nj_histories_source source = {.path = nj_argument(arguments, "users")};
    const char *as_of = nj_argument(arguments, "as-of");
    const char *event_age = nj_argument(arguments, "gate-event-age");
    source.wants_times = event_age != NULL && strcmp(event_age, "off") != 0;
    nj_status status = nj_histories_form_from(arguments, &source, err);
    if (status == NJ_OK && as_of != NULL) {
        status = nj_instant_parse("as-of", as_of, &source.as_of, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "tie-seed", 0, UINT64_MAX, &source.tie_seed, err);
    }
    if (status == NJ_OK) {
        *out = source;
    }
    return status;
}

static nj_status open_bundle(nj_job *job, const char *path, nj_error *err)
{
    nj_status status = nj_bundle_open(path, &job->bundle, err);
    if (status == NJ_OK) {
        status = nj_bundle_verify(job->bundle, err);
    }
    if (status == NJ_OK) {
        status = nj_catalogue_view_open(nj_bundle_sections(job->bundle), &job->catalogue, err);
        if (status != NJ_OK) {
            nj_error_prefix(err, "bundle \"%s\"", path);
        }
    }
    if (status == NJ_OK) {
        status = nj_idmap_build(&job->map, &job->catalogue.items, path, err);
    }
    return status;
}

// ---- masks ----

static nj_status mask_files_from(const nj_arguments *arguments, nj_mask_files *out, nj_error *err)
{
    const char *unknown = nj_argument(arguments, "unknown-items");
    const char *const read[] = {nj_argument(arguments, "users"), nj_argument(arguments, "eligible"),
                                nj_argument(arguments, "deny"), nj_argument(arguments, "groups"),
                                nj_argument(arguments, "user-groups")};
    size_t stdin_count = 0;
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
        stdin_count += read[i] != NULL && strcmp(read[i], "-") == 0;
    }
    *out = (nj_mask_files){.eligible = read[1], .deny = read[2], .groups = read[3]};
    out->skip_unknown = unknown != NULL && strcmp(unknown, "skip") == 0;
    if (stdin_count > 1) {
        return nj_fail(err, NJ_USAGE, "only one file can be standard input, %zu are", stdin_count);
    }
    if (unknown != NULL && !out->skip_unknown && strcmp(unknown, "fail") != 0) {
        return nj_fail(err, NJ_USAGE, "--unknown-items is \"%s\", must be fail or skip", unknown);
    }
    if (read[4] != NULL && out->groups == NULL) {
        return nj_fail(err, NJ_USAGE, "--user-groups goes with --groups");
    }
    return NJ_OK;
}

// Sections stand in the order of their names.
static nj_status add_section(nj_job *job, nj_error *err)
{
    nj_sections *sections = &job->sections;
    nj_section made = {.bytes = job->masks.bytes, .size = job->masks.size};
    size_t at = sections->count;
    if (sections->count == NJ_BUNDLE_SECTIONS_MAX) {
        return nj_fail(err, NJ_INPUT, "the bundle has %zu sections, no room for the masks",
                       sections->count);
    }
    snprintf(made.name, sizeof made.name, "%s", NJ_SECTION_ELIGIBLE);
    made.digest = nj_digest_of(made.bytes, made.size);
    for (; at > 0 && strcmp(sections->sections[at - 1].name, made.name) > 0; at--) {
        sections->sections[at] = sections->sections[at - 1];
    }
    sections->sections[at] = made;
    sections->count++;
    return NJ_OK;
}

static void say_masks(const nj_job *job)
{
    const nj_masks *masks = &job->catalogue.masks;
    if (job->unknown_eligible > 0) {
        nj_log(NJ_LOG_WARNING,
               "%zu ids of --eligible, --deny and --groups are not in the catalogue",
               (size_t)job->unknown_eligible);
    }
    nj_log(NJ_LOG_INFO, "eligible: %u of %u items, %u groups", masks->masks[0].item_count,
           job->catalogue.trie.item_count, masks->count - 1);
    for (uint32_t m = 1; m < masks->count && m <= GROUPS_LOGGED_MAX; m++) {
        nj_log(NJ_LOG_INFO, "eligible: %u items for group \"%s\"", masks->masks[m].item_count,
               masks->masks[m].name);
    }
}

static nj_status make_masks(nj_job *job, const nj_mask_files *files, nj_error *err)
{
    nj_catalogue_view *view = &job->catalogue;
    nj_status status = nj_mask_files_read(files, &view->items, &job->map, &view->trie, &job->masks,
                                          &job->unknown_eligible, err);
    if (status == NJ_OK) {
        status = add_section(job, err);
    }
    if (status == NJ_OK) {
        status = nj_masks_open(job->masks.bytes, job->masks.size, view->sids.row_count,
                               &view->masks, err);
    }
    if (status == NJ_OK) {
        say_masks(job);
    }
    return status;
}

static nj_status open_masks(nj_job *job, const nj_arguments *arguments, nj_error *err)
{
    nj_mask_files files;
    const char *user_groups = nj_argument(arguments, "user-groups");
    nj_status status = mask_files_from(arguments, &files, err);
    job->sections = *nj_bundle_sections(job->bundle);
    if (status == NJ_OK && nj_sections_find(&job->sections, NJ_SECTION_ELIGIBLE) != NULL) {
        status =
            nj_fail(err, NJ_INPUT, "bundle \"%s\" has a section \"%s\", which a night makes itself",
                    nj_argument(arguments, "bundle"), NJ_SECTION_ELIGIBLE);
    }
    if (status == NJ_OK && (files.eligible != NULL || files.deny != NULL || files.groups != NULL)) {
        status = make_masks(job, &files, err);
    }
    if (status == NJ_OK && user_groups != NULL) {
        status = nj_user_groups_read(user_groups, &job->catalogue.masks, &job->user_groups, err);
    }
    return status;
}

nj_digest nj_job_eligible_digest(const nj_job *job)
{
    const nj_section *section = nj_sections_find(&job->sections, NJ_SECTION_ELIGIBLE);
    return section != NULL ? section->digest : (nj_digest){{0}};
}

uint64_t nj_job_item_count(const nj_job *job)
{
    const nj_masks *masks = &job->catalogue.masks;
    return masks->count > 0 ? masks->masks[NJ_MASK_BASE].item_count
                            : job->catalogue.trie.item_count;
}

// ---- users ----

static nj_status read_users(nj_job *job, const nj_histories_source *source, nj_error *err)
{
    const nj_user_rules rules = nj_job_user_rules(job);
    nj_status status =
        nj_user_table_read(source, &job->catalogue.items, &job->map, &rules, &job->users, err);
    if (status == NJ_OK) {
        status = nj_user_table_apply(&job->users, &job->settings, err);
    }
    return status;
}

static void say_what_was_asked(const nj_user_table *users, const char *users_path)
{
    if (users->candidates_unknown > 0) {
        nj_log(NJ_LOG_WARNING,
               "%s: %zu users have no candidate that the catalogue knows, and get empty lists",
               users_path, users->candidates_unknown);
    }
    if (users->text_ignored > 0) {
        nj_log(NJ_LOG_WARNING,
               "%s: %zu users have a text, for which the bundle's prompt has no place", users_path,
               users->text_ignored);
    }
}

static void say_what_was_read(const nj_job *job, const char *users_path)
{
    const nj_user_table *users = &job->users;
    nj_log(NJ_LOG_INFO,
           "%s: %zu users, %zu known items in their histories, %zu unknown ones left out, %zu cold "
           "users",
           users_path, users->count, (size_t)users->item_total, (size_t)users->unknown_total,
           users->cold_count);
    if (users->unknown_total > users->item_total) {
        nj_log(NJ_LOG_WARNING,
               "%s: most items of the histories are not in the catalogue: is it tonight's, and are "
               "the ids written alike?",
               users_path);
    } else if (users->count > 1 && users->cold_count == users->count) {
        nj_log(
            NJ_LOG_WARNING,
            "%s: no user has an item, everybody gets the popular list: is it a file of histories "
            "(user, then items)?",
            users_path);
    }
    say_what_was_asked(users, users_path);
    if (job->catalogue.masks.count > 1) {
        nj_log(NJ_LOG_INFO, "%s: %zu users are in a group, %zu in none", users_path,
               users->group_count, users->count - users->group_count);
    }
    if (users->group_ignored > 0) {
        nj_log(NJ_LOG_WARNING, "%s: %zu users name a group, which means nothing without --groups",
               users_path, users->group_ignored);
    }
}

static void warn_of_long_histories(const nj_job *job)
{
    if (job->settings.history > job->catalogue.history_max) {
        nj_log(NJ_LOG_WARNING, "--history %u is above the bundle's maximum: %u items are used",
               job->settings.history, job->catalogue.history_max);
    }
}

// A reserve is what the search for the list has found, too: a narrower one leaves it short.
static void warn_of_narrow_beam(const nj_settings *settings)
{
    const uint32_t wanted = settings->top + settings->reserve;
    if (settings->reserve > 0 && settings->beam < wanted) {
        nj_log(NJ_LOG_WARNING,
               "--reserve %u behind --top %u: a beam of %u finds fewer items: --beam %u finds all",
               settings->reserve, settings->top, settings->beam, wanted);
    }
}

static nj_status open_with(const nj_arguments *arguments, const char *bundle_path, nj_job *out,
                           nj_error *err)
{
    nj_job job = {0};
    nj_buffer_init(&job.masks, SIZE_MAX / 2);
    nj_user_groups_init(&job.user_groups);
    nj_status status = nj_settings_from(arguments, &job.settings, err);
    if (status == NJ_OK) {
        status = nj_job_inputs_note(arguments, bundle_path, &job, err);
    }
    if (status == NJ_OK) {
        status = open_bundle(&job, bundle_path, err);
    }
    if (status == NJ_OK) {
        status = open_masks(&job, arguments, err);
    }
    if (status != NJ_OK) {
        nj_job_close(&job);
        return status;
    }
    warn_of_long_histories(&job);
    warn_of_narrow_beam(&job.settings);
    *out = job;
    return NJ_OK;
}

nj_status nj_job_open_bundle(const nj_arguments *arguments, nj_job *out, nj_error *err)
{
    return open_with(arguments, nj_argument(arguments, "bundle"), out, err);
}

nj_status nj_job_open_bundle_with(const nj_arguments *arguments, const char *bundle_path,
                                  nj_job *out, nj_error *err)
{
    return open_with(arguments, bundle_path, out, err);
}

nj_status nj_job_open(const nj_arguments *arguments, nj_job *out, nj_error *err)
{
    return nj_job_open_with(arguments, nj_argument(arguments, "bundle"), out, err);
}

nj_status nj_job_open_with(const nj_arguments *arguments, const char *bundle_path, nj_job *out,
                           nj_error *err)
{
    nj_job job = {0};
    nj_histories_source source;
    nj_status status = nj_histories_from(arguments, &source, err);
    if (status == NJ_OK) {
        status = open_with(arguments, bundle_path, &job, err);
    }
    if (status == NJ_OK) {
        status = read_users(&job, &source, err);
    }
    if (status != NJ_OK) {
        nj_job_close(&job);
        return status;
    }
    say_what_was_read(&job, source.path);
    *out = job;
    return NJ_OK;
}

void nj_job_close(nj_job *job)
{
    nj_job_inputs_fini(job);
    nj_user_table_fini(&job->users);
    nj_user_groups_fini(&job->user_groups);
    nj_buffer_fini(&job->masks);
    nj_idmap_fini(&job->map);
    nj_bundle_close(&job->bundle);
}
