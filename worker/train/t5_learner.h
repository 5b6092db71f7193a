// t5_learner.h - a T5 as something to be trained (learner.h): its samples are every prefix of every history (samples.h).
#ifndef NJ_WORKER_TRAIN_T5_LEARNER_H
#define NJ_WORKER_TRAIN_T5_LEARNER_H

#include "common/base/digest.h"
#include "worker/train/learner.h"
#include "worker/train/samples.h"

typedef struct {
    nj_train_t5 *model;              // borrowed
    const nj_train_samples *samples; // borrowed
    double dropout;
    double label_smoothing;
} nj_t5_learner;

/// The table over *t5, which is borrowed by it. A label is one token.
/// Errors  NJ_INPUT: dropout or label smoothing is not in [0, 1)
/// Proof   tests/unit/train/test_train_run.c
NJ_CHECKED nj_status nj_t5_learner_init(nj_t5_learner *t5, nj_learner *out, nj_error *err);

/// `inputs` (model and data, the caller's) with what the learner adds to them: dropout, smoothing, how samples are cut. For nj_train_run.
nj_digest nj_t5_learner_digest(const nj_t5_learner *t5, const nj_digest *inputs);

#endif
