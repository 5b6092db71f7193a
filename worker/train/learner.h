// learner.h - what a model must do to be trained: all that team.h and train_run.h know of it.
//
//   train_run.h   which samples make a batch, when a checkpoint is due ─┐
//   team.h        a batch in shards, gradients added, AdamW ────────────┼─► this table ─► t5_learner.h, sasrec_learner.h, ...
//
// A model is a row of numbers and a few functions over them. Samples are numbers too: the model knows what stands behind each.
//
// Proof   tests/unit/train/test_team.c, tests/unit/train/test_train_run.c
#ifndef NJ_WORKER_TRAIN_LEARNER_H
#define NJ_WORKER_TRAIN_LEARNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"

// The samples of a batch that one thread works on at a time.
typedef struct {
    const uint32_t *numbers; // [count] of samples, each below sample_count
    uint32_t count;
    float weight;  // of each label's loss in the gradient: 1 / labels of the whole batch
    uint64_t seed; // of its dropout; made of the step and the place in the batch
} nj_train_shard;

// Some of the parameters: at, at + 1, ..., at + count - 1.
typedef struct {
    size_t at;
    size_t count;
} nj_train_span;

typedef struct {
    void *context; // handed to every function; borrowed, as all below, while the learner is in use
    size_t sample_count;            // 1 .. UINT32_MAX
    size_t epoch_samples;           // that one epoch visits
    size_t count;                   // of parameters
    float *values;                  // [count]
    const nj_train_span *undecayed; // [undecayed_count] ascending and apart: no weight decay there
    size_t undecayed_count;
    bool overwrites;   // `gradient` sets all that it is given; else it finds zeros
    size_t part_count; // pieces that `changed` puts in order when values have changed; may be 0

    /// Memory for shards of up to samples_max samples, one for each thread. NJ_NO_MEMORY.
    nj_status (*scratch_new)(const void *context, uint32_t samples_max, void **out, nj_error *err);
    /// Accepts NULL in *scratch.
    void (*scratch_free)(void **scratch);

    /// order[epoch_samples]: which samples an epoch visits, a function of seed and epoch alone. NULL: a permutation of all
    /// (nj_train_samples_order), epoch_samples being sample_count.
    void (*order)(const void *context, uint64_t seed, uint64_t epoch, uint32_t *order);
    /// How many losses these samples add up: what the loss and its gradient are divided by. At least 1 for any sample.
    uint64_t (*count_labels)(const void *context, const uint32_t *numbers, size_t count);
    /// Adds the derivative of shard->weight times the summed loss to gradient [count] (sets it where `overwrites`), and returns the sum
    /// (not weighted). Runs on several threads at once, each with a scratch of its own; its bits depend on values and shard alone.
    double (*gradient)(const void *context, void *scratch, const nj_train_shard *shard,
                       float *gradient);
    /// Part number `part` of what must follow a change of the values, such as packing a weight. On any thread, each part once.
    void (*changed)(void *context, size_t part);
    /// How much work a sample is, in any unit: shards of a batch get alike much. NULL: all are alike.
    uint32_t (*effort)(const void *context, uint32_t number);
    /// The id of the user whose sample this is, for messages; borrowed. NULL: samples are of no user.
    nj_slice (*name_user)(const void *context, uint32_t number);
} nj_learner;

#endif
