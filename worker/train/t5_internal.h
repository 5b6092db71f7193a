// t5_internal.h - what the files of a gradient share: kept activations, scratch, the call at hand.
#ifndef NJ_WORKER_TRAIN_T5_INTERNAL_H
#define NJ_WORKER_TRAIN_T5_INTERNAL_H

#include "worker/train/rows.h"
#include "worker/train/t5_gradient.h"

#define NJ_TRAIN_HEAD_ROWS 128 // rows whose logits are in memory at a time
#define NJ_TRAIN_PART_ROWS                                                                         \
    128 // rows that go through a layer at a time; whole samples where they attend to each other

// One norm: what went in, and what the backward pass needs of it.
typedef struct {
    float *x;       // [N, D] before
    float *normed;  // [N, D]
    float *inverse; // [N]
} nj_kept_norm;

typedef struct {
    nj_kept_norm norm;
    float *q;     // [N, H*E]
    float *k;     // [M, H*E], M = N but for cross-attention
    float *v;     // [M, H*E]
    float *p;     // probabilities before dropout, [H, Sq, Sk] of each sample, end to end
    float *mixed; // [N, H*E]
} nj_kept_attention;

typedef struct {
    nj_kept_norm norm;
    float *inner; // [N, F] before the activation, gated only
    float *gate;  // [N, F] gated only
    float *h;     // [N, F] after activation and dropout
} nj_kept_dense;

typedef struct {
    nj_kept_attention self;
    nj_kept_attention cross; // decoder only
    nj_kept_dense dense;
} nj_kept_block;

typedef struct {
    nj_kept_block *blocks;
    nj_kept_norm last;
} nj_kept_stack;

// The position bias of a stack: a bucket's numbers, spread over the distances that it stands for.
typedef struct {
    size_t span;      // the longest sequence
    uint16_t *bucket; // [2 * span - 1] by (key - query) + span - 1
    float *values;    // [H, 2 * span - 1]
    float *gradient;  // likewise, of all blocks and samples
} nj_train_bias;

struct nj_train_scratch {
    nj_train_limits limits;
    nj_arena arena;
    nj_kept_stack encoder;
    nj_kept_stack decoder;
    uint32_t *steps;  // [samples_max + 1] sample b's decoder rows are steps[b] .. steps[b+1]
    uint32_t *inputs; // [samples_max, T] the decoder's tokens
    nj_train_bias encoder_bias;
    nj_train_bias decoder_bias; // keys behind the query are not looked at

    float *x;                 // [N, D] residual stream; backward its derivative
    float *y;                 // [N, D]
    float *dn;                // [N, D] by a norm's result
    float *de;                // [tokens_max, D] by the encoder's output
    float *dq, *dk, *dv, *da; // [N, H*E]
    float *dh;                // [NJ_TRAIN_PART_ROWS, F]
    float *dgate;             // likewise, gated only
    float *scores;            // [longest, longest] of one head
    float *logits;            // [NJ_TRAIN_HEAD_ROWS, V]

    uint64_t times[NJ_PHASE_COUNT]; // nanoseconds
    nj_train_phase phase;           // at hand
    uint64_t phase_ns;              // when it began
};

// The call at hand.
typedef struct {
    const nj_train_t5 *model;
    nj_train_scratch *s;
    const nj_train_batch *batch;
    const nj_train_options *options;
    nj_dropout dropout;
    float *gradient;
    size_t N_encoder; // rows
    size_t N_decoder;
} nj_train_call;

// Uses of dropout in a block; each has a key of its own.
typedef enum {
    NJ_DROP_SELF_WEIGHTS,
    NJ_DROP_SELF,
    NJ_DROP_CROSS_WEIGHTS,
    NJ_DROP_CROSS,
    NJ_DROP_INNER,
    NJ_DROP_DENSE,
    NJ_DROP_COUNT
} nj_drop_use;

// Which queries see which keys: of the samples first .. first + count - 1.
typedef struct {
    const uint32_t *q_offset; // [B + 1]
    const uint32_t *k_offset; // [B + 1]
    size_t first, count;
    size_t weights; // of the samples before
    bool causal;
    const nj_train_bias *bias; // NULL: none
    uint64_t key;              // of the dropout of its weights
} nj_attention_shape;

static inline size_t nj_train_rows(const uint32_t *offset, const nj_attention_shape *shape)
{
    return offset[shape->first + shape->count] - offset[shape->first];
}

/// From now on time is counted for `phase`; returns the one before, to go back to.
nj_train_phase nj_train_enter(const nj_train_call *c, nj_train_phase phase);

/// Y[rows, N] (+)= X[rows, K] W^T.
void nj_train_forward(const nj_train_call *c, const nj_train_linear *linear, size_t rows,
                      const float *X, bool accumulate, float *Y);
/// dX (+)= dY W, and the gradient of W += dY^T X. The first call for a weight clears its gradient where that is to be overwritten.
void nj_train_backward(const nj_train_call *c, const nj_train_linear *linear, bool first,
                       size_t rows, const float *dY, const float *X, bool accumulate, float *dX);

/// What is kept of the rows from `first` on.
nj_kept_norm nj_train_norm_from(const nj_train_call *c, const nj_kept_norm *kept, size_t first);
void nj_train_norm(const nj_train_call *c, const nj_kept_norm *kept, size_t rows, const float *x,
                   size_t weight);
/// x of the stream's derivative grows by what comes through the norm.
void nj_train_norm_backward(const nj_train_call *c, const nj_kept_norm *kept, size_t rows,
                            const float *dnormed, size_t weight, float *dx);

void nj_train_drop(const nj_train_call *c, uint64_t key, size_t count, float *values);
uint64_t nj_train_key(const nj_train_call *c, bool is_decoder, size_t block, nj_drop_use use);

/// The bias's values from the parameters [R, H] at `place`, and no gradient yet.
void nj_train_bias_spread(const nj_train_call *c, const nj_train_bias *bias, size_t place);
/// Its gradient, gathered into that of the parameters.
void nj_train_bias_gather(const nj_train_call *c, const nj_train_bias *bias, size_t place);

/// mixed, from q, k and v.
void nj_train_attend(const nj_train_call *c, const nj_attention_shape *shape,
                     nj_kept_attention *kept);
/// scratch's dq, dk, dv from its da, which begin with the first sample's rows; the bias's gradient by distances grows.
void nj_train_attend_backward(const nj_train_call *c, const nj_attention_shape *shape,
                              const nj_kept_attention *kept);

/// x += dense(norm(x)), and back.
void nj_train_dense(const nj_train_call *c, const nj_train_block *block, nj_kept_dense *kept,
                    size_t rows, uint64_t inner_key, uint64_t key);
void nj_train_dense_backward(const nj_train_call *c, const nj_train_block *block,
                             const nj_kept_dense *kept, size_t rows, uint64_t inner_key,
                             uint64_t key);

#endif
