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

static nj_status find_kernels(const char *numeric_class, const char *name, const nj_kernels **out,
                              nj_error *err)
{
    const nj_kernels *found = NULL;
    const nj_kernels *named = NULL;
    const bool any = strcmp(name, "auto") == 0;
    for (size_t i = 0; nj_kernels_at(i) != NULL; i++) { // those of a class stand by their speed
        const nj_kernels *kernels = nj_kernels_at(i);
        named = strcmp(kernels->name, name) == 0 ? kernels : named;
        if (strcmp(kernels->numeric_class, numeric_class) == 0 && (any || named == kernels)) {
            found = kernels;
        }
    }
    if (found == NULL && !any && named == NULL) {
        return nj_kernels_select(name, out, err); // says what is wrong with the name
    }
    if (found == NULL && !any) {
        return nj_fail(err, NJ_USAGE,
                       "kernels \"%s\" are of the class %s, the generation is of the class %s",
                       name, named->numeric_class, numeric_class);
    }
    if (found == NULL) {
        return nj_fail(err, NJ_CONFIG,
                       "the generation is of the numeric class %s, and no kernels that this CPU "
                       "runs are: replay on a machine of its workers",
                       numeric_class);
    }
    *out = found;
    return NJ_OK;
}

nj_status nj_engine_of_class(const char *numeric_class, const char *kernels,
                             const nj_sections *sections, const nj_settings *settings,
                             nj_engine **out, const nj_kernels **out_kernels, nj_error *err)
{
    nj_engine_options options = nj_engine_options_default(NULL);
    nj_status status = find_kernels(numeric_class, kernels, &options.kernels, err);
    options.batch_users = 1;
    if (status == NJ_OK) {
        *out_kernels = options.kernels;
        status = nj_engine_open(sections, settings, &options, out, err);
    }
    return status;
}
