// train_run.h - a whole training: epochs of shuffled samples, steps of a team, checkpoints that a killed run goes on from.
//
//   epoch ─► order of its samples ─► batches ─► shards ─► team ─► AdamW
//     │                               └─ every checkpoint_s: the checkpoint, whole or not at all
//     └─► epoch_ended (validation, changes of values) ─► checkpoint
//
// Everything a step does follows from the settings, the samples and the steps before it: a run that was killed and resumed ends with
// the weights of one that was not.
#ifndef NJ_WORKER_TRAIN_TRAIN_RUN_H
#define NJ_WORKER_TRAIN_TRAIN_RUN_H

#include "common/base/digest.h"
#include "common/base/slice.h"
#include "worker/train/schedule.h"
#include "worker/train/team.h"

typedef struct {
    uint32_t epochs;
    uint32_t batch_samples; // of a step
    uint32_t
        shard_samples; // a batch is cut into shards of so many; part of what the bits depend on
    uint32_t threads;
    nj_schedule schedule; // `steps` is set here
    nj_adamw adamw;
    double clip; // 0: never
    uint64_t seed;
    const char *checkpoint; // a file; NULL: none is written
    uint32_t checkpoint_s;  // seconds between two
    bool resume;            // from `checkpoint`, where it is there
} nj_train_settings;

// How a training stands, behind a step or an epoch.
typedef struct {
    uint64_t step; // done
    uint64_t step_count;
    uint32_t epoch;   // done
    uint64_t samples; // of this process so far
    double loss;      // mean of a label in the last step, or of the epoch
    double gradient_norm;
    double rate;
} nj_train_state;

typedef struct {
    void *context;
    /// Behind each step. A status other than NJ_OK ends the training behind a checkpoint, with it.
    nj_status (*stepped)(void *context, const nj_train_state *state, nj_error *err);
    /// Behind each epoch, once: what it changes of values, means (nj_train_team_mean) and kept bytes is in the next checkpoint, which
    /// follows at once. *out_enough true ends the training, which is then complete. A status other than NJ_OK ends it behind a
    /// checkpoint, with it; the call is then repeated by the process that resumes, so it must have changed nothing.
    nj_status (*epoch_ended)(void *context, const nj_train_state *state, nj_train_team *team,
                             bool *out_enough, nj_error *err);
    /// What hooks must remember when a process is killed, such as the best figure so far: written with each checkpoint, read back
    /// before the first step of a resumed run. [kept_size] without pointers or padding of chance; NULL and 0: nothing.
    void *kept;
    size_t kept_size;
    /// The same for text of any size, asked for at each checkpoint, borrowed until the next call of a hook; who resumes has read it
    /// before (nj_checkpoint_read_notes). NULL: nothing.
    nj_slice (*notes)(void *context);
} nj_train_hooks;

/// Trains `learner` in place. `inputs` stands for all that its gradients depend on beside values and settings (data, sizes, dropout): a
/// checkpoint of others is refused. A training whose checkpoint is complete returns at once.
///
/// Returns  NJ_CONFIG: `resume`, and the checkpoint is of other inputs or settings; NJ_AGAIN: a checkpoint is there and `resume` is not
///          set; NJ_FAILED: a loss or gradient that is not finite (names step, epoch, samples and users; the checkpoint before it stays);
///          NJ_INPUT: no batch, or no epoch; NJ_NO_MEMORY, NJ_IO; what a hook returns
/// Proof    tests/unit/train/test_train_run.c
NJ_CHECKED nj_status nj_train_run(const nj_learner *learner, const nj_train_settings *settings,
                                  const nj_digest *inputs, const nj_train_hooks *hooks,
                                  nj_train_state *out, nj_error *err);

#endif
