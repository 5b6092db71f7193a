#include "ops/cli/collision_options.h"

#include <string.h>

#include "common/base/clock.h"

nj_status nj_suffix_overflow_from(const nj_arguments *arguments, bool *out_relocates, nj_error *err)
{
    const char *word = nj_argument(arguments, "suffix-overflow");
    const bool relocates = strcmp(word, "relocate") == 0;
    if (!relocates && strcmp(word, "refuse") != 0) {
        return nj_fail(err, NJ_USAGE, "--suffix-overflow is \"%s\", must be refuse or relocate",
                       word);
    }
    *out_relocates = relocates;
    return NJ_OK;
}

nj_status nj_collision_options_from(const nj_arguments *arguments, nj_collision_options *out,
                                    nj_error *err)
{
    nj_collision_options options = {0};
    uint64_t suffix_codes = 0;
    const char *word = nj_argument(arguments, "collisions");
    if (!nj_collisions_from_name(word, &options.policy)) {
        return nj_fail(err, NJ_USAGE, "--collisions is \"%s\", must be " NJ_COLLISIONS_KNOWN, word);
    }
    if (nj_argument_flag(arguments, "no-suffix")) {
        if (options.policy == NJ_COLLISIONS_RELOCATE) {
            return nj_fail(err, NJ_USAGE,
                           "--no-suffix is --collisions leaves, not relocate: give one");
        }
        options.policy = NJ_COLLISIONS_LEAVES;
    }
    nj_status status =
        nj_argument_uint(arguments, "suffix-codes", 0, NJ_CODES_MAX, &suffix_codes, err);
    if (status == NJ_OK && suffix_codes == 1) {
        status = nj_fail(err, NJ_USAGE, "--suffix-codes is 1, must be 0 or %d to %d", NJ_CODES_MIN,
                         NJ_CODES_MAX);
    }
    if (status == NJ_OK) {
        status = nj_suffix_overflow_from(arguments, &options.suffix_relocates, err);
    }
    if (status == NJ_OK) {
        options.suffix_codes = (uint32_t)suffix_codes;
        *out = options;
    }
    return status;
}

static void update_bar(void *context, const char *phase, uint64_t done, uint64_t total)
{
    nj_collision_watch *watch = context;
    const uint64_t now_ns = nj_clock_mono_ns();
    if (watch->phase != phase) {
        nj_collision_watch_finish(watch);
        nj_progress_start(&watch->bar, phase, total, 0, false, now_ns);
        watch->phase = phase;
    }
    nj_progress_update(&watch->bar, done, now_ns);
}

nj_collision_progress nj_collision_watch_begin(nj_collision_watch *watch)
{
    *watch = (nj_collision_watch){0};
    return (nj_collision_progress){watch, update_bar};
}

void nj_collision_watch_finish(nj_collision_watch *watch)
{
    if (watch->phase != NULL) {
        nj_progress_finish(&watch->bar);
        watch->phase = NULL;
    }
}
