// train_options.h - what every `train` command takes: how long, how fast, how often it looks, and where to.
//
// A command's table begins with its own options and ends with NJ_TRAIN_OPTIONS, whose arguments are its defaults as text.
#ifndef NJ_OPS_CLI_TRAIN_OPTIONS_H
#define NJ_OPS_CLI_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/cli.h"
#include "common/codec/json.h"
#include "worker/train/schedule.h"

#define NJ_TRAIN_EPOCHS_MAX 100000
#define NJ_TRAIN_BATCH_MAX 1000000
#define NJ_TRAIN_SECONDS_MAX 31536000

#define NJ_TRAIN_OPTIONS(epochs, batch, rate, warmup, schedule, decay, clip, dropout, validate,    \
                         patience)                                                                 \
    {"epochs", "N", epochs, "times that every sample is learned from, at the most", false},        \
        {"batch", "N", batch, "samples of a step", false},                                         \
        {"rate", "X", rate, "learning rate at its highest", false},                                \
        {"warmup", "STEPS", warmup, "steps in which the rate rises from 0", false},                \
        {"schedule", "cosine|inverse-sqrt|constant", schedule,                                     \
         "of the rate behind that: " NJ_SCHEDULES, false},                                         \
        {"weight-decay", "X", decay, "AdamW's, of all parameters", false},                         \
        {"clip", "X", clip, "longest gradient of a step; 0: any", false},                          \
        {"dropout", "X", dropout, "share of values that are dropped", false},                      \
        {"validate-every", "EPOCHS", validate, "how often the model is judged; 0: never", false},  \
        {"patience", "N", patience,                                                                \
         "validations without a better figure that end the training; 0: never", false},            \
        {"seed", "N", "0", "of everything random: same seed, same input, same weights", false},    \
        {"threads", "N", "0",                                                                      \
         "0: one for each processor of this process; the weights are the "                         \
         "same",                                                                                   \
         false},                                                                                   \
        {"checkpoint-every", "SECONDS", "60", "how often the checkpoint is written", false},       \
        {"time-limit", "SECONDS", "0",                                                             \
         "stop behind a checkpoint after so long, with exit 75; 0: never", false},                 \
        {"resume", NULL, NULL, "go on from the checkpoint, where there is one", false},            \
        {"overwrite", NULL, NULL, "begin anew over what an earlier training left in --out",        \
         false},                                                                                   \
        {"quiet", NULL, NULL, "no progress on standard error", false},                             \
        {"out", "DIR", NULL, "the folder of the model; made where it is missing", true},           \
    {                                                                                              \
        "json", NULL, NULL, "print the result as JSON", false                                      \
    }

typedef struct {
    uint32_t epochs;
    uint32_t batch_samples;
    double rate;
    uint32_t warmup; // steps
    const char *schedule_word;
    nj_schedule_kind schedule;
    double weight_decay;
    double clip;
    double dropout;
    uint32_t validate_every; // epochs; 0: never
    uint32_t patience;       // 0: never stop early
    uint64_t seed;
    uint32_t threads; // at least 1
    uint32_t checkpoint_s;
    uint32_t time_limit_s; // 0: none
    bool resume;           // never with overwrite
    bool overwrite;
    bool quiet;
    bool json;
    const char *out; // borrowed while the command runs
} nj_training_options;

/// Reads the options of NJ_TRAIN_OPTIONS. NJ_USAGE names option, value and limits; NJ_FAILED: the processors cannot be counted.
NJ_CHECKED nj_status nj_training_options_from(const nj_arguments *arguments,
                                              nj_training_options *out, nj_error *err);

/// Sets the keys of those options that weights depend on (not threads, seconds, places) in `settings`, under their option names.
void nj_training_options_to_json(const nj_training_options *options, json_t *settings);

/// --threads, where 0 is one for each processor of this process.
NJ_CHECKED nj_status nj_argument_threads(const nj_arguments *arguments, uint32_t *out,
                                         nj_error *err);

#endif
