// deal.h - a batch in shards of alike effort, so that no thread waits for the one with the longest histories.
#ifndef NJ_WORKER_TRAIN_DEAL_H
#define NJ_WORKER_TRAIN_DEAL_H

#include "worker/train/learner.h"

typedef struct {
    uint32_t number;
    uint32_t effort;
} nj_sized_sample;

/// Sorts a batch by the learner's effort, the most first and equals by number, and deals it forth and back: 0 1 2 2 1 0 0 1 2 ... A learner
/// without an effort has its samples dealt in their order.
///
///   numbers  [samples]                      in/out  the batch; then shard by shard
///   sized    [samples]                      scratch
///   shards   [ceil(samples / per_shard)]    out     their numbers and counts; weight and seed are the caller's to set
///
/// Returns  how many shards
/// Proof    tests/unit/train/test_deal.c
size_t nj_train_deal(const nj_learner *learner, size_t per_shard, size_t samples, uint32_t *numbers,
                     nj_sized_sample *sized, nj_train_shard *shards);

#endif
