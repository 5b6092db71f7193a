// run.c - `nightjar run`: the coordinator in this process, workers beside it, keys drawn for this night alone.
#include <string.h>

#include "coordinator/daemon/night.h"
#include "coordinator/daemon/night_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/local_fleet.h"

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

nj_status nj_command_run(const nj_arguments *arguments, nj_error *err)
{
    nj_job job = {0};
    nj_night_options options;
    nj_night_summary summary = {0};
    nj_local_fleet *fleet = NULL;
    uint64_t workers = 0;
    nj_status status = nj_night_options_from(arguments, &options, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "workers", 1, NJ_LOCAL_FLEET_MAX, &workers, err);
    }
    if (status == NJ_OK) {
        // The workers' options: better wrong here than in each of them.
        status = nj_engine_options_check(arguments, err);
    }
    if (status == NJ_OK) {
        status = choose_class(arguments, &options, err);
    }
    if (status == NJ_OK) {
        status = nj_local_fleet_new(arguments, (size_t)workers, &fleet, err);
    }
    if (status == NJ_OK) {
        status = nj_job_open(arguments, &job, err);
    }
    if (status == NJ_OK) {
        const nj_local_access access = nj_local_fleet_access(fleet);
        options.endpoint = access.endpoint;
        options.keys = access.keys;
        options.allowed = access.allowed;
        options.hooks = access.hooks;
        status = nj_night_run(&job, &options, &summary, err);
    }
    nj_local_fleet_free(&fleet);
    if (nj_night_has_summary(&summary)) {
        nj_night_print(&summary, nj_argument_flag(arguments, "json"));
    }
    nj_night_summary_fini(&summary);
    nj_job_close(&job);
    return status;
}
