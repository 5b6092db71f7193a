// schedule.h - the learning rate of each step.
//
//   rate ┤    ____ constant
//        │   /‾‾--.._  inverse-sqrt: rate * sqrt(warmup / step)
//        │  /  ‾-.    cosine: half a wave down to 0 at the last step
//        │ /      ‾._
//        └┴──────────── steps
//         warmup: a line from 0
#ifndef NJ_WORKER_TRAIN_SCHEDULE_H
#define NJ_WORKER_TRAIN_SCHEDULE_H

#include <stdint.h>

#include "common/base/error.h"

#define NJ_SCHEDULES "cosine, inverse-sqrt, constant" // for texts

typedef enum {
    NJ_SCHEDULE_COSINE,
    NJ_SCHEDULE_INVERSE_SQRT,
    NJ_SCHEDULE_CONSTANT
} nj_schedule_kind;

typedef struct {
    nj_schedule_kind kind;
    double rate;     // the highest
    uint64_t warmup; // steps
    uint64_t steps;  // in all; cosine ends there
} nj_schedule;

/// NJ_USAGE names the known words.
NJ_CHECKED nj_status nj_schedule_kind_from(const char *word, nj_schedule_kind *out, nj_error *err);

/// Of step number `step`, from 1; behind the last as at the last.
/// Proof   tests/unit/train/test_schedule.c
double nj_schedule_rate(const nj_schedule *schedule, uint64_t step);

#endif
