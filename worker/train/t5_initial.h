// t5_initial.h - the weights that a T5 begins with.
//
//   tensor                                     normal with mean 0 and this deviation, times `factor`
//   shared, lm_head (untied only)              1
//   attention q                                (D E)^-0.5      T5 does not divide its scores by sqrt(E)
//   attention k, v; position bias; wi          D^-0.5
//   attention o                                (H E)^-0.5
//   wo                                         F^-0.5
//   norms                                      no draw: all are `factor`
#ifndef NJ_WORKER_TRAIN_T5_INITIAL_H
#define NJ_WORKER_TRAIN_T5_INITIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "worker/t5/t5.h"

/// Appends a "weights" section of this shape. The seed decides all of it: tensors are drawn in the order of their names.
///
///   untied  a head of its own, lm_head.weight; such a model should not scale its outputs
///
/// Errors  NJ_NO_MEMORY
/// Source  transformers 5.23, modeling_t5.py, T5PreTrainedModel._init_weights; Box, Muller 1958, "A note on the generation of random
///         normal deviates"
/// Proof   tests/unit/train/test_t5_initial.c
NJ_CHECKED nj_status nj_t5_weights_initial(const nj_t5_config *config, bool untied, double factor,
                                           uint64_t seed, nj_buffer *out, nj_error *err);

#endif
