// sasrec_learner.h - a SASRec as something to be trained (learner.h): a sample is a history, or a window of it (sequences.h).
#ifndef NJ_WORKER_TRAIN_SASREC_LEARNER_H
#define NJ_WORKER_TRAIN_SASREC_LEARNER_H

#include "common/base/digest.h"
#include "worker/train/learner.h"
#include "worker/train/sequences.h"

typedef struct {
    nj_sasrec *model;              // borrowed
    const nj_sequences *sequences; // borrowed; length_max is at most the model's S
    double dropout;
    nj_train_span *norms; // owned; without weight decay
} nj_sasrec_learner;

/// The table over *sasrec, of which model, sequences and dropout are set; it is borrowed by the table. A label is one position.
/// Errors  NJ_INPUT: dropout is not in [0, 1); NJ_NO_MEMORY
/// Proof   tests/unit/train/test_sasrec_learner.c
NJ_CHECKED nj_status nj_sasrec_learner_init(nj_sasrec_learner *sasrec, nj_learner *out,
                                            nj_error *err);
void nj_sasrec_learner_fini(nj_sasrec_learner *sasrec);

/// `inputs` (data, the caller's) with what the learner adds to them: sizes, dropout, how samples are cut. For nj_train_run.
nj_digest nj_sasrec_learner_digest(const nj_sasrec_learner *sasrec, const nj_digest *inputs);

#endif
