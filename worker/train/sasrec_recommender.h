// sasrec_recommender.h - lists from a SASRec: the scores of all items for the state behind a history.
#ifndef NJ_WORKER_TRAIN_SASREC_RECOMMENDER_H
#define NJ_WORKER_TRAIN_SASREC_RECOMMENDER_H

#include "worker/baseline/recommender.h"
#include "worker/train/sasrec.h"

/// The model is borrowed. A user without a history gets no scores. Memory of a thread: scores of all items for a group of users, at most 32
/// users and, where one has not more, 32 MB.
/// Proof   tests/unit/train/test_sasrec_learner.c
nj_recommender nj_sasrec_recommender(const nj_sasrec *model);

#endif
