// sasrec_gradient.h - the loss of a SASRec on a batch and its derivative by every parameter; and its states, for serving.
//
//   items, labels ──► forward (activations are kept) ──► scores of all N items, a block at a time ──► loss
//                                      │
//   gradient [count] ◄── backward ◄────┘
//
// The loss is the cross-entropy of the next item among all N, at every position. Sequences are packed end to end. Dropout stands behind
// the embeddings, on attention's weights, within dense layers and behind each sublayer. The sums of one call have one order.
#ifndef NJ_WORKER_TRAIN_SASREC_GRADIENT_H
#define NJ_WORKER_TRAIN_SASREC_GRADIENT_H

#include "worker/train/sasrec.h"

// The most that one call may hold.
typedef struct {
    uint32_t samples_max; // B
    uint32_t rows_max;    // positions of all samples
} nj_sasrec_limits;

typedef struct {
    uint32_t B;
    const uint32_t *items;  // [offset[B]] each below N, oldest first
    const uint32_t *offset; // [B + 1] sample b has items offset[b] .. offset[b+1]; 1 to S of them
    const uint32_t *labels; // [offset[B]] what followed each; not read by nj_sasrec_encode
} nj_sasrec_batch;

typedef struct {
    double dropout; // rate, 0 .. below 1
    float
        weight; // of each label's loss in the gradient: 1 / labels of the whole batch for their mean
    uint64_t seed; // of the dropout; another one for each call of a training
} nj_sasrec_options;

typedef struct nj_sasrec_scratch nj_sasrec_scratch;

/// Takes all memory that calls within `limits` need: about rows_max * (layers * (7 D + F + H S) + 8 D + F) floats, and scores of
/// NJ_SASREC_HEAD_ROWS rows: of all N items, or of a block where N is above NJ_SASREC_HELD_ITEMS. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_sasrec_scratch_new(const nj_sasrec *model, const nj_sasrec_limits *limits,
                                           nj_sasrec_scratch **out, nj_error *err);
/// Accepts NULL in *scratch.
void nj_sasrec_scratch_free(nj_sasrec_scratch **scratch);

/// Adds the derivative of `weight` times the summed loss to gradient [model->count], and returns the sum (not weighted). Sizes within
/// the scratch's limits and items below N are the caller's own: what breaks them asserts. Several threads may share a model, each with
/// a scratch of its own.
///
/// Source  Kang, McAuley 2018, section III; the loss over all items as in Klenitskiy, Vasilev 2023, "Turning Dross Into Gold Loss: is
///         BERT4Rec really better than SASRec?"
/// Proof   tests/unit/train/test_sasrec_gradient.c by differences
double nj_sasrec_gradient(const nj_sasrec *model, nj_sasrec_scratch *scratch,
                          const nj_sasrec_batch *batch, const nj_sasrec_options *options,
                          float *gradient);

/// states[B, D]: what each sample's last position comes to, without dropout.
void nj_sasrec_encode(const nj_sasrec *model, nj_sasrec_scratch *scratch,
                      const nj_sasrec_batch *batch, float *states);
/// scores[rows, N] of all items, for states [rows, D].
void nj_sasrec_score(const nj_sasrec *model, size_t rows, const float *states, float *scores);

#endif
