// t5_internal.h - what the files of this folder share: the weights as the model is drawn, and the state of one batch.
#ifndef NJ_WORKER_T5_T5_INTERNAL_H
#define NJ_WORKER_T5_T5_INTERNAL_H

#include "common/base/checked.h"
#include "worker/model/claim.h"
#include "worker/model/lineage.h"
#include "worker/model/weights.h"
#include "worker/t5/t5.h"

// Rows that pass through a feed-forward or an attention at a time: [96, F] of F = 1024 is 390 kB and stays in L2.
#define NJ_T5_BLOCK_ROWS 96
#define NJ_T5_COLUMNS 16
#define NJ_T5_STEPS 8 // rows of scores of self-attention are multiples of it
#define NJ_T5_EMBEDDING "shared.weight"
#define NJ_T5_HEAD "lm_head.weight"
#define NJ_T5_WORDS "encoder.whole_word_embeddings.weight"

// ---- weights ----

typedef struct {
    nj_linear q; // [H*E, D]
    nj_linear k; // [H*E, D]; of cross-attention for linear_transposed only
    nj_linear v; // [H*E, D]; of cross-attention the whole of v_heads, not packed
    nj_linear o; // [D, H*E]
} nj_t5_attention;

typedef struct {
    const float *self_norm; // [D]
    nj_t5_attention self;
    const float *cross_norm;  // [D], decoder only
    nj_t5_attention cross;    // decoder only: k and v read the encoder's output
    nj_linear *cross_v_heads; // [H], decoder only: [E, D], the rows of cross.v that make one head
    const float *dense_norm;  // [D]
    nj_linear wi;             // [F, D]; wi_0 of a gated model
    nj_linear gate;           // [F, D]; wi_1, gated only
    nj_linear wo;             // [D, F]
} nj_t5_block;

typedef struct {
    nj_t5_block *blocks;     // [encoder_layers] or [decoder_layers]
    const float *bias;       // [R, H] relative position bias, stored in block 0 and shared by all
    const float *final_norm; // [D]
} nj_t5_stack;

// ---- the state of one batch, all of it in the caller's arena ----

typedef struct {
    nj_model_limits limits;
    uint32_t B;
    uint32_t *offset; // [users_max + 1]
    float *encoded;   // [tokens_max, D]
    uint32_t *column; // [users_max + 1] user b's keys are columns column[b] .. column[b + 1]
    // Transposed, so that the beams of a user multiply them as they lie: user b's block is [H*E, columns of b].
    float *cross_keys;   // [decoder_layers, columns_max * H*E]
    float *cross_values; // [decoder_layers, H, tokens_max, E]

    // Scratch of one block of rows, encoder and decoder alike.
    float *normed; // [NJ_T5_BLOCK_ROWS, D_row]
    float *hidden; // [NJ_T5_BLOCK_ROWS, F_row]
    float *gate;   // [NJ_T5_BLOCK_ROWS, F_row], gated only
    float *scores; // [NJ_T5_BLOCK_ROWS, S_row]

    // Encoder only; the decoder's arrays lie in the same bytes afterwards.
    float *q;    // [tokens_max, HE_row] queries; each head's slot then receives its mixed values
    float *k;    // [tokens_max, HE_row]
    float *v;    // [tokens_max, HE_row]
    float *bias; // [H, 2*sequence_max - 1] position bias by (key - query) + sequence_max - 1

    // Decoder only. Keys and values of a step are needed by later steps, so those of the last are kept for one chunk only.
    float *keys;        // [decoder_layers, steps_max - 1, rows_max, HE_row]
    float *values;      // [decoder_layers, steps_max - 1, rows_max, HE_row]
    float *last_keys;   // [chunk_rows_max, HE_row]
    float *last_values; // [chunk_rows_max, HE_row]
    float *x;           // [chunk_rows_max, D_row] residual stream
    float
        *mixed; // [chunk_rows_max, HE_row] queries; each head's slot then receives its mixed values
    float *self_scores;  // [chunk_rows_max, H, T_row]
    float *decoder_bias; // [H, T_row] position bias of position t of T at T_row - T + t
    const float **at;    // [steps_max] keys or values of one row's ancestors and its own
    size_t T_row;

    // The announced step, borrowed until the next.
    nj_lineage lineage;
    const uint32_t *user;
    const uint32_t *token;
    bool from_start; // every row of step 0 is the start token
} nj_t5_batch;

// ---- tables: what depends on a token alone, computed once by the same code that computes it for a batch ----

// Queries, keys and values of a stack's first block by token, [V, HE_row] each; NULL: not tabulated.
typedef struct {
    float *q;
    float *k;
    float *v;
} nj_t5_token_table;

// After the decoder's first self-attention, row by row: row t for the prefix (start token, t), row V for the start token alone.
typedef struct {
    float *x; // [V + 1, D_row] residual stream; NULL: not tabulated
    float *q; // [V + 1, HE_row] queries of the first cross-attention
} nj_t5_prefix_table;

struct nj_t5 {
    nj_t5_config config;
    const nj_kernels *kernels; // borrowed
    nj_arena arena;            // owned: blocks, tables and packed weights
    nj_t5_stack encoder;
    nj_t5_stack decoder;
    const float *embedding; // [V, D]
    const float *words;     // [word_count, D] of whole words; NULL: none
    uint32_t word_count;
    nj_linear head;     // [V, D]
    float output_scale; // D^-0.5 or 1
    size_t D_row;       // distance between rows of scratch in floats, see nj_claim_row
    size_t HE_row;
    size_t F_row;
    nj_t5_token_table encoder_tokens;
    nj_t5_token_table decoder_tokens;
    nj_t5_prefix_table prefixes;
    uint16_t *encoder_bucket; // [distance_max + 1] bucket by distance, of R/2 in each direction
    nj_t5_batch batch;
};

// ---- sizes ----

/// Columns of a matrix whose columns are a user's S tokens: whole registers of any kernel set.
static inline size_t nj_t5_columns(size_t S)
{
    return nj_round_up(S, NJ_T5_COLUMNS);
}

/// Columns of all users of a batch: each user's are rounded up.
static inline size_t nj_t5_columns_max(const nj_model_limits *limits)
{
    return (size_t)limits->tokens_max + (size_t)limits->users_max * (NJ_T5_COLUMNS - 1);
}

/// Rows of each part when `rows` are cut into as few parts of at most `rows_max` as will do, nearly equal.
static inline size_t nj_t5_part(size_t rows, size_t rows_max)
{
    size_t parts = (rows + rows_max - 1) / rows_max;
    return parts == 0 ? 0 : (rows + parts - 1) / parts;
}

// ---- tensors (t5_tensors.c): name, shape and place of each, embedding and head excepted ----

// How a linear tensor is packed: whole, head by head into block.cross_v_heads, or only where linear_transposed wants it.
typedef enum { NJ_T5_PACK_WHOLE, NJ_T5_PACK_HEADS, NJ_T5_PACK_TRANSPOSED } nj_t5_packing;

typedef struct {
    const nj_t5_config *config;
    uint32_t stack; // 0 encoder, 1 decoder
    uint32_t block; // block_count: the tensors of the stack itself
    size_t rule;

    // The tensor of the last successful nj_t5_walk_next.
    char name[NJ_WEIGHT_NAME_BYTES];
    size_t shape[2];
    size_t dim_count;
    bool is_linear; // its slot is an nj_linear, else a const float *
    nj_t5_packing packing;
    bool in_block;
    uint32_t slot_stack;
    uint32_t slot_block;
    size_t slot_offset;
} nj_t5_walk;

nj_t5_walk nj_t5_walk_begin(const nj_t5_config *config);
/// False behind the last tensor.
bool nj_t5_walk_next(nj_t5_walk *walk);
/// The field of `model` that the walk's tensor fills: nj_linear * or const float **.
void *nj_t5_walk_slot(const nj_t5_walk *walk, nj_t5 *model);

// ---- position bias (t5_bias.c) ----

/// Bucket of a distance >= 0 among `buckets` of one direction: the near half exact, the far half logarithmic up to distance_max.
///
/// Source    transformers 5.17, modeling_t5.py, _relative_position_bucket: the logarithm in float32
/// Proof     tests/unit/t5/test_bias.c
uint32_t nj_t5_bucket(uint32_t distance, uint32_t buckets, uint32_t distance_max);
/// Fills encoder_bucket.
void nj_t5_bias_fill(nj_t5 *model);
/// Fills batch.bias for sequences of up to sequence_max.
void nj_t5_bias_expand(nj_t5 *model);
/// Fills batch.decoder_bias for up to steps_max steps.
void nj_t5_bias_expand_steps(nj_t5 *model);

// ---- tables (t5_tables.c) ----

#define NJ_T5_TABLES_BYTES_MAX                                                                     \
    ((size_t)64 << 20) // larger ones are not worth their memory, and are left out

/// The tables that `savings` allow and that fit; D_row and HE_row are set.
void nj_t5_claim_tables(nj_t5 *model, nj_savings savings, nj_claim *claim);
/// Fills those that were claimed; the weights are open. Takes scratch and gives it back. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_t5_fill_tables(nj_t5 *model, nj_error *err);
/// out[i] = table[token[i]], rows of HE_row; `count` of them.
void nj_t5_look_up(const nj_t5 *model, const float *table, const uint32_t *token, size_t count,
                   float *out);
/// Of rows of the running step: the residual stream into batch.x and the queries into batch.mixed. False: not tabulated.
bool nj_t5_look_up_prefixes(const nj_t5 *model, size_t first, size_t count);

// ---- decoder (t5_decoder.c) ----

/// Embeds rows [first, first + count) of the running step into batch.x and runs the first block up to the queries of its
/// cross-attention, which are in batch.mixed then.
void nj_t5_enter_decoder(nj_t5 *model, size_t first, size_t count);

// ---- cross-attention (t5_encoder.c fills them, t5_decoder.c reads them) ----

/// Transposed keys of user b in one decoder layer: [H*E, columns of b].
static inline float *nj_t5_cross_keys(const nj_t5 *model, size_t layer, uint32_t b)
{
    const nj_t5_batch *batch = &model->batch;
    size_t HE = (size_t)model->config.H * model->config.E;
    return batch->cross_keys + (layer * nj_t5_columns_max(&batch->limits) + batch->column[b]) * HE;
}

/// Values of one head in one decoder layer from packed token `token` on: [.., E].
static inline float *nj_t5_cross_values(const nj_t5 *model, size_t layer, size_t head, size_t token)
{
    size_t tokens = (layer * model->config.H + head) * model->batch.limits.tokens_max + token;
    return model->batch.cross_values + tokens * model->config.E;
}

// ---- layers (t5_layers.c) ----

#define NJ_T5_PROJECT_MAX 3 // queries, keys, values
/// outputs[i] = norm(x) * linears[i]^T for every i < count <= NJ_T5_PROJECT_MAX, block of rows by block of rows. All outputs
/// have row stride HE_row.
void nj_t5_project(const nj_t5 *model, size_t rows, const float *x, size_t ldx, const float *norm,
                   const nj_linear *const *linears, float *const *outputs, size_t count);
/// x += wo(activation(wi(norm(x)))).
void nj_t5_feed_forward(const nj_t5 *model, const nj_t5_block *block, size_t rows, float *x,
                        size_t ldx);

// ---- scratch (t5_batch.c) ----

/// Claims what lives as long as the batch, then what only the encoder needs, then what only the decoder needs.
void nj_t5_claim_batch(nj_t5 *model, nj_claim *claim);
void nj_t5_claim_encoder(nj_t5 *model, nj_claim *claim);
void nj_t5_claim_decoder(nj_t5 *model, nj_claim *claim);
/// Claims what the decoder needs and fills its position bias.
void nj_t5_begin_decoder(nj_t5 *model, nj_claim *claim);
/// Sets the row strides from the config.
void nj_t5_set_rows(nj_t5 *model);

#endif
