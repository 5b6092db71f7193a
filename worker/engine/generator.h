// generator.h - one face of all models that generate SIDs: an encoder-decoder (T5) or a decoder-only language model.
//
//   config.json's model_type ─► kind ─► the same calls: config, weights, memory, a batch, a step, logits
//
// What a user's tokens are read by differs: an encoder, or the prompt of a language model. A language model keeps what all prompts begin with.
#ifndef NJ_WORKER_ENGINE_GENERATOR_H
#define NJ_WORKER_ENGINE_GENERATOR_H

#include "common/base/saving.h"
#include "worker/beam/beam.h"
#include "worker/decoder_only/lm.h"
#include "worker/model/limits.h"
#include "worker/t5/t5.h"

typedef enum { NJ_GENERATOR_T5, NJ_GENERATOR_LM } nj_generator_kind;

typedef struct {
    nj_generator_kind kind;
    uint32_t V;
    uint32_t start_token; // what the first step reads; a language model reads nothing there
    union {
        nj_t5_config t5;
        nj_lm_config lm;
    };
} nj_generator_config;

/// Reads config.json's keys. NJ_INPUT names `what`, the key, the rule and the numbers; a model_type that is not known is named with those that
/// are.
/// Proof   tests/unit/engine/test_generator.c
NJ_CHECKED nj_status nj_generator_config_read(const json_t *json, const char *what,
                                              nj_generator_config *out, nj_error *err);

/// Tokens of a user, the template's among them, that the checkpoint was made for when items have L tokens; 0: it does not say.
uint32_t nj_generator_tokens_max(const nj_generator_config *config, uint32_t L);

/// NJ_CONFIG where prompts of so many tokens outgrow the positions of a language model; an encoder's positions are relative and have no end.
NJ_CHECKED nj_status nj_generator_check_tokens(const nj_generator_config *config, uint32_t L,
                                               size_t tokens, nj_error *err);

/// nj_t5_weights_convert, nj_lm_weights_convert.
NJ_CHECKED nj_status nj_generator_weights_convert(const nj_generator_config *config,
                                                  const nj_tensor_set *tensors, nj_buffer *out,
                                                  nj_error *err);

/// How many of the `before` tokens that all users share the model computes once: all or none.
uint32_t nj_generator_prefix_count(const nj_generator_config *config, uint32_t before);

// How long the prompts and answers of a model are, and what all prompts begin with. Only a language model has use for that: prefix_count is 0
// for others (nj_generator_prefix_count).
typedef struct {
    const uint32_t *prefix; // [prefix_count] each below V; borrowed while the generator is opened
    uint32_t prefix_count;
    const nj_lm_vectors *vectors; // that prompts may hold; NULL: none
    uint32_t sequence_max;        // the longest S behind the prefix
    uint32_t steps_max;           // tokens of the longest answer
} nj_generator_use;

// What the users of a batch are asked, packed end to end. Borrowed until the batch's last step.
typedef struct {
    const uint32_t *tokens; // [offset[B]] behind the prefix, each below V
    const uint32_t *words;  // [offset[B]] the number of each token's word (t5.h); NULL: none
    const uint32_t *
        offset; // [B + 1] user b's tokens are offset[b] .. offset[b+1]; at least one each; offset[0] = 0
    uint32_t B;
} nj_prompts;

/// Completes the config by what is read off a "weights" section: nj_lm_projector_read.
NJ_CHECKED nj_status nj_generator_weights_read(const nj_tensor_set *weights,
                                               nj_generator_config *config, nj_error *err);

/// nj_t5_word_count; a language model has no words.
uint32_t nj_generator_word_count(const nj_generator_config *config, const nj_tensor_set *weights);

typedef struct nj_generator nj_generator;

/// Opens a model over a "weights" section; `weights` and `kernels` outlive it.
///
/// Errors  those of nj_t5_open and nj_lm_open; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_generator_open(const nj_generator_config *config,
                                       const nj_tensor_set *weights, const nj_kernels *kernels,
                                       nj_savings savings, const nj_generator_use *use,
                                       nj_generator **out, nj_error *err);
/// Accepts NULL in *generator.
void nj_generator_close(nj_generator **generator);

/// Bytes that nj_generator_open allocates. SIZE_MAX on overflow.
size_t nj_generator_model_bytes(const nj_generator_config *config, const nj_kernels *kernels,
                                nj_savings savings, const nj_generator_use *use);
/// Bytes of scratch of one batch within `limits`. SIZE_MAX on overflow.
size_t nj_generator_scratch_bytes(const nj_generator_config *config, const nj_model_limits *limits,
                                  uint32_t prefix_count);

/// Reads what B users are asked (nj_t5_begin_batch, nj_lm_begin_batch), and gives the model as the search calls it, until the arena is
/// rewound.
nj_beam_model nj_generator_begin(nj_generator *generator, const nj_model_limits *limits,
                                 const nj_prompts *prompts, nj_arena *arena);

/// Floating-point operations of one user of S tokens behind the prefix, in a search whose steps have rows[0 .. steps - 1] rows.
double nj_generator_flops(const nj_generator_config *config, uint32_t prefix_count, uint32_t S,
                          const double *rows, uint32_t steps);

#endif
