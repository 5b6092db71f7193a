// checkpoint.h - a training as a file: weights, AdamW's means, and how far it was. A bundle (common/bundle), so every byte has a digest.
//
//   state    inputs (32 bytes), u64 step, u64 count, little-endian
//   values   float32 [count], as t5_parameters.h lays them out
//   mean     likewise
//   square   likewise
#ifndef NJ_WORKER_TRAIN_CHECKPOINT_H
#define NJ_WORKER_TRAIN_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/error.h"

typedef struct {
    nj_digest inputs; // what the training is made of: model, data, settings
    uint64_t step;
    size_t count;  // parameters
    float *values; // [count] each; the caller's
    float *mean;
    float *square;
} nj_checkpoint;

/// Writes the file whole or not at all. NJ_IO, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_checkpoint_write(const char *path, const nj_checkpoint *checkpoint,
                                         nj_error *err);
/// Fills step and the arrays of `checkpoint`, whose inputs and count are set: others in the file are NJ_CONFIG. NJ_REFUSED, NJ_INPUT: a
/// damaged file. Nothing is changed unless all is well.
/// Proof   tests/unit/train/test_t5_train.c
NJ_CHECKED nj_status nj_checkpoint_read(const char *path, nj_checkpoint *checkpoint, nj_error *err);

#endif
