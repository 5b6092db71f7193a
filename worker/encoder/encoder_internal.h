// encoder_internal.h - what the files of this folder share: the weights as the models are drawn, and the scratch of one batch.
#ifndef NJ_WORKER_ENCODER_ENCODER_INTERNAL_H
#define NJ_WORKER_ENCODER_ENCODER_INTERNAL_H

#include "common/base/checked.h"
#include "common/base/file.h"
#include "worker/encoder/encoder.h"
#include "worker/model/claim.h"
#include "worker/model/weights.h"

#define NJ_ENCODER_DENSE_WEIGHT "dense.%u.weight" // [out, in] of the section
#define NJ_ENCODER_DENSE_BIAS "dense.%u.bias"     // [out]
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
    const nj_kernels *kernels;                    // borrowed
    nj_arena arena;                               // owned; layers and packed weights
    nj_encoder_dense dense[NJ_ENCODER_DENSE_MAX]; // [dense_count]; bias NULL: none
    nj_t5 *t5;                // owned; NULL: the model is a BERT, and has what follows
    nj_encoder_layer *layers; // [layers]
    const float *words;       // [V, D]
    const float *positions;   // [position_count, D]
    const float *types;       // [type_count, D]
    nj_encoder_norm norm;     // of the embedding
    size_t D_row;             // distance between rows of scratch in floats
    size_t F_row;
};

// ---- reading a folder (encoder_config.c, encoder_modules.c) ----

nj_status nj_encoder_load_json(const char *folder, const char *name, nj_path *out_path,
                               json_t **out, nj_error *err);
/// *out stays NULL where the file is not there.
nj_status nj_encoder_load_json_if_there(const char *folder, const char *name, nj_path *out_path,
                                        json_t **out, nj_error *err);
/// Pooling, dense layers, length and width; `width` is what the model gives.
nj_status nj_encoder_read_modules(const char *folder, nj_encoder_config *config, nj_error *err);

// ---- the scratch of one batch of a BERT ----

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

/// What the last layer gives for every token of B texts: in scratch->x.
void nj_encoder_run_bert(const nj_encoder *encoder, const uint32_t *tokens, const uint32_t *offset,
                         uint32_t B, const nj_encoder_scratch *scratch);

static inline size_t nj_encoder_columns(size_t S)
{
    return nj_round_up(S, NJ_ENCODER_COLUMNS);
}

/// The S rows of scratch from `first` on are one text: its queries become what they mix.
///
/// Order     each head's scores and mixtures sum over its width and the text's positions ascending
void nj_encoder_attend(const nj_encoder *encoder, const nj_encoder_scratch *scratch, size_t first,
                       size_t S);

// ---- tensors of a BERT (encoder_tensors.c): name, shape and place of each ----

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
