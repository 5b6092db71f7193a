// sasrec.h - a self-attentive sequential recommender: all its parameters in one array, and the packed forms that products need.
//
//   items of a history ──► item + position embeddings ──► blocks ──► state of each position ──► scores of all items
//                                    ▲                    attention (causal), then dense              │
//                                    └──────────────── the same item embeddings ──────────────────────┘
//
//   values [count]   item embeddings, position embeddings, edge norm, blocks, end to end
//     │ nj_sasrec_pack_part, after each change
//     ▼
//   per linear layer, and per NJ_SASREC_ITEM_BLOCK items: W packed
//
// Linear layers have no bias (the norms have); the dense layer is relu. Positions count from the oldest item of the window. Without
// padding there is no padding item: row i of the item embeddings is item i.
//
// Source  Kang, McAuley 2018, "Self-Attentive Sequential Recommendation", section III, with the norms of either of the two orders of
//         Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture"
#ifndef NJ_WORKER_TRAIN_SASREC_H
#define NJ_WORKER_TRAIN_SASREC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/input/safetensors.h"
#include "common/math/kernels.h"

#define NJ_SASREC_ITEM_BLOCK 512 // items whose scores are computed in one product
#define NJ_SASREC_ITEMS_MAX (1u << 26)
#define NJ_SASREC_WIDTH_MAX 4096
#define NJ_SASREC_DENSE_MAX 16384
#define NJ_SASREC_LAYERS_MAX 64
#define NJ_SASREC_POSITIONS_MAX 4096

typedef struct {
    uint32_t N;      // items
    uint32_t D;      // width
    uint32_t H;      // heads; divides D
    uint32_t F;      // width of the dense layers
    uint32_t layers; // blocks
    uint32_t S;      // positions: the longest history that is looked at
    bool
        norms_after; // the norm stands behind a sublayer's sum (post-LN); else before the sublayer (pre-LN)
} nj_sasrec_config;

typedef struct {
    size_t weight, bias; // places of [D]
} nj_sasrec_norm;

typedef struct {
    size_t at; // place of [N, K]
    nj_linear forward;
} nj_sasrec_linear;

typedef struct {
    nj_sasrec_norm attention_norm;
    nj_sasrec_linear qkv;    // [3D, D] queries, keys, values
    nj_sasrec_linear output; // [D, D]
    nj_sasrec_norm dense_norm;
    nj_sasrec_linear inner; // [F, D]
    nj_sasrec_linear outer; // [D, F]
} nj_sasrec_block;

typedef struct {
    nj_sasrec_config config;
    const nj_kernels *kernels; // borrowed; of class "exact"
    float *values;             // owned; [count]
    size_t count;
    size_t items;             // place of [N, D]
    size_t positions;         // place of [S, D]
    nj_sasrec_norm edge_norm; // behind the last block, or before the first where norms_after
    nj_sasrec_block *blocks;  // owned; [layers]
    nj_linear *item_blocks;   // owned; [item_block_count] rows of the item embeddings
    size_t item_block_count;
    nj_arena arena; // owned: packed weights
} nj_sasrec;

/// How many parameters a model of these sizes has; at most 2^39 within the bounds above.
size_t nj_sasrec_count(const nj_sasrec_config *config);

/// Item and position embeddings and linear layers normal with deviation 0.02, norms 1 and 0; the numbers follow from `seed` alone.
/// Packed. `kernels` outlive the model.
/// Errors  NJ_INPUT: a size that makes no model (names it, the rule and both numbers); NJ_NO_MEMORY
/// Proof   tests/unit/train/test_sasrec_learner.c
NJ_CHECKED nj_status nj_sasrec_new(const nj_sasrec_config *config, const nj_kernels *kernels,
                                   uint64_t seed, nj_sasrec **out, nj_error *err);
/// Accepts NULL in *model.
void nj_sasrec_free(nj_sasrec **model);

/// How many parts there are to pack: what several threads share out.
size_t nj_sasrec_part_count(const nj_sasrec *model);
/// Packs part number `part` of the values as they are now; needed for every part after a change of the values.
void nj_sasrec_pack_part(nj_sasrec *model, size_t part);

/// Appends the values as a safetensors file. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_sasrec_write(const nj_sasrec *model, nj_buffer *out, nj_error *err);
/// Reads the values that nj_sasrec_write wrote, and packs them. NJ_INPUT names file, tensor, rule and both numbers.
NJ_CHECKED nj_status nj_sasrec_read(nj_sasrec *model, const nj_tensor_set *tensors, nj_error *err);

#endif
