// encoder.h - sentence encoders of HuggingFace checkpoints (BERT), for packed batches of texts.
//
//   tokens ──► embedding + position + type ──► norm ──► layers: attention, norm, gelu, norm ──► mean or [CLS] of each text ──► length 1
//
// Texts are packed end to end, without padding. With kernels of class "exact" a text's bits depend on its tokens alone, not on the batch, its
// order or the thread.
//
// Facts that surprise (Transformers 5.23): the norm comes behind each sum, not before what is added; gelu is the error function's, not
// gelu_new; every token has type 0, whose embedding is added all the same.
//
// Source  Devlin et al. 2019; Reimers and Gurevych 2019 (pooling); transformers 5.23, modeling_bert.py; sentence-transformers 6.2, modules.json
// Proof   tests/parity/test_encoder_golden.c, tests/parity/embed_transformers.py
#ifndef NJ_WORKER_ENCODER_ENCODER_H
#define NJ_WORKER_ENCODER_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/input/safetensors.h"
#include "common/math/kernels.h"

#define NJ_ENCODER_WIDTH_MAX 65536 // D, F
#define NJ_ENCODER_LAYERS_MAX 512
#define NJ_ENCODER_VOCABULARY_MAX (1 << 24)
#define NJ_ENCODER_POSITIONS_MAX (1 << 16)

typedef enum { NJ_POOLING_MEAN, NJ_POOLING_CLS } nj_pooling;

typedef struct {
    uint32_t D, H, E, F, V;
    uint32_t layers;
    uint32_t position_count; // learned positions: a text's tokens at the most
    uint32_t type_count;
    float epsilon;
    nj_pooling pooling;
    bool is_normalised;  // rows of length 1
    uint32_t tokens_max; // of a text, [CLS] and [SEP] among them
} nj_encoder_config;

/// Reads what sentence-transformers reads of a folder: config.json, modules.json with the folders that it names, sentence_bert_config.json and
/// tokenizer_config.json. Without modules.json the mean of the tokens is taken, and left as long as it is.
///
/// Errors  NJ_NOT_FOUND; NJ_INPUT names file, key, rule and value: a model_type other than bert, an activation other than gelu, positions that are
///         not absolute, a module or pooling that is not known, a prompt before every text. `out` is then unchanged
NJ_CHECKED nj_status nj_encoder_config_load(const char *folder, nj_encoder_config *out,
                                            nj_error *err);

typedef struct nj_encoder nj_encoder;

/// Opens a model over its checkpoint, whose values are copied as float32 and packed where `kernels` wants them: `tensors` may be closed, `kernels`
/// outlives the model. Names may stand behind "bert.". NJ_INPUT names file, tensor, rule and both numbers; NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_encoder_open(const nj_encoder_config *config, const nj_tensor_set *tensors,
                                     const nj_kernels *kernels, nj_encoder **out, nj_error *err);
/// Accepts NULL in *encoder.
void nj_encoder_close(nj_encoder **encoder);

/// Bytes of scratch of a batch of so many tokens. SIZE_MAX on overflow.
size_t nj_encoder_scratch_bytes(const nj_encoder_config *config, size_t tokens_max);

/// Vectors of B texts. Several threads may run one encoder, each with its own arena, which is given back as it was. What breaks the limits asserts.
///
///   tokens  [offset[B]]  in   token ids, each below V
///   offset  [B + 1]      in   text b's tokens are offset[b] .. offset[b+1]; 1 to position_count each; offset[0] = 0
///   out     [B, D]       out
void nj_encoder_run(const nj_encoder *encoder, const uint32_t *tokens, const uint32_t *offset,
                    uint32_t B, nj_arena *arena, float *out);

#endif
