// beam.h - trie-constrained beam search over a batch of users (DESIGN.md section 6). It knows no model: steps come from callbacks.
//
// One row is one beam of one user. A row names its parent row of the step before, so a model keeps per-step caches and copies nothing.
//
//   step 0: one row a user (the start token)      rows:  u0     u1
//   step 1: at most W rows a user, user by user   rows:  u0 u0 u0 u1 u1 u1   parent: 0 0 0 1 1 1   token: 5 9 17 ...
//   ...
//   after step L-1 the kept children are leaves
#ifndef NJ_WORKER_BEAM_BEAM_H
#define NJ_WORKER_BEAM_BEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/math/kernels.h"
#include "common/sid/trie.h"

typedef struct {
    uint32_t user;   // 0..B-1 in the batch
    uint32_t parent; // row number of the step before (0 at step 0)
    uint32_t token;  // the token this row appends
} nj_beam_row;

// What the search asks of a model. The batch's users are already encoded.
typedef struct {
    void *context;
    uint32_t V;              // vocabulary
    uint32_t chunk_rows_max; // rows a call may have at the most
    /// Announces the rows of step `step` (0-based): the model notes parents and makes room for their caches.
    /// `rows` stays valid until the next begin_step.
    void (*begin_step)(void *context, uint32_t step, const nj_beam_row *rows, uint32_t row_count);
    /// Computes logits[count, V] (row stride V) of rows [first, first+count) of the announced step.
    void (*logits)(void *context, uint32_t step, uint32_t first, uint32_t count, float *logits);
} nj_beam_model;

typedef struct {
    uint32_t W;                          // beams kept a user
    uint32_t token_base[NJ_LEVELS_MAX];  // token of code c at level l = token_base[l] + c
    uint32_t start_token;                // what the decoder begins with
    float temperature;                   // divides the logits before the log-softmax; 1 = off
    bool renormalise;                    // scores are normalised over the allowed children instead of all V
} nj_beam_config;

typedef struct {
    const uint32_t *excluded; // catalogue rows, ascending, unique; borrowed
    uint32_t excluded_count;
} nj_beam_user;

// What the search leaves of one user: leaves best first.
typedef struct {
    uint32_t *leaves; // [W]
    float *scores;    // [W] sums of log-probabilities, falling
    uint32_t count;   // at most W
} nj_beam_result;

/// Scratch of one search over B users (results included).
size_t nj_beam_scratch_bytes(const nj_trie *trie, uint32_t B, uint32_t W, uint32_t V,
                             uint32_t chunk_rows_max);

/// Searches. The model has encoded users 0..B-1. `results` [B]; their arrays are taken from `arena` and stay until it is rewound.
///
/// Score   log-softmax over all V tokens, *then* the ban (scores are not renormalised unless asked), summed over levels.
/// Ties    the lower token, then the lower parent beam: our choice; the reference may differ.
/// Leaves  whose items are all excluded are skipped at the last step and take no beam.
/// Source  DESIGN.md section 6, as Transformers 5.17 with prefix_allowed_tokens_fn and length penalty 0
/// Proof   tests/unit/beam/test_beam.c against a brute-force search; tests/parity/test_decode.c
void nj_beam_search(const nj_trie *trie, const nj_beam_config *config, const nj_beam_model *model,
                    const nj_kernels *kernels, const nj_beam_user *users, uint32_t B,
                    nj_arena *arena, nj_beam_result *results);

#endif
