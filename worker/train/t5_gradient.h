// t5_gradient.h - the loss of a T5 on a batch and its derivative by every parameter.
//
//   tokens, labels ──► forward (activations are kept) ──► loss
//                                      │
//   gradient [count] ◄── backward ◄────┘
//
// Samples are packed end to end, as for decoding. Dropout stands where Transformers' T5 has it. The sums of one call have one order, so
// a call gives the same bits on any machine of the kernels' class; who cuts a batch into several calls fixes the cut, and adds up the
// gradients in a fixed order.
#ifndef NJ_WORKER_TRAIN_T5_GRADIENT_H
#define NJ_WORKER_TRAIN_T5_GRADIENT_H

#include "worker/train/t5_parameters.h"

// The most that one call may hold.
typedef struct {
    uint32_t samples_max;  // B
    uint32_t tokens_max;   // sum of S over a call
    uint32_t sequence_max; // longest S
    uint32_t T;            // labels of every sample
} nj_train_limits;

typedef struct {
    uint32_t B;
    const uint32_t *tokens; // [offset[B]] the encoder's, each below V
    const uint32_t
        *offset; // [B + 1] sample b's tokens are offset[b] .. offset[b+1]; at least one each
    const uint32_t *
        labels; // [B, T] what the decoder says; it reads the start token, then all of them but the last
} nj_train_batch;

typedef struct {
    double dropout;         // rate, 0 .. below 1
    double label_smoothing; // share of the target that all V tokens divide, 0 .. below 1
    float
        weight; // of each label's loss in the gradient: 1 / labels of the whole batch for their mean
    uint64_t seed; // of the dropout; another one for each call of a training
    bool
        overwrite; // the gradient is set, not added to: each part is cleared when its turn comes, near the processor
} nj_train_options;

typedef struct nj_train_scratch nj_train_scratch;

// What a call spends its time on.
typedef enum {
    NJ_PHASE_FORWARD,   // products with weights
    NJ_PHASE_BACKWARD,  // products with their transposes
    NJ_PHASE_WEIGHTS,   // the gradients of weights
    NJ_PHASE_ATTENTION, // scores, softmax and mixing, both ways
    NJ_PHASE_HEAD,      // logits, their softmax and loss, both ways
    NJ_PHASE_DROPOUT,   // but of attention's weights
    NJ_PHASE_REST,      // norms, activations, embeddings, copies
    NJ_PHASE_COUNT
} nj_train_phase;

/// Takes all memory that calls within `limits` need. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_train_scratch_new(const nj_train_t5 *model, const nj_train_limits *limits,
                                          nj_train_scratch **out, nj_error *err);
void nj_train_scratch_free(nj_train_scratch **scratch);

/// Nanoseconds of processor time [NJ_PHASE_COUNT] of all calls with this scratch so far; borrowed until it is freed.
const uint64_t *nj_train_scratch_times(const nj_train_scratch *scratch);

/// Adds the derivative of `weight` times the summed loss to gradient [model->count] (or sets it: options->overwrite), and returns the sum (not weighted). Sizes within
/// the scratch's limits and tokens below V are the caller's own: what breaks them asserts. Several threads may share a model, each
/// with a scratch of its own.
///
/// Source  Raffel et al. 2020, section 2.1; transformers 5.17, modeling_t5.py; label smoothing as torch.nn.CrossEntropyLoss
/// Proof   tests/unit/train/test_gradient.c by differences, tests/parity/test_train_trace.c
double nj_train_gradient(const nj_train_t5 *model, nj_train_scratch *scratch,
                         const nj_train_batch *batch, const nj_train_options *options,
                         float *gradient);

#endif
