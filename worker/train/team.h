// team.h - one step of training on all cores: the batch in shards, their gradients added in shard order, AdamW.
//
//   shard 0 ─► gradient 0 ─┐                           ┌─► values, and what follows their change
//   shard 1 ─► gradient 1 ─┼─ slice by slice, in order ┤
//   ...                    ┘   (norm, clipping, AdamW) └─► means of AdamW
//
// The shards are the caller's, so the bits of a step depend on how the batch is cut and not on how many threads there are.
#ifndef NJ_WORKER_TRAIN_TEAM_H
#define NJ_WORKER_TRAIN_TEAM_H

#include "common/base/pool.h"
#include "worker/train/adamw.h"
#include "worker/train/learner.h"

typedef struct nj_train_team nj_train_team;

// What a gradient was.
typedef struct {
    double loss; // sum over all labels
    double norm; // length of the gradient
} nj_train_measure;

/// Memory for `shards_max` shards of up to `samples_max` samples: a gradient a shard, a scratch a thread, and AdamW's means, which are 0.
/// `learner` is borrowed; its values are changed by nj_train_team_apply.
/// Errors  NJ_INPUT: shards_max is 0, or the number of threads makes no sense; NJ_NO_MEMORY; NJ_FAILED: a thread could not be started
NJ_CHECKED nj_status nj_train_team_new(const nj_learner *learner, uint32_t samples_max,
                                       size_t shards_max, size_t threads, nj_train_team **out,
                                       nj_error *err);
/// Accepts NULL in *team.
void nj_train_team_free(nj_train_team **team);

/// The gradient of a batch cut into 1 .. shards_max shards. A loss or norm that is not finite is the caller's to notice, before anything
/// is applied.
/// Proof   tests/unit/train/test_team.c
nj_train_measure nj_train_team_gradient(nj_train_team *team, const nj_train_shard *shards,
                                        size_t shard_count);

/// Changes the values by that gradient, step number `step` from 1, and calls the learner's `changed`.
///
///   clip  the gradient is shortened to this length where it is longer; 0: never
void nj_train_team_apply(nj_train_team *team, const nj_adamw *adamw, double rate, double clip,
                         uint64_t step);

/// Calls `changed` for every part: what follows when others than nj_train_team_apply have changed the values.
void nj_train_team_changed(nj_train_team *team);

/// The sum of the last nj_train_team_gradient, [count]; borrowed. For tests.
const float *nj_train_team_sum(const nj_train_team *team);
/// AdamW's means of gradients and of their squares, [count] each; what a checkpoint keeps beside the values.
float *nj_train_team_mean(nj_train_team *team);
float *nj_train_team_square(nj_train_team *team);
/// The team's threads, for other work between two calls; borrowed.
nj_pool *nj_train_team_pool(nj_train_team *team);

#endif
