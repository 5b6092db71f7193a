// train.h - what every `train` command does around its model: folder, log, checkpoint, progress, signals, the time limit.
//
//   nj_training_open ─► nj_train_run ─► nj_training_finish ─► nj_training_close
//                        │ stepped      nj_training_stepped: progress; signals and the time limit end the run behind a checkpoint
//                        │ epoch_ended  nj_training_end_epoch: the best model is kept; the log, DIR/training.json; is it enough?
//                        └ notes        nj_training_notes: the log, for the checkpoint
//
//   DIR/checkpoint.nj   where a killed training goes on; removed when it is complete
//   DIR/training.json   worker/train/training_log.h
//   DIR/report.html     worker/train/training_report.h
//   DIR/lock            one training at a time in a folder
#ifndef NJ_OPS_CLI_TRAIN_H
#define NJ_OPS_CLI_TRAIN_H

#include "common/base/file.h"
#include "common/cli/progress.h"
#include "common/store/lock.h"
#include "ops/cli/train_options.h"
#include "worker/train/train_run.h"
#include "worker/train/training_log.h"

// What is told to nj_training_open.
typedef struct {
    const char *kind;    // "t5"
    const char *decides; // figure that tells a better epoch: "ndcg@10"
    bool less_is_better; // of that figure
    json_t *settings;    // taken; the command's own, to which the shared ones are added
    json_t *inputs;      // taken; digests of what is read, in hexadecimal
    const char *const
        *files;          // borrowed; names in the folder that the model is, NULL behind the last
    size_t sample_count; // of an epoch
} nj_training_request;

typedef struct {
    nj_training_options options;
    nj_path checkpoint;
    nj_path log_path;
    nj_path report_path;
    nj_store_lock lock; // owned; on the folder
    nj_training_log log;
    nj_buffer notes; // owned
    nj_progress progress;
    size_t sample_count;
    double seconds_before; // of runs before this one
    uint64_t began_ns;
    uint64_t step_ns;       // when the last step ended, or this run began
    double epoch_seconds;   // of this run's steps in the epoch at hand
    uint64_t epoch_samples; // of this run, when that epoch began
    bool complete; // the folder holds this training, and it is finished: there is nothing to do
} nj_training;

/// Makes the folder, begins the log or goes on with that of the checkpoint, and catches SIGINT and SIGTERM. `began_ns` is when the
/// command began: the time limit counts from there.
///
/// Errors  NJ_AGAIN: another process trains in the folder, or a checkpoint is there and --resume is not given; NJ_CONFIG: it is of other settings or inputs (names the first);
///         NJ_INPUT: --resume, and a file of the best model is gone, which no run makes again; NJ_IO, NJ_NO_MEMORY. What is taken is gone whatever the status
/// Proof   tests/cli/0780-train-t5.t
NJ_CHECKED nj_status nj_training_open(nj_training_request *request,
                                      const nj_training_options *options, uint64_t began_ns,
                                      nj_training *out, nj_error *err);
/// Accepts a training that is all zero. Signals end the process again.
void nj_training_close(nj_training *training);

/// Behind each step: shows progress. NJ_AGAIN: the time limit; NJ_INTERRUPTED, NJ_TERMINATED: a signal; each tells how to go on.
NJ_CHECKED nj_status nj_training_stepped(nj_training *training, const nj_train_state *state,
                                         nj_error *err);
/// The part of nj_training_stepped that ends a run; for long work between steps, such as a validation. A process that has done no step
/// is within its time: one whose start alone takes --time-limit must still get on.
NJ_CHECKED nj_status nj_training_check_stop(const nj_training *training,
                                            const nj_train_state *state, nj_error *err);

/// True when this epoch is to be validated: each --validate-every, and the last.
bool nj_training_validates(const nj_training *training, const nj_train_state *state);
/// Ends an epoch with its figures (figure_count 0: it was not validated): keeps the model where it is the best so far, or no epoch was
/// ever validated; adds the epoch to the log, and writes DIR/training.json.
///
///   keep        writes the model into DIR, each file whole or not at all
///   out_enough  --patience is used up
///
/// Errors  those of `keep`; NJ_IO, NJ_NO_MEMORY. The log is then as it was
NJ_CHECKED nj_status nj_training_end_epoch(nj_training *training, const nj_train_state *state,
                                           const nj_training_figure *figures, size_t figure_count,
                                           nj_status (*keep)(void *context, nj_error *err),
                                           void *context, bool *out_enough, nj_error *err);
/// The log as it is now; empty where memory is short.
nj_slice nj_training_notes(nj_training *training);

/// The training is complete: writes the log and removes the checkpoint.
NJ_CHECKED nj_status nj_training_finish(nj_training *training, const nj_train_state *state,
                                        nj_error *err);

/// The digest of kind, settings and inputs: what a checkpoint must be of.
nj_digest nj_training_digest(const nj_training *training);

/// Prints what came of it on standard output: the log without its epochs as JSON under --json, else a few lines.
NJ_CHECKED nj_status nj_training_print(const nj_training *training, nj_error *err);

#endif
