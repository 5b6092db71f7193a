// encoder_internal.h - what the files of this folder share: the weights as the model is drawn, and the scratch of one batch.
#ifndef NJ_WORKER_ENCODER_ENCODER_INTERNAL_H
#define NJ_WORKER_ENCODER_ENCODER_INTERNAL_H

#include "common/base/checked.h"
#include "worker/encoder/encoder.h"
#include "worker/model/claim.h"
#include "worker/model/weights.h"

#define NJ_ENCODER_COLUMNS 16 // keys lie in columns: whole registers of any kernel set

// ---- weights ----

typedef struct {
    nj_linear weight;
    const float *bias; // [N]
} nj_encoder_dense;

typedef struct {
    const float *weight; // [D]
    const float *bias;   // [D]
} nj_encoder_norm;

typedef struct {
    nj_encoder_dense q, k, v; // [D, D]
    nj_encoder_dense o;       // [D, D]
    nj_encoder_norm attention_norm;
    nj_encoder_dense up;   // [F, D]
    nj_encoder_dense down; // [D, F]
    nj_encoder_norm norm;
} nj_encoder_layer;

struct nj_encoder {
    nj_encoder_config config;
    const nj_kernels *kernels; // borrowed
    nj_buffer section;         // owned; the checkpoint as one float32 file
    nj_tensor_set *weights;    // owned; of the section
    nj_arena arena;            // owned; layers, packed weights, what is added at each position
    nj_encoder_layer *layers;  // [layers]
    const float *words;        // [V, D]
    const float *positions;    // [position_count, D]
    const float *types;        // [type_count, D]
    nj_encoder_norm norm;      // of the embedding
    size_t D_row;              // distance between rows of scratch in floats
    size_t F_row;
};

// ---- the scratch of one batch ----

typedef struct {
    float *x;      // [tokens, D_row] residual stream
    float *q;      // [tokens, D_row] queries; then what they have mixed
    float *k;      // [tokens, D_row]
    float *v;      // [tokens, D_row]
    float *hidden; // [tokens, F_row]
    float *keys;   // [E, columns] of one head of one text
    float *scores; // [longest, columns]
} nj_encoder_scratch;

/// Claims the scratch of `tokens` tokens, of which a text has at most `longest`.
void nj_encoder_claim_scratch(const nj_encoder_config *config, nj_claim *claim, size_t tokens,
                              size_t longest, nj_encoder_scratch *out);

static inline size_t nj_encoder_columns(size_t S)
{
    return nj_round_up(S, NJ_ENCODER_COLUMNS);
}

/// The S rows of scratch from `first` on are one text: its queries become what they mix.
///
/// Order     each head's scores and mixtures sum over its width and the text's positions ascending
void nj_encoder_attend(const nj_encoder *encoder, const nj_encoder_scratch *scratch, size_t first,
                       size_t S);

// ---- tensors (encoder_tensors.c): name, shape and place of each ----

typedef struct {
    const nj_encoder_config *config;
    uint32_t layer; // config->layers: what stands outside them
    size_t rule;

    // The tensor of the last successful nj_encoder_walk_next.
    char name[NJ_WEIGHT_NAME_BYTES];
    size_t shape[2];
    size_t dim_count;
    bool is_linear; // its slot is an nj_linear, else a const float *
} nj_encoder_walk;

nj_encoder_walk nj_encoder_walk_begin(const nj_encoder_config *config);
/// False behind the last tensor.
bool nj_encoder_walk_next(nj_encoder_walk *walk);
/// The field of `encoder` that the walk's tensor fills: nj_linear * or const float **.
void *nj_encoder_walk_slot(const nj_encoder_walk *walk, nj_encoder *encoder);
size_t nj_encoder_tensor_count(const nj_encoder_config *config);

#endif
