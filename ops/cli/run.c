// run.c - `nightjar run`: the coordinator in this process, workers beside it, keys drawn for this night alone.
#include <string.h>

#include "coordinator/daemon/night.h"
#include "coordinator/daemon/night_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/local_fleet.h"
#include "ops/cli/run_phases.h"

// Of the classes of bf16, the one that this machine's workers have; float32 is exact, whatever they have.
static nj_status choose_class(const nj_arguments *arguments, nj_night_options *options,
                              nj_error *err)
{
    const char *precision = nj_argument(arguments, "precision");
    if (nj_argument(arguments, "numeric-class") != NULL ||
        strcmp(precision, NJ_PRECISION_DEFAULT) == 0) {
        return NJ_OK;
    }
    const nj_kernels *kernels = NULL;
    nj_status status =
        nj_kernels_choose(precision, nj_argument(arguments, "kernels"), &kernels, err);
    if (status == NJ_OK) {
        options->numeric_class = kernels->numeric_class;
    }
    return status;
}

// A night as it was asked for.
typedef struct {
    const nj_arguments *arguments;
    nj_night_options options;
    nj_local_fleet *fleet; // owned
    bool has_phases;       // with --embeddings
    nj_run_phases phases;
} night_run;

// Users without a list are tried again by the next night, whatever has changed.
static nj_status note_published(void *context, const nj_store_name *generation, bool complete,
                                nj_error *err)
{
    const night_run *run = context;
    return run->has_phases && complete ? nj_run_phases_note(&run->phases, generation, err) : NJ_OK;
}

static void take_access(night_run *run)
{
    const nj_local_access access = nj_local_fleet_access(run->fleet);
    run->options.endpoint = access.endpoint;
    run->options.keys = access.keys;
    run->options.allowed = access.allowed;
    run->options.hooks = access.hooks;
    run->options.hooks.published = note_published;
    run->options.hooks.published_context = run;
}

// The users' phase, which is the whole of a night with --bundle.
static nj_status run_users(night_run *run, const char *bundle, nj_error *err)
{
    nj_job job = {0};
    nj_night_summary summary = {0};
    nj_status status = nj_job_open_with(run->arguments, bundle, &job, err);
    if (status == NJ_OK) {
        take_access(run);
        status = nj_night_run(&job, &run->options, &summary, err);
    }
    nj_local_fleet_free(&run->fleet);
    if (nj_night_has_summary(&summary)) {
        nj_night_print(&summary, nj_argument_flag(run->arguments, "json"));
    }
    nj_night_summary_fini(&summary);
    nj_job_close(&job);
    return status;
}

static nj_status run_night(night_run *run, nj_error *err)
{
    nj_status status = nj_run_phases_wanted(run->arguments, &run->has_phases, err);
    if (status == NJ_OK && !run->has_phases) {
        return run_users(run, nj_argument(run->arguments, "bundle"), err);
    }
    if (status == NJ_OK) {
        status = nj_run_phases_make(run->arguments, &run->phases, err);
    }
    return status == NJ_OK && !run->phases.finished ? run_users(run, run->phases.bundle.text, err)
                                                    : status;
}

nj_status nj_command_run(const nj_arguments *arguments, nj_error *err)
{
    night_run run = {.arguments = arguments};
    uint64_t workers = 0;
    nj_status status = nj_night_options_from(arguments, &run.options, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "workers", 1, NJ_LOCAL_FLEET_MAX, &workers, err);
    }
    if (status == NJ_OK) {
        // The workers' options: better wrong here than in each of them.
        status = nj_engine_options_check(arguments, err);
    }
    if (status == NJ_OK) {
        status = choose_class(arguments, &run.options, err);
    }
    if (status == NJ_OK) {
        status = nj_local_fleet_new(arguments, (size_t)workers, &run.fleet, err);
    }
    if (status == NJ_OK) {
        status = run_night(&run, err);
    }
    nj_local_fleet_free(&run.fleet);
    return status;
}
