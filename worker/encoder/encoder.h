// encoder.h - models of HuggingFace checkpoints that make vectors of texts: the encoders of BERT and T5, for packed batches.
//
//   tokens ──► BERT or T5's encoder ──► mean or first of each text ──► dense layers ──► length 1
//
//   folder ──► config, weights (one float32 section) ──► model          sentence.h does all of it, and tokenizes
//
// Texts are packed end to end, without padding. With kernels of class "exact" a text's bits depend on its tokens alone, not on the batch, its
// order or the thread.
//
// Facts that surprise (Transformers 5.23): BERT's norm comes behind each sum, not before what is added; its gelu is the error function's,
// not gelu_new; every token has type 0, whose embedding is added all the same. T5 reads </s> like any other token: it counts in the mean.
//
// Source  Devlin et al. 2019; Reimers and Gurevych 2019 (pooling); Ni et al. 2022 (Sentence-T5); transformers 5.23, modeling_bert.py and
//         modeling_t5.py; sentence-transformers 6.2, modules.json
// Proof   tests/parity/test_encoder_golden.c, tests/parity/embed_transformers.py
#ifndef NJ_WORKER_ENCODER_ENCODER_H
#define NJ_WORKER_ENCODER_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/input/safetensors.h"
#include "common/math/kernels.h"
#include "worker/t5/t5.h"

#define NJ_ENCODER_WIDTH_MAX 65536 // D, F, and of dense layers
#define NJ_ENCODER_LAYERS_MAX 512
#define NJ_ENCODER_VOCABULARY_MAX (1 << 24)
#define NJ_ENCODER_POSITIONS_MAX (1 << 16)
#define NJ_ENCODER_DENSE_MAX 4
#define NJ_ENCODER_FOLDER_BYTES 64 // of a module's name

typedef enum { NJ_ENCODER_BERT, NJ_ENCODER_T5 } nj_encoder_kind;
typedef enum { NJ_POOLING_MEAN, NJ_POOLING_CLS } nj_pooling;
typedef enum { NJ_DENSE_IDENTITY, NJ_DENSE_TANH, NJ_DENSE_RELU } nj_dense_activation;

// A layer behind the pooling: activation(x W^T + bias).
typedef struct {
    uint32_t in, out;
    bool has_bias;
    nj_dense_activation activation;
    char folder[NJ_ENCODER_FOLDER_BYTES]; // beside the model's
} nj_encoder_dense_config;

typedef struct {
    nj_encoder_kind kind;
    uint32_t D, V;
    uint32_t H, E, F, layers; // BERT, as all up to epsilon
    uint32_t type_count;
    uint32_t position_count; // learned positions: a text's tokens at the most
    float epsilon;
    nj_t5_config t5; // T5
    nj_pooling pooling;
    nj_encoder_dense_config dense[NJ_ENCODER_DENSE_MAX]; // [dense_count]
    uint32_t dense_count;
    bool is_normalised;  // rows of length 1
    uint32_t tokens_max; // of a text, those around it among them
    uint32_t width;      // of a vector
} nj_encoder_config;

/// Reads what sentence-transformers reads of a folder: config.json, modules.json with the folders that it names, sentence_bert_config.json and
/// tokenizer_config.json. Without modules.json the mean of the tokens is taken, and left as long as it is.
///
/// Errors  NJ_NOT_FOUND; NJ_INPUT names file, key, rule and value: a model_type other than bert and t5, an activation other than those known,
///         positions that are not absolute, a module, pooling or order of them that is not known, a prompt before every text. `out` is then unchanged
NJ_CHECKED nj_status nj_encoder_config_load(const char *folder, nj_encoder_config *out,
                                            nj_error *err);

/// Appends the tensors that the model uses, from the folder and those of its dense layers, as one float32 safetensors file: T5's and BERT's under
/// their names (BERT's without "bert."), "dense.N.weight" and "dense.N.bias". NJ_INPUT names file, tensor, rule and both numbers; NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_encoder_weights_load(const nj_encoder_config *config, const char *folder,
                                             nj_buffer *out, nj_error *err);

/// A config as bytes, for a worker elsewhere, and back: outside bytes, each number within its limits and all of them fitting together. Folders are
/// left out. NJ_NO_MEMORY; NJ_PROTOCOL names the number.
/// Proof   tests/unit/encoder/test_encoder_pack.c
NJ_CHECKED nj_status nj_encoder_config_pack(const nj_encoder_config *config, nj_buffer *out);
NJ_CHECKED nj_status nj_encoder_config_unpack(nj_slice bytes, nj_encoder_config *out,
                                              nj_error *err);

/// What a vector depends on besides its tokens: config, weights and the kernels' numeric class.
nj_digest nj_encoder_digest(const nj_encoder_config *config, nj_slice section,
                            const nj_kernels *kernels);

typedef struct nj_encoder nj_encoder;

/// Opens a model over such a section, copied only where `kernels` want their weights packed: both outlive it. NJ_INPUT likewise; NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_encoder_open(const nj_encoder_config *config, const nj_tensor_set *weights,
                                     const nj_kernels *kernels, nj_encoder **out, nj_error *err);
/// Accepts NULL in *encoder.
void nj_encoder_close(nj_encoder **encoder);

/// Bytes of scratch of a batch of so many tokens. SIZE_MAX on overflow.
size_t nj_encoder_scratch_bytes(const nj_encoder_config *config, size_t tokens_max);

/// Vectors of B texts. Several threads may run one encoder, each with its own arena, which is given back as it was. What breaks the limits asserts.
///
///   tokens  [offset[B]]  in   token ids, each below V
///   offset  [B + 1]      in   text b's tokens are offset[b] .. offset[b+1]; 1 to tokens_max each; offset[0] = 0
///   out     [B, width]   out
void nj_encoder_run(const nj_encoder *encoder, const uint32_t *tokens, const uint32_t *offset,
                    uint32_t B, nj_arena *arena, float *out);

#endif
