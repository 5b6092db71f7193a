// run.c - `nightjar run`: the coordinator in this process, workers beside it, keys drawn for this night alone.
#include <string.h>

#include "common/base/clock.h"
#include "common/store/staging.h"
#include "coordinator/daemon/night.h"
#include "coordinator/daemon/night_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/local_fleet.h"
#include "ops/cli/run_phases.h"

// Users without a list are tried again by the next night, whatever has changed.
static nj_status note_published(void *phases, const nj_store_name *generation, bool complete,
                                nj_error *err)
{
    return complete ? nj_run_phases_note(phases, generation, err) : NJ_OK;
}

// Who copies tonight wants to copy tomorrow too, behind a refresh. What an interrupted night has begun with stays.
static nj_status choose_trace(const nj_night_options *options, nj_settings *settings, nj_error *err)
{
    nj_staging_facts night;
    char numeric_class[NJ_STAGING_CLASS_BYTES_MAX + 1];
    nj_digest rules;
    nj_settings traced = *settings;
    traced.trace = true;
    if (!options->resume || !nj_staging_exists(options->store_dir)) {
        settings->trace = settings->trace || options->since != NULL;
        return NJ_OK;
    }
    nj_status status = nj_staging_peek(options->store_dir, &night, numeric_class, err);
    if (status != NJ_OK) {
        return status;
    }
    if (nj_settings_rules_digest(&traced, &rules) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the settings");
    }
    if (nj_digest_equal(&rules, &night.rules_digest)) {
        *settings = traced;
    }
    return NJ_OK;
}

// The users' phase, which is the whole of a night with --bundle. `phases` is NULL then.
static nj_status run_users(const nj_arguments *arguments, nj_local_fleet *fleet,
                           nj_night_options *options, const char *bundle, nj_run_phases *phases,
                           nj_error *err)
{
    nj_job job = {0};
    nj_night_summary summary = {0};
    nj_status status = nj_job_open_with(arguments, bundle, &job, err);
    if (status == NJ_OK) {
        const nj_local_access access = nj_local_fleet_access(fleet);
        options->endpoint = access.endpoint;
        options->keys = access.keys;
        options->allowed = access.allowed;
        options->hooks = access.hooks;
    }
    if (status == NJ_OK && phases != NULL) {
        options->hooks.published = note_published;
        options->hooks.published_context = phases;
        options->kept_bundle = phases->kept_bundle.text;
        options->phases = phases->made;
        options->phase_count = NJ_RUN_PHASES;
        status = choose_trace(options, &job.settings, err);
    }
    if (status == NJ_OK) {
        status = nj_night_run(&job, options, &summary, err);
    }
    if (nj_night_has_summary(&summary)) {
        nj_night_print(&summary, nj_argument_flag(arguments, "json"));
    }
    nj_night_summary_fini(&summary);
    nj_job_close(&job); // the summary borrows it
    return status;
}

static nj_status run_night(const nj_arguments *arguments, nj_local_fleet *fleet,
                           nj_night_options *options, nj_error *err)
{
    bool whole = false;
    nj_run_phases phases = {0};
    nj_status status = nj_run_phases_wanted(arguments, &whole, err);
    if (status == NJ_OK && !whole) {
        return run_users(arguments, fleet, options, nj_argument(arguments, "bundle"), NULL, err);
    }
    if (status == NJ_OK) {
        status = nj_run_phases_make(arguments, &phases, err);
    }
    return status == NJ_OK && !phases.finished
               ? run_users(arguments, fleet, options, phases.bundle.text, &phases, err)
               : status;
}

nj_status nj_command_run(const nj_arguments *arguments, nj_error *err)
{
    nj_night_options options;
    nj_local_fleet *fleet = NULL;
    uint64_t workers = 0;
    const uint64_t started_ns = nj_clock_mono_ns();
    nj_status status = nj_night_options_from(arguments, &options, err);
    options.started_ns = started_ns;
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "workers", 1, NJ_LOCAL_FLEET_MAX, &workers, err);
    }
    if (status == NJ_OK) {
        // The workers' options: better wrong here than in each of them.
        status = nj_engine_options_check(arguments, err);
    }
    if (status == NJ_OK) {
        status = nj_kernels_class_from(arguments, &options, err);
    }
    if (status == NJ_OK) {
        status = nj_local_fleet_new(arguments, (size_t)workers, &fleet, err);
    }
    if (status == NJ_OK) {
        status = run_night(arguments, fleet, &options, err);
    }
    nj_local_fleet_free(&fleet);
    return status;
}
