// t5_flops.h - the floating point operations that a training needs, as a roofline counts them.
#ifndef NJ_WORKER_TRAIN_T5_FLOPS_H
#define NJ_WORKER_TRAIN_T5_FLOPS_H

#include <stddef.h>

#include "worker/t5/t5.h"

/// Of one sample of S encoder tokens and T labels, forward and backward: the products alone, 2 flops a multiplication and addition.
/// Each product Y = X W^T of the forward pass comes back as dX = dY W and dW = dY^T X, so the whole is three times the forward pass.
/// The decoder's attention is counted whole, although half of it is hidden. Norms, softmax, dropout and AdamW count as nothing.
/// Proof   tests/cli/0700-bench.t
double nj_train_sample_flops(const nj_t5_config *config, size_t S, size_t T);

#endif
