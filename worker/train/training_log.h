// training_log.h - what a training was asked for and how it went, as one JSON object (schemas/training.md): DIR/training.json.
//
//   begin or resume ─► add an epoch ─► write ─► add ... ─► finish ─► write
//
// The same text stands in the checkpoint as its notes, so that a training which was killed goes on with its history: the epochs, the
// best of them, and how many validations there were since.
#ifndef NJ_WORKER_TRAIN_TRAINING_LOG_H
#define NJ_WORKER_TRAIN_TRAINING_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_TRAINING_FIGURES_MAX 32
#define NJ_TRAINING_LOG_BYTES_MAX ((size_t)64 << 20)

typedef struct {
    const char *name; // "ndcg@10"; copied
    double value;     // finite
} nj_training_figure;

// One epoch.
typedef struct {
    uint32_t epoch; // from 1
    uint64_t steps; // done in all
    double seconds; // of this training so far, all its runs together
    double samples_per_second;
    double loss; // mean over the epoch
    double rate; // of its last step
    double gradient_norm;
    size_t figure_count; // 0: it was not validated
    nj_training_figure figures[NJ_TRAINING_FIGURES_MAX];
} nj_training_epoch;

typedef struct {
    json_t *object;      // owned; what stands in the file
    const char *decides; // figure that tells a better epoch; static
    bool less_is_better;
    // of the object, for the caller:
    uint32_t epochs;         // that are told
    uint32_t best_epoch;     // 0: none was validated
    double best;             // its figure
    uint32_t without_better; // validations since
    double seconds;          // of all runs so far
} nj_training_log;

/// Begins a log: `kind` is "t5", `settings` and `inputs` are objects of options and of digests, which the log takes (NULL afterwards,
/// also on failure). `decides` names the figure that epochs are compared by.
/// Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_training_log_begin(const char *kind, json_t **settings, json_t **inputs,
                                           const char *decides, bool less_is_better,
                                           nj_training_log *out, nj_error *err);
/// Accepts a log that is all zero.
void nj_training_log_fini(nj_training_log *log);

/// Goes on from the notes of a checkpoint: takes their epochs, best and seconds into a log that was just begun. `what` names the file.
/// Errors  NJ_CONFIG: another kind, setting or input (names the first that differs, with both values); NJ_INPUT: no such notes
/// Proof   tests/unit/train/test_training_log.c, as of all here
NJ_CHECKED nj_status nj_training_log_resume(nj_training_log *log, nj_slice notes, const char *what,
                                            nj_error *err);

/// Whether an epoch with these figures would be the best: the deciding one is among them, and better than all before it.
bool nj_training_log_is_better(const nj_training_log *log, const nj_training_epoch *epoch);
/// Adds an epoch to a copy of `log`, so that the caller can drop what could not be written. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_training_log_add(const nj_training_log *log, const nj_training_epoch *epoch,
                                         nj_training_log *out, nj_error *err);

/// Sets the seconds of all runs so far.
void nj_training_log_set_seconds(nj_training_log *log, double seconds);
/// The training is complete; `reason` says why ("all epochs", "patience").
void nj_training_log_finish(nj_training_log *log, const char *reason);

/// Appends the log as JSON, with a newline at its end. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_training_log_text(const nj_training_log *log, nj_buffer *out,
                                          nj_error *err);
/// Writes the file whole or not at all.
NJ_CHECKED nj_status nj_training_log_write(const nj_training_log *log, const char *path,
                                           nj_error *err);

#endif
