// checkpoint.h - a training as a file: weights, AdamW's means, and how far it was. A bundle (common/bundle), so every byte has a digest.
//
//   state    inputs (32 bytes), u64 count, u64 step, u64 epoch, u64 complete, f64 epoch_loss, f64 gradient_norm; little-endian
//   values   float32 [count], as the model lays them out
//   mean     likewise
//   square   likewise
//   kept     what hooks keep (train_run.h); absent where that is nothing
//   notes    what hooks tell, of any size; likewise
#ifndef NJ_WORKER_TRAIN_CHECKPOINT_H
#define NJ_WORKER_TRAIN_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/error.h"

typedef struct {
    nj_digest inputs; // what the training is made of: model, data, settings
    uint64_t step;
    uint64_t epoch;       // ended
    bool is_complete;     // nothing is left to do
    double epoch_loss;    // sum over the steps of the epoch at hand
    double gradient_norm; // of the last step
    size_t count;         // parameters
    float *values;        // [count] each; the caller's
    float *mean;
    float *square;
    void *kept; // [kept_size], the caller's
    size_t kept_size;
    nj_slice notes; // written only: nj_checkpoint_read_notes reads them
} nj_checkpoint;

/// Writes the file whole or not at all. NJ_IO, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_checkpoint_write(const char *path, const nj_checkpoint *checkpoint,
                                         nj_error *err);
/// Fills all of `checkpoint` but its inputs, count and kept_size, which are set: others in the file are NJ_CONFIG. NJ_INPUT: a
/// damaged file. Nothing is changed unless all is well.
/// Proof   tests/unit/train/test_train_run.c
NJ_CHECKED nj_status nj_checkpoint_read(const char *path, nj_checkpoint *checkpoint, nj_error *err);

/// Appends the notes of a checkpoint, which may be none. NJ_NOT_FOUND: there is no such file; NJ_INPUT: a damaged one.
NJ_CHECKED nj_status nj_checkpoint_read_notes(const char *path, nj_buffer *out, nj_error *err);

#endif
