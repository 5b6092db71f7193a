// sasrec_internal.h - what the files of a SASRec's gradient share: kept activations, scratch, the call at hand.
#ifndef NJ_WORKER_TRAIN_SASREC_INTERNAL_H
#define NJ_WORKER_TRAIN_SASREC_INTERNAL_H

#include "worker/train/rows.h"
#include "worker/train/sasrec_gradient.h"

#define NJ_SASREC_HEAD_ROWS 128    // positions whose scores are in memory at a time
#define NJ_SASREC_HELD_ITEMS 65536 // of more items, scores are computed twice instead of held
#define NJ_SASREC_EPSILON 1e-8f    // of the norms' variance; the paper's code

// A sublayer's input, and what the derivative of its norm needs.
typedef struct {
    float *in;      // [rows, D] what attention or the dense layer reads
    float *hat;     // [rows, D]
    float *inverse; // [rows]
} nj_kept_sublayer;

typedef struct {
    nj_kept_sublayer attention;
    float *qkv;   // [rows, 3D]
    float *p;     // probabilities before dropout, [H, S, S] of each sample, end to end
    float *mixed; // [rows, D]
    nj_kept_sublayer dense;
    float *h; // [rows, F] after relu and dropout
} nj_kept_sasrec_block;

struct nj_sasrec_scratch {
    nj_sasrec_limits limits;
    nj_arena arena;
    nj_kept_sasrec_block *blocks; // owned; [layers]
    nj_kept_sublayer edge;        // `in` holds the states, [rows, D]
    float *x;                     // [rows, D] residual stream; backward its derivative
    float *y;                     // [rows, D]
    float *dn;                    // [rows, D]
    float *dqkv;                  // [rows, 3D]
    float *dh;                    // [rows, F]
    float *weights;               // [S, S] of one head
    float *scores;   // [NJ_SASREC_HEAD_ROWS, N], or a block of items where they are not held
    float *log_sums; // [item blocks, NJ_SASREC_HEAD_ROWS]
    float *part;     // [NJ_SASREC_HEAD_ROWS, D]
};

// The call at hand.
typedef struct {
    const nj_sasrec *model;
    nj_sasrec_scratch *s;
    const nj_sasrec_batch *batch;
    const nj_sasrec_options *options;
    nj_dropout dropout;
    float *gradient;
    size_t rows;
} nj_sasrec_call;

void nj_sasrec_drop(const nj_sasrec_call *c, uint32_t use, size_t count, float *values);

/// mixed from qkv, and dqkv from the derivative by mixed. `use`: of dropout.
void nj_sasrec_attend(const nj_sasrec_call *c, nj_kept_sasrec_block *kept, uint32_t use);
void nj_sasrec_attend_backward(const nj_sasrec_call *c, const nj_kept_sasrec_block *kept,
                               uint32_t use, const float *dmixed);

/// The loss of all labels given the states [rows, D]; dstates is set, and the item embeddings' gradient grows.
double nj_sasrec_head(const nj_sasrec_call *c, const float *states, float *dstates);

#endif
