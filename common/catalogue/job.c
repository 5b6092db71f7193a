#include "common/catalogue/job.h"

#include "common/base/log.h"

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

nj_status nj_format_from(const char *word, const char *path, nj_histories_format *out,
                         nj_error *err)
{
    if (word != NULL) {
        return nj_histories_format_named(word, out, err);
    }
    *out = nj_histories_format_of_path(path);
    return NJ_OK;
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

static nj_status read_users(nj_job *job, const char *path, const char *format_word, nj_error *err)
{
    nj_histories_format format;
    nj_status status = nj_format_from(format_word, path, &format, err);
    if (status == NJ_OK) {
        status =
            nj_user_table_read(path, format, &job->catalogue.items, &job->map, &job->users, err);
    }
    if (status == NJ_OK) {
        status = nj_user_table_apply(&job->users, &job->settings, err);
    }
    return status;
}

static void say_what_was_read(const nj_job *job, const char *users_path)
{
    const nj_user_table *users = &job->users;
    nj_log(NJ_LOG_INFO,
           "%s: %zu users, %zu known items in their histories, %zu unknown ones left out, %zu cold "
           "users",
           users_path, users->count, (size_t)users->item_total, (size_t)users->unknown_total,
           users->cold_count);
}

static void warn_of_long_histories(const nj_job *job)
{
    if (job->settings.history > job->catalogue.history_max) {
        nj_log(NJ_LOG_WARNING, "--history %u is above the bundle's maximum: %u items are used",
               job->settings.history, job->catalogue.history_max);
    }
}

static nj_status open_with(const nj_arguments *arguments, const char *bundle_path, nj_job *out,
                           nj_error *err)
{
    nj_job job = {0};
    nj_status status = nj_settings_from(arguments, &job.settings, err);
    if (status == NJ_OK) {
        status = open_bundle(&job, bundle_path, err);
    }
    if (status != NJ_OK) {
        nj_job_close(&job);
        return status;
    }
    warn_of_long_histories(&job);
    *out = job;
    return NJ_OK;
}

nj_status nj_job_open_bundle(const nj_arguments *arguments, nj_job *out, nj_error *err)
{
    return open_with(arguments, nj_argument(arguments, "bundle"), out, err);
}

nj_status nj_job_open(const nj_arguments *arguments, nj_job *out, nj_error *err)
{
    return nj_job_open_with(arguments, nj_argument(arguments, "bundle"), out, err);
}

nj_status nj_job_open_with(const nj_arguments *arguments, const char *bundle_path, nj_job *out,
                           nj_error *err)
{
    nj_job job = {0};
    const char *users_path = nj_argument(arguments, "users");
    nj_status status = open_with(arguments, bundle_path, &job, err);
    if (status == NJ_OK) {
        status = read_users(&job, users_path, nj_argument(arguments, "format"), err);
    }
    if (status != NJ_OK) {
        nj_job_close(&job);
        return status;
    }
    say_what_was_read(&job, users_path);
    *out = job;
    return NJ_OK;
}

void nj_job_close(nj_job *job)
{
    nj_user_table_fini(&job->users);
    nj_idmap_fini(&job->map);
    nj_bundle_close(&job->bundle);
}
