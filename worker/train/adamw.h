// adamw.h - Adam with decoupled weight decay, over all parameters at once.
#ifndef NJ_WORKER_TRAIN_ADAMW_H
#define NJ_WORKER_TRAIN_ADAMW_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    double beta1, beta2; // of the means of gradients and of their squares
    double epsilon;
    double weight_decay;
} nj_adamw;

/// Step number `step` (from 1) over `count` parameters:
///
///   x -= rate * weight_decay * x
///   mean = beta1 mean + (1 - beta1) g;  square = beta2 square + (1 - beta2) g^2
///   x -= rate * mean / (1 - beta1^step) / (sqrt(square / (1 - beta2^step)) + epsilon)
///
/// Source  Loshchilov, Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2; as torch.optim.AdamW does it
/// Proof   tests/parity/test_train_trace.c
void nj_adamw_step(const nj_adamw *adamw, double rate, uint64_t step, size_t count,
                   const float *gradient, float *mean, float *square, float *values);

#endif
