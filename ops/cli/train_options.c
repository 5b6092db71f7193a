#include "ops/cli/train_options.h"

#include "common/base/cpus.h"
#include "common/base/pool.h"
#include "ops/cli/numbers.h"

#define DROPPED_MAX 0.95 // more leaves nothing to learn from

static nj_status read_counts(const nj_arguments *arguments, nj_training_options *out, nj_error *err)
{
    const nj_uint_option NUMBERS[] = {
        NJ_UINT("seed", 0, UINT64_MAX, &out->seed),
        NJ_UINT("epochs", 1, NJ_TRAIN_EPOCHS_MAX, &out->epochs),
        NJ_UINT("batch", 1, NJ_TRAIN_BATCH_MAX, &out->batch_samples),
        NJ_UINT("warmup", 0, UINT32_MAX, &out->warmup),
        NJ_UINT("validate-every", 0, NJ_TRAIN_EPOCHS_MAX, &out->validate_every),
        NJ_UINT("patience", 0, NJ_TRAIN_EPOCHS_MAX, &out->patience),
        NJ_UINT("threads", 0, NJ_POOL_THREADS_MAX, &out->threads),
        NJ_UINT("checkpoint-every", 0, NJ_TRAIN_SECONDS_MAX, &out->checkpoint_s),
        NJ_UINT("time-limit", 0, NJ_TRAIN_SECONDS_MAX, &out->time_limit_s),
    };
    return nj_argument_uints(arguments, NUMBERS, sizeof NUMBERS / sizeof NUMBERS[0], err);
}

static nj_status read_reals(const nj_arguments *arguments, nj_training_options *out, nj_error *err)
{
    const struct {
        const char *name;
        double most;
        double *value;
    } REALS[] = {
        {"rate", 1e3, &out->rate},
        {"weight-decay", 1e3, &out->weight_decay},
        {"clip", 1e9, &out->clip},
        {"dropout", DROPPED_MAX, &out->dropout},
    };
    nj_status status = NJ_OK;
    for (size_t i = 0; i < sizeof REALS / sizeof REALS[0] && status == NJ_OK; i++) {
        status = nj_argument_real(arguments, REALS[i].name, 0, REALS[i].most, REALS[i].value, err);
    }
    return status;
}

// 0: as many as this process may use.
static nj_status count_threads(uint32_t *threads, nj_error *err)
{
    nj_cpu_list cpus;
    if (*threads > 0) {
        return NJ_OK;
    }
    nj_status status = nj_cpus_allowed(&cpus, err);
    if (status == NJ_OK) {
        *threads = cpus.count < NJ_POOL_THREADS_MAX ? cpus.count : NJ_POOL_THREADS_MAX;
    }
    return status;
}

nj_status nj_argument_threads(const nj_arguments *arguments, uint32_t *out, nj_error *err)
{
    const nj_uint_option THREADS = NJ_UINT("threads", 0, NJ_POOL_THREADS_MAX, out);
    nj_status status = nj_argument_uints(arguments, &THREADS, 1, err);
    return status == NJ_OK ? count_threads(out, err) : status;
}

nj_status nj_training_options_from(const nj_arguments *arguments, nj_training_options *out,
                                   nj_error *err)
{
    *out = (nj_training_options){.schedule_word = nj_argument(arguments, "schedule"),
                                 .resume = nj_argument_flag(arguments, "resume"),
                                 .overwrite = nj_argument_flag(arguments, "overwrite"),
                                 .quiet = nj_argument_flag(arguments, "quiet"),
                                 .json = nj_argument_flag(arguments, "json"),
                                 .out = nj_argument(arguments, "out")};
    if (out->resume && out->overwrite) {
        return nj_fail(err, NJ_USAGE,
                       "--resume goes on, --overwrite begins anew: give one of them");
    }
    nj_status status = read_counts(arguments, out, err);
    if (status == NJ_OK) {
        status = read_reals(arguments, out, err);
    }
    if (status == NJ_OK) {
        status = nj_schedule_kind_from(out->schedule_word, &out->schedule, err);
    }
    return status == NJ_OK ? count_threads(&out->threads, err) : status;
}

void nj_training_options_to_json(const nj_training_options *options, json_t *settings)
{
    json_object_set_new(settings, "epochs", json_integer(options->epochs));
    json_object_set_new(settings, "batch", json_integer(options->batch_samples));
    json_object_set_new(settings, "rate", json_real(options->rate));
    json_object_set_new(settings, "warmup", json_integer(options->warmup));
    json_object_set_new(settings, "schedule", json_string(options->schedule_word));
    json_object_set_new(settings, "weight-decay", json_real(options->weight_decay));
    json_object_set_new(settings, "clip", json_real(options->clip));
    json_object_set_new(settings, "dropout", json_real(options->dropout));
    json_object_set_new(settings, "validate-every", json_integer(options->validate_every));
    json_object_set_new(settings, "patience", json_integer(options->patience));
    json_object_set_new(settings, "seed", json_integer((json_int_t)options->seed));
}
