// t5.h - the T5 encoder-decoder of a HuggingFace checkpoint, for packed batches and beams; or its encoder alone, for vectors of texts.
//
// Facts that surprise (Transformers 5.17, modeling_t5): no 1/sqrt(E) in attention; RMS norm without mean or bias; the relative
// position bias lives in block 0 of each stack and is shared by the rest, the decoder's is one-directional, cross-attention has
// none; H*E need not be D; the decoder's output is multiplied by D^-0.5 if scale_decoder_outputs is true (absent: if
// tie_word_embeddings is not false); the head is lm_head.weight if stored, else shared.weight; gated-gelu means gelu_new.
#ifndef NJ_WORKER_T5_T5_H
#define NJ_WORKER_T5_T5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/saving.h"
#include "common/input/safetensors.h"
#include "common/math/kernels.h"
#include "worker/model/limits.h"
#include "worker/model/weights.h"

// Bounds on what a config may say; larger than any published T5.
#define NJ_T5_MODEL_TYPE "t5"
#define NJ_T5_WIDTH_MAX 65536 // D, F and H*E
#define NJ_T5_LAYERS_MAX 256  // of each stack
#define NJ_T5_VOCABULARY_MAX (1 << 24)
#define NJ_T5_BUCKETS_MIN 4 // both directions of the encoder need a near and a far bucket
#define NJ_T5_BUCKETS_MAX 4096
#define NJ_T5_DISTANCE_MAX 65536
#define NJ_T5_POSITIONS_MAX (1 << 30)
#define NJ_T5_WORDS_MAX (1 << 20)

typedef struct {
    uint32_t D, H, E, F, V;
    uint32_t encoder_layers;
    uint32_t
        decoder_layers; // 0: the encoder alone (never read from a file): neither head nor whole words
    uint32_t R;         // relative position buckets
    uint32_t distance_max; // relative_attention_max_distance
    uint32_t start_token;  // decoder_start_token_id
    uint32_t position_max; // n_positions of old configs; 0 = not stated
    float epsilon;
    bool gated;         // gated-gelu, else relu
    bool scale_outputs; // multiply by D^-0.5 before the head
} nj_t5_config;

/// Reads config.json's keys; every size is bounded, an unknown feed_forward_proj or model_type is refused by name.
///
/// Returns   NJ_INPUT naming `what`, the key, the rule and the numbers; `out` is then unchanged
/// Source    transformers 5.17, configuration_t5.py: absent keys get its defaults where it has one that a checkpoint relies on
/// Proof     tests/unit/t5/test_config.c
NJ_CHECKED nj_status nj_t5_config_read(const json_t *json, const char *what, nj_t5_config *out,
                                       nj_error *err);

/// Checks every tensor of the model (presence, shape, finite values; tensors the model does not use are ignored) and appends
/// them as one float32 safetensors file to `out`: the bundle's "weights" section. encoder/decoder.embed_tokens copies are dropped;
/// where shared.weight is missing, one of them becomes it; encoder.whole_word_embeddings.weight is kept where it is there. Nothing is read
/// before every shape has been checked.
///
/// Returns   NJ_INPUT with file, tensor, rule and both numbers; NJ_NO_MEMORY. `out` may then hold a partial file
/// Proof     tests/unit/t5/test_weights.c
NJ_CHECKED nj_status nj_t5_weights_convert(const nj_t5_config *config, const nj_tensor_set *tensors,
                                           nj_buffer *out, nj_error *err);

/// Appends a "weights" section with the tensors of this shape (tied head) and seeded random values. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_t5_weights_random(const nj_t5_config *config, uint64_t seed, nj_buffer *out,
                                          nj_error *err);

/// Rows of a section's table of whole words (P5): the number of a token's word is below it. 0: the model has none.
uint32_t nj_t5_word_count(const nj_tensor_set *weights);

/// Adds every tensor of the model to a list (nj_t5_weights_convert writes such a list): nj_t5_tensor_count at the most. NJ_INPUT likewise.
NJ_CHECKED nj_status nj_t5_weights_want(const nj_t5_config *config, const nj_tensor_set *tensors,
                                        nj_weights_list *list, nj_error *err);
size_t nj_t5_tensor_count(const nj_t5_config *config);

typedef struct nj_t5 nj_t5;

/// Opens a model over a "weights" section: pointers into it (float32, checked to be aligned to 4 and finite), plus packed
/// copies where `kernels` wants them, for which no memory is taken before every tensor is there in its shape. `weights` and `kernels`
/// outlive the model. NJ_INPUT names file, tensor and rule.
///
///   savings   TOKEN_TABLES and PREFIX_TABLES: tables that cost V rows of memory and change no bit where a row's bits do not
///             depend on other rows; none is made that is larger than 64 MiB
///
/// Proof     tests/unit/t5/test_tables.c
NJ_CHECKED nj_status nj_t5_open(const nj_t5_config *config, const nj_tensor_set *weights,
                                const nj_kernels *kernels, nj_savings savings, nj_t5 **out,
                                nj_error *err);
void nj_t5_close(nj_t5 **model);

/// Bytes that nj_t5_open allocates (packed weights, tables), for the memory plan. SIZE_MAX on overflow.
size_t nj_t5_model_bytes(const nj_t5_config *config, const nj_kernels *kernels, nj_savings savings);
/// Bytes of scratch of one batch within `limits`. SIZE_MAX on overflow.
size_t nj_t5_scratch_bytes(const nj_t5_config *config, const nj_model_limits *limits);

/// Encodes B users packed end to end and computes every decoder block's cross keys and values, once a user. Everything
/// is taken from `arena` (planned with nj_t5_scratch_bytes) and stays until the caller rewinds it. Tokens, limits and offsets are
/// the engine's own: what breaks them asserts.
///
///   tokens  [offset[B]]  token ids, each below V
///   words   [offset[B]]  the word that each token belongs to, below nj_t5_word_count: its row is added to the token's embedding; NULL: none
///                        is added
///   offset  [B + 1]      user b's tokens are offset[b] .. offset[b+1]; at least one each; offset[0] = 0
///
/// Order     with kernels of class "exact" a user's bits depend on that user's tokens and words alone, not on the batch or its order
/// Source    Raffel et al. 2020, section 2.1; transformers 5.17, modeling_t5.py; words: Geng et al. 2022, section 3.2
/// Proof     tests/unit/t5/test_model.c against double precision; tests/parity/test_t5_teacher_forced.c
void nj_t5_begin_batch(nj_t5 *model, const nj_model_limits *limits, const uint32_t *tokens,
                       const uint32_t *words, const uint32_t *offset, uint32_t B, nj_arena *arena);

/// The encoder's output of the batch, [offset[B], D]; borrowed until the arena is rewound. For parity tests.
const float *nj_t5_encoder_output(const nj_t5 *model);

/// The encoder alone, of B texts: their output, [offset[B], D], borrowed until the arena is rewound. Several threads may run one model, each
/// with its own arena. Of `limits` users, tokens and sequence are looked at. Bits and asserts as of nj_t5_begin_batch.
const float *nj_t5_encode(const nj_t5 *model, const nj_model_limits *limits, const uint32_t *tokens,
                          const uint32_t *offset, uint32_t B, nj_arena *arena);
/// Bytes of scratch of nj_t5_encode. SIZE_MAX on overflow.
size_t nj_t5_encode_bytes(const nj_t5_config *config, const nj_model_limits *limits);

/// The beam search's callbacks (worker/beam/beam.h describes them; t5 does not include it). Row r of step t has user[r],
/// parent[r] (a row of step t-1, of the same user; not read at step 0) and token[r]; the arrays are borrowed until the next step
/// begins. The last step may begin a second time with other rows. Rows of one user stand together: cross-attention takes each run of equal users at once.
void nj_t5_begin_step(nj_t5 *model, uint32_t step, const uint32_t *user, const uint32_t *parent,
                      const uint32_t *token, uint32_t row_count);
/// logits [count, V], row stride V, of rows [first, first+count). Every row announced must be computed before the next
/// announcement, each exactly once, in any chunks of at most chunk_rows_max.
void nj_t5_logits(nj_t5 *model, uint32_t step, uint32_t first, uint32_t count, float *logits);

#endif
