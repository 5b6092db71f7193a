// train_t5.h - what `nightjar train t5` was asked for.
#ifndef NJ_OPS_CLI_TRAIN_T5_H
#define NJ_OPS_CLI_TRAIN_T5_H

#include "common/catalogue/job.h"
#include "common/catalogue/template.h"
#include "common/math/kernels.h"
#include "ops/cli/train_options.h"
#include "worker/t5/t5.h"

typedef struct {
    nj_training_options common;
    const char *catalogue_path;
    nj_histories_source users;
    uint32_t hold_out;
    uint32_t history_max;
    nj_template template; // the parts that stand on the command line
    bool has_template;
    uint32_t user_tokens;
    nj_t5_config shape; // without V
    bool untied;
    double initializer_factor;
    double label_smoothing;
    uint32_t shard_samples;
    uint32_t validate_users; // 0: all
    uint32_t beam;
    bool keep_history;
    const nj_kernels *kernels;
    const nj_arguments *arguments; // borrowed while the command runs
} nj_t5_request;

/// Reads the command's options. NJ_USAGE names option, value and limits; NJ_CONFIG: this processor lacks what --kernels needs.
NJ_CHECKED nj_status nj_t5_request_from(const nj_arguments *arguments, nj_t5_request *out,
                                        nj_error *err);

/// The command's own settings for training.json, as far as weights or figures depend on them. NULL where memory is short.
json_t *nj_t5_request_settings(const nj_t5_request *request, const nj_template *template);

#endif
