// lm_internal.h - what the files of this folder share: the weights as the model is drawn, and the state of one batch.
#ifndef NJ_WORKER_DECODER_ONLY_LM_INTERNAL_H
#define NJ_WORKER_DECODER_ONLY_LM_INTERNAL_H

#include "common/base/checked.h"
#include "worker/decoder_only/lm.h"
#include "worker/model/checkpoint.h"
#include "worker/model/claim.h"
#include "worker/model/lineage.h"
#include "worker/model/weights.h"

#define NJ_LM_MODEL "model."
#define NJ_LM_EMBEDDING NJ_LM_MODEL "embed_tokens.weight"
#define NJ_LM_HEAD "lm_head.weight"

// Rows of queries, those of all heads that share keys, that meet the keys at a time.
#define NJ_LM_QUERY_ROWS 128
#define NJ_LM_COLUMNS 16 // keys lie in columns: whole registers of any kernel set

// ---- weights ----

typedef struct {
    nj_linear weight;
    const float *bias; // [N]; NULL: none
} nj_lm_projection;

typedef struct {
    const float *attention_norm; // [D]
    nj_lm_projection q;          // [H*E, D]
    nj_lm_projection k;          // [G*E, D]
    nj_lm_projection v;          // [G*E, D]
    nj_lm_projection o;          // [D, H*E]
    const float *q_norm;         // [E] of each head; NULL: none
    const float *k_norm;         // [E]
    const float *dense_norm;     // [D]
    nj_lm_projection gate;       // [F, D]
    nj_lm_projection up;         // [F, D]
    nj_lm_projection down;       // [D, F]
} nj_lm_layer;

// ---- keys and values of a run of positions, in one layer ----

// Keys stand in columns, so that queries multiply them as they lie.
typedef struct {
    float *keys;    // [G*E, columns]
    float *values;  // [positions, G*E]
    size_t columns; // distance between rows of keys
} nj_lm_cache;

// ---- the state of one batch, all of it in the caller's arena ----

typedef struct {
    nj_model_limits limits;
    uint32_t B;
    uint32_t *offset; // [users_max + 1]
    uint32_t *column; // [users_max + 1] user b's keys are columns column[b] .. column[b + 1]
    bool is_prefix;   // what is read is the prefix: keys and values are the model's own
    float *keys;      // [layers, G*E * columns of all users]; user b's block is [G*E, columns of b]
    float *values;    // [layers, tokens_max, G*E]
    float *behind;    // [users_max, D] the state behind the prompt's last token

    // Keys and values of steps 1 .. steps_max - 2, which later ones read, and of the chunk at hand of the last.
    float *step_keys;   // [layers, steps kept, rows_max, G*E]
    float *step_values; // [layers, steps kept, rows_max, G*E]
    float *last_keys;   // [chunk_rows_max, G*E]
    float *last_values; // [chunk_rows_max, G*E]

    // Scratch of one chunk of rows.
    float *x;       // [chunk, D_row] residual stream
    float *normed;  // [chunk, D_row]
    float *vectors; // [chunk, vector_width] of the items among a chunk's tokens; NULL: no projector
    float *projecting;      // [chunk, vector_hidden]
    uint32_t *vector_row;   // [chunk] of the chunk
    float *q;               // [chunk, HE_row] queries; then what they have mixed
    float *k;               // [chunk, HE_row]
    float *v;               // [chunk, HE_row]
    float *hidden;          // [chunk, F_row]
    float *gate;            // [chunk, F_row]
    float *queries;         // [NJ_LM_QUERY_ROWS, E] of one group of heads
    float *mixed;           // [NJ_LM_QUERY_ROWS, E]
    float *part;            // [NJ_LM_QUERY_ROWS, E]
    float *scores;          // [NJ_LM_QUERY_ROWS, T_row]
    uint32_t *row_user;     // [chunk] of the rows at hand
    uint32_t *row_position; // [chunk] from 0, prefix included

    const float **tail_keys;   // [chunk, steps_max] of one user's rows
    const float **tail_values; // [chunk, steps_max]
    const float **tail;        // [steps_max] of one row and one group of heads

    // The announced step, borrowed until the next.
    nj_lineage lineage;
    const uint32_t *user;
    const uint32_t *token;
} nj_lm_batch;

struct nj_lm {
    nj_lm_config config;
    const nj_kernels *kernels;    // borrowed
    nj_arena arena;               // owned: layers, packed weights, positions, the prefix
    nj_lm_layer *layers;          // [layers]
    const float *final_norm;      // [D]
    const float *embedding;       // [V, D]
    nj_linear head;               // [V, D]
    nj_lm_projection project_in;  // [P, C] of items' vectors; with biases
    nj_lm_projection project_out; // [D, P]
    nj_lm_vectors vectors;        // all zero: no token stands for one
    uint32_t position_max;
    float *cosines; // [position_max, E/2]
    float *sines;
    uint32_t prefix_count;
    float *prefix_keys;   // keys and values of a batch of one user whose prompt the prefix is
    float *prefix_values; // [layers, prefix_count, G*E]
    size_t D_row;         // distance between rows of scratch in floats
    size_t HE_row;
    size_t F_row;
    nj_lm_batch batch;
};

// ---- tensors (lm_tensors.c): name, shape and place of each, embedding and head excepted ----

typedef struct {
    const nj_lm_config *config;
    uint32_t layer; // config->layers: what stands behind them
    size_t rule;
    bool bare; // set by who walks over a checkpoint whose names have no "model." in front

    // The tensor of the last successful nj_lm_walk_next.
    char name[NJ_WEIGHT_NAME_BYTES];
    size_t shape[2];
    size_t dim_count;
    bool is_linear;                   // its slot is an nj_linear, else a const float *
    bool optional;                    // there in every layer or in none
    bool denied;                      // by config.json
    char first[NJ_WEIGHT_NAME_BYTES]; // the same tensor of layer 0
} nj_lm_walk;

nj_lm_walk nj_lm_walk_begin(const nj_lm_config *config);
/// False behind the last tensor.
bool nj_lm_walk_next(nj_lm_walk *walk);
/// What a checkpoint calls a tensor.
const char *nj_lm_walk_stored(const nj_lm_walk *walk, const char *name);
/// Whether the set has the walk's tensor or must have it: an optional one must where layer 0 has it.
bool nj_lm_walk_wants(const nj_lm_walk *walk, const nj_tensor_set *tensors);
/// The field of `model` that the walk's tensor fills: nj_linear * or const float **.
void *nj_lm_walk_slot(const nj_lm_walk *walk, nj_lm *model);
/// Tensors of a whole model at the most.
size_t nj_lm_tensor_count(const nj_lm_config *config);

// ---- sizes ----

static inline size_t nj_lm_columns(size_t S)
{
    return nj_round_up(S, NJ_LM_COLUMNS);
}

// Of prompts of so many tokens together.
static inline size_t nj_lm_columns_max(size_t tokens, size_t users)
{
    return tokens + users * (NJ_LM_COLUMNS - 1);
}

static inline size_t nj_lm_key_width(const nj_lm_config *config)
{
    return (size_t)config->G * config->E;
}

/// Sets the row strides from the config.
void nj_lm_set_rows(nj_lm *model);
/// Claims the state of a batch within batch.limits.
void nj_lm_claim_batch(nj_lm *model, nj_claim *claim);

// ---- layers (lm_layers.c): rows [0, rows) of the chunk at hand ----

/// Copies embeddings of tokens [rows] into batch.x, and projected vectors for those that stand for one.
void nj_lm_embed(nj_lm *model, const uint32_t *tokens, size_t rows);
/// The second half (lm_vectors.c): rows of batch.x whose tokens stand for vectors.
void nj_lm_embed_vectors(nj_lm *model, const uint32_t *tokens, size_t rows);
/// Whether the vectors are of this model, and finite. `vectors` may be NULL.
NJ_CHECKED nj_status nj_lm_vectors_check(const nj_lm_config *config, const nj_lm_vectors *vectors,
                                         nj_error *err);
/// Queries, keys and values of batch.x into batch.q, k and v: biased, normed and turned to row_position.
void nj_lm_project(nj_lm *model, const nj_lm_layer *layer, size_t rows);
/// The same in two halves, for rows whose queries are not all wanted: keys and values of batch.x, which leave batch.normed; then queries of
/// what stands there.
void nj_lm_project_keys(nj_lm *model, const nj_lm_layer *layer, size_t rows);
void nj_lm_project_queries(nj_lm *model, const nj_lm_layer *layer, size_t rows);
/// x += o(q), q being what was mixed; x += down(silu(gate(norm(x))) * up(norm(x))).
void nj_lm_finish_layer(nj_lm *model, const nj_lm_layer *layer, size_t rows);
/// The head's logits of rows of state.
void nj_lm_head(nj_lm *model, const float *x, size_t ldx, size_t rows, float *logits);

// ---- attention (lm_attention.c) ----

/// What rows of one user look at, in the order of its positions; each of the parts may be empty.
typedef struct {
    nj_lm_cache prefix;
    uint32_t prefix_count;
    nj_lm_cache own; // of the prompt
    uint32_t own_count;
    bool causal;                     // row i sees own positions up to own_count - rows + i only
    uint32_t tail_count;             // steps; keys and values of row i's ancestors and its own
    const float *const *tail_keys;   // [rows * tail_count]
    const float *const *tail_values; // [rows * tail_count]
} nj_lm_sight;

/// Rows [first, first + rows) of the chunk, all of one user: batch.q becomes what they mix.
///
/// Order     scores and mixtures of prefix, prompt and tail are summed apart, each over its positions ascending, and added in this order
void nj_lm_attend(nj_lm *model, const nj_lm_sight *sight, size_t first, size_t rows);

// ---- prompts (lm_prompt.c) ----

/// Keys and values of the prefix, from its tokens; the weights are open. Takes scratch and gives it back. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_lm_fill_prefix(nj_lm *model, const uint32_t *tokens, nj_error *err);

/// The prefix in one layer.
static inline nj_lm_cache nj_lm_prefix_cache(const nj_lm *model, size_t layer)
{
    const size_t width = nj_lm_key_width(&model->config);
    const size_t columns = nj_lm_columns_max(model->prefix_count, 1);
    return (nj_lm_cache){model->prefix_keys + layer * width * columns,
                         model->prefix_values + layer * width * model->prefix_count,
                         nj_lm_columns(model->prefix_count)};
}

/// The prompt of user b in one layer.
static inline nj_lm_cache nj_lm_prompt_cache(const nj_lm *model, size_t layer, uint32_t b)
{
    const nj_lm_batch *batch = &model->batch;
    const size_t width = nj_lm_key_width(&model->config);
    const size_t columns = nj_lm_columns_max(batch->limits.tokens_max, batch->limits.users_max);
    return (nj_lm_cache){batch->keys + (layer * columns + batch->column[b]) * width,
                         batch->values +
                             (layer * batch->limits.tokens_max + batch->offset[b]) * width,
                         batch->column[b + 1] - batch->column[b]};
}

#endif
