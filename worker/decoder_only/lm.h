// lm.h - decoder-only language models of HuggingFace checkpoints (Llama, Qwen2, Qwen3), for packed batches and beams.
//
//   prompt  all tokens of a user but the SID: keys and values of every layer, once a user, shared by his beams
//   step 0  reads the state behind the prompt's last token; step t > 0 appends the token of level t - 1
//
// What the families differ in is read off the tensors that are there: biases of any projection, norms of each head's queries and keys (Qwen3),
// a head of its own or the embedding's.
//
// An item's collaborative vector may stand in a prompt (LLaRA): token NJ_LM_VECTOR | row reads projector(vector of the row) in place of an
// embedding, Linear, GELU, Linear, and the zero vector itself where the row's vector is zero: an item that nobody has met says nothing, and
// the projector's biases would say something.
//
// Facts that surprise (Transformers 5.17): head_dim need not be hidden_size / heads; keys and values have fewer heads than queries, head h reads
// number h / (H / G); a pair of the rotary positions is (i, i + E/2), not (2i, 2i + 1); the norm of queries and keys comes before the turn.
#ifndef NJ_WORKER_DECODER_ONLY_LM_H
#define NJ_WORKER_DECODER_ONLY_LM_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/input/safetensors.h"
#include "common/math/kernels.h"
#include "worker/decoder_only/rope.h"
#include "worker/model/limits.h"

#define NJ_LM_MODEL_TYPES "\"llama\", \"qwen2\" or \"qwen3\""
#define NJ_LM_WIDTH_MAX 65536 // D, F, H*E
#define NJ_LM_LAYERS_MAX 512
#define NJ_LM_VOCABULARY_MAX (1 << 24)
#define NJ_LM_POSITIONS_MAX (1 << 20)
#define NJ_LM_VECTOR 0x80000000u // in a prompt's token: the rest is a row of vectors

typedef struct {
    uint32_t D, H, E, F, V;
    uint32_t G; // heads of keys and values; divides H
    uint32_t layers;
    uint32_t position_max; // max_position_embeddings
    float epsilon;
    bool has_head; // a checkpoint must have one: tie_word_embeddings is there and false
    uint32_t
        vector_width; // C, numbers of an item's vector; 0: no projector. Of the tensors (nj_lm_projector_read), not of config.json
    uint32_t vector_hidden; // P, width between the projector's two products
    nj_rope_config rope;
    // Whether a checkpoint may have them. A model is what its tensors are, but Transformers leaves out those that config.json denies.
    bool qkv_bias, output_bias, dense_bias, head_norms;
} nj_lm_config;

/// Whether config.json is of a decoder-only model: its model_type is one that nj_lm_config_read takes.
bool nj_lm_knows(const json_t *json);

/// Reads config.json's keys; every size is bounded; an unknown model_type, hidden_act, rope_type, a window that is in use, turns of a part of
/// each head and quantized weights are refused by name.
///
/// Returns   NJ_INPUT naming `what`, the key, the rule and the numbers; `out` is then unchanged
/// Source    transformers 5.17, configuration_llama.py, configuration_qwen2.py, configuration_qwen3.py
/// Proof     tests/unit/decoder_only/test_config.c
NJ_CHECKED nj_status nj_lm_config_read(const json_t *json, const char *what, nj_lm_config *out,
                                       nj_error *err);

/// Fills vector_width and vector_hidden from projector.0.weight [P, C]; both are 0 where the set has none. The other tensors are looked at by
/// nj_lm_weights_convert and nj_lm_open. NJ_INPUT: the tensor has other than two dimensions, or more than NJ_LM_WIDTH_MAX.
NJ_CHECKED nj_status nj_lm_projector_read(const nj_tensor_set *tensors, nj_lm_config *config,
                                          nj_error *err);

/// Checks every tensor of the model and appends them as one float32 safetensors file: the bundle's "weights" section. A tensor of a layer
/// that this model would not use is refused: what it means is not known. So is one that config.json denies, and a model without the head that it
/// speaks of. A checkpoint saved without "model." in front of its names is read too. Nothing is read before every shape has been checked.
///
/// Returns   NJ_INPUT with file, tensor, rule and both numbers; NJ_NO_MEMORY. `out` may then hold a partial file
/// Proof     tests/unit/decoder_only/test_weights.c
NJ_CHECKED nj_status nj_lm_weights_convert(const nj_lm_config *config, const nj_tensor_set *tensors,
                                           nj_buffer *out, nj_error *err);

/// Appends a "weights" section with the tensors of this shape, a tied head, no biases, norms of queries and keys where `head_norms`, and
/// seeded random values. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_lm_weights_random(const nj_lm_config *config, bool head_norms,
                                          uint64_t seed, nj_buffer *out, nj_error *err);

typedef struct nj_lm nj_lm;

// Collaborative vectors of items.
typedef struct {
    const float *values; // [row_count, width] finite; borrowed, outlive the model
    uint32_t row_count;
    uint32_t width; // C
} nj_lm_vectors;

/// Opens a model over a "weights" section: pointers into it, plus packed copies where `kernels` wants them. `weights` and `kernels` outlive the
/// model. NJ_INPUT names file, tensor and rule.
///
///   prefix         [prefix_count] tokens that every prompt begins with: computed here, once; each below V
///   position_max   positions of the longest prompt and its steps, prefix included; at most config->position_max
///   vectors        of the items that stand in prompts, config->vector_width wide: else NJ_CONFIG; NULL: none does
NJ_CHECKED nj_status nj_lm_open(const nj_lm_config *config, const nj_tensor_set *weights,
                                const nj_kernels *kernels, const uint32_t *prefix,
                                uint32_t prefix_count, uint32_t position_max,
                                const nj_lm_vectors *vectors, nj_lm **out, nj_error *err);
void nj_lm_close(nj_lm **model);

/// Bytes that nj_lm_open allocates (packed weights, positions, the prefix). SIZE_MAX on overflow.
size_t nj_lm_model_bytes(const nj_lm_config *config, const nj_kernels *kernels,
                         uint32_t prefix_count, uint32_t position_max);
/// Bytes of scratch of one batch within `limits`. SIZE_MAX on overflow.
size_t nj_lm_scratch_bytes(const nj_lm_config *config, const nj_model_limits *limits,
                           uint32_t prefix_count);

/// Computes the prompts of B users packed end to end, `chunk_rows_max` tokens at a time. Everything is taken from `arena` (planned with
/// nj_lm_scratch_bytes) and stays until the caller rewinds it. Tokens, limits and offsets are the engine's own: what breaks them asserts.
///
///   tokens  [offset[B]]  token ids behind the prefix, each below V, or NJ_LM_VECTOR | row of the vectors
///   offset  [B + 1]      user b's tokens are offset[b] .. offset[b+1]; at least one each; offset[0] = 0
///
/// Order     with kernels of class "exact" a user's bits depend on that user's tokens alone, not on the batch, its order or the chunks
/// Source    Vaswani et al. 2017; Su et al. 2021 (rotary positions); Ainslie et al. 2023 (grouped queries); transformers 5.17,
///           modeling_llama.py, modeling_qwen3.py
/// Proof     tests/parity/decoder_only_transformers, tests/unit/decoder_only/test_model.c against double precision
void nj_lm_begin_batch(nj_lm *model, const nj_model_limits *limits, const uint32_t *tokens,
                       const uint32_t *offset, uint32_t B, nj_arena *arena);

/// The beam search's callbacks (worker/beam/beam.h). Row r of step t has user[r], parent[r] (a row of step t-1) and token[r], which step 0
/// does not read; the arrays are borrowed until the next step begins. The last step may begin a second time with other rows.
void nj_lm_begin_step(nj_lm *model, uint32_t step, const uint32_t *user, const uint32_t *parent,
                      const uint32_t *token, uint32_t row_count);
/// logits [count, V], row stride V, of rows [first, first+count), each asked for once and all before the next announcement.
void nj_lm_logits(nj_lm *model, uint32_t step, uint32_t first, uint32_t count, float *logits);

#endif
