#include "ops/cli/engine_options.h"

#include <string.h>

#include "common/base/log.h"

static nj_status read_options(const nj_arguments *arguments, nj_engine_options *out, nj_error *err)
{
    uint64_t batch = 0;
    *out = nj_engine_options_default(NULL);
    nj_status status = nj_kernels_choose(nj_argument(arguments, "precision"),
                                         nj_argument(arguments, "kernels"), &out->kernels, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "batch", 1, NJ_ENGINE_BATCH_MAX, &batch, err);
    }
    if (status == NJ_OK) {
        status = nj_savings_without(nj_argument(arguments, "without"), &out->savings, err);
    }
    out->batch_users = (uint32_t)batch;
    return status;
}

nj_status nj_engine_options_check(const nj_arguments *arguments, nj_error *err)
{
    nj_engine_options options;
    return read_options(arguments, &options, err);
}

// The sections of a bundle do not know which file they came from.
static void name_bundle(const nj_arguments *arguments, nj_status status, nj_error *err)
{
    const char *path = nj_argument(arguments, "bundle");
    if (path != NULL && (status == NJ_INPUT || status == NJ_CONFIG)) {
        nj_error_prefix(err, "bundle \"%s\"", path);
    }
}

nj_status nj_engine_from(const nj_arguments *arguments, const nj_sections *sections,
                         const nj_settings *settings, nj_engine **out, nj_error *err)
{
    nj_engine_options options;
    nj_status status = read_options(arguments, &options, err);
    if (status == NJ_OK) {
        status = nj_engine_open(sections, settings, &options, out, err);
        name_bundle(arguments, status, err);
    }
    if (status == NJ_OK) {
        const nj_engine_plan *plan = nj_engine_plan_of(*out);
        nj_log(NJ_LOG_INFO,
               "kernels %s (class %s); memory: %.1f MB bundle (mapped), %.1f MB model, %.1f MB "
               "scratch for %u users "
               "of %u tokens with %u beams, widened to at most %u",
               options.kernels->name, options.kernels->numeric_class,
               (double)plan->mapped_bytes / 1e6, (double)plan->model_bytes / 1e6,
               (double)plan->scratch_bytes / 1e6, plan->B, plan->S, plan->W, plan->W_wide);
    }
    return status;
}

// The class of the kernels that are asked for by name, and of bf16's classes the one that this machine's workers have. Otherwise
// float32 is exact, whatever they have.
nj_status nj_kernels_class_from(const nj_arguments *arguments, nj_night_options *options,
                                nj_error *err)
{
    const char *precision = nj_argument(arguments, "precision");
    const char *name = nj_argument(arguments, "kernels");
    if (nj_argument(arguments, "numeric-class") != NULL ||
        (strcmp(precision, NJ_PRECISION_DEFAULT) == 0 && strcmp(name, "auto") == 0)) {
        return NJ_OK;
    }
    const nj_kernels *kernels = NULL;
    nj_status status = nj_kernels_choose(precision, name, &kernels, err);
    if (status == NJ_OK) {
        nj_night_options_set_class(options, kernels->numeric_class);
    }
    return status;
}
