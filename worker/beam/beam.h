// beam.h - trie-constrained beam search over a batch of users (DESIGN.md section 6). It knows no model: steps come from callbacks.
//
// One row is one beam of one user. A row names its parent row of the step before, so a model keeps caches by row and copies nothing.
//
//   step 0: one row a user (the start token)      user:  0  1
//   step 1: at most W rows a user, user by user   user:  0 0 0 1 1 1   parent: 0 0 0 1 1 1   token: 5 9 17 ...
//   ...
//   the children kept after step L-1 are leaves: the result
//
// Facts that surprise: the score is a log-softmax over all V tokens and the ban comes after, so scores are not renormalised over
// the allowed children (unless asked). Ties are broken by the lower token, then the lower parent beam: our choice; the reference
// may differ. At the last step a leaf whose items are all excluded is skipped and takes no beam. A user's eligible items make the trie his:
// his list, and what renormalise sums over, are those of a trie that holds nothing else.
#ifndef NJ_WORKER_BEAM_BEAM_H
#define NJ_WORKER_BEAM_BEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/math/kernels.h"
#include "common/sid/eligible.h"
#include "common/sid/trie.h"

// The rows of one step, as parallel arrays [row_count]; users ascend.
typedef struct {
    const uint32_t *user;   // 0..B-1 in the batch
    const uint32_t *parent; // row of the step before (0 at step 0)
    const uint32_t *token;  // what the row appends
    uint32_t row_count;
} nj_beam_rows;

// What the search asks of a model whose batch is already encoded.
typedef struct {
    void *context;
    uint32_t V;              // vocabulary
    uint32_t chunk_rows_max; // rows that one call of logits may have
    /// Announces the rows of a step (0-based); borrowed until the next announcement. The last step may be announced a second
    /// time, with the rows of the same step before as parents: beams that turned out to matter.
    void (*begin_step)(void *context, uint32_t step, const nj_beam_rows *rows);
    /// Computes logits [count, V] of rows [first, first+count) of the announced step. Each row is asked for once.
    void (*logits)(void *context, uint32_t step, uint32_t first, uint32_t count, float *logits);
} nj_beam_model;

typedef struct {
    uint32_t W;                         // beams kept a user
    uint32_t leaves;                    // wanted at the end, best first; W or more gives W
    uint32_t token_base[NJ_LEVELS_MAX]; // token of code c at level l = token_base[l] + c
    uint32_t start_token;               // what the decoder begins with
    float temperature;                  // divides the logits before the log-softmax; 1 = off
    bool renormalise; // scores are normalised over the allowed children instead of all V
    bool trace;       // say which prefixes were looked at
} nj_beam_config;

// Catalogue rows that one user must not get: those of a list, and those that are not eligible. No beam enters a prefix that has no
// eligible leaf; a listed row costs its leaf at the last step.
typedef struct {
    const uint32_t *rows; // ascending, unique; borrowed
    uint32_t count;
    const nj_eligible
        *eligible; // of the same trie, its root included; borrowed. NULL: every row is
} nj_exclusions;

// What the search leaves of one user: leaves, best first.
typedef struct {
    uint32_t *leaves; // [count]
    float *scores;    // [count] sums of log-probabilities, falling
    uint32_t count;   // at most `leaves` and W
    // false: an allowed token or its norm was NaN or infinite, and the list means nothing
    bool finite;
    // [trace_count] with config.trace: names (common/sid/prefix.h) of the prefixes whose children decided the result, level by
    // level, the root aside. Beams that the last step leaves out are among them.
    uint32_t *trace;
    uint32_t trace_count;
} nj_beam_result;

bool nj_excluded(const nj_exclusions *exclusions, uint32_t row);

/// Bytes of arena of one search over B users, results included. SIZE_MAX on overflow.
size_t nj_beam_scratch_bytes(const nj_trie *trie, uint32_t B, uint32_t W, uint32_t V,
                             uint32_t chunk_rows_max, bool trace);

/// Prefixes that the trace of one user has at the most, in a search W wide.
size_t nj_beam_trace_max(const nj_trie *trie, uint32_t W);

/// Rows of the widest step: what a model must have room for.
size_t nj_beam_rows_max(const nj_trie *trie, uint32_t B, uint32_t W);

/// Searches. `results` is [B]; its arrays are taken from `arena` and stay until it is rewound. The last step computes no beam whose
/// score lies below the worst of a full list of `leaves`: scores only fall, so no child of it could enter. What is left out is
/// decided by the user's own scores alone.
///
///   exclusions  [B]  what each user must not get
///
/// Source  DESIGN.md section 6: as Transformers 5.17 with prefix_allowed_tokens_fn and length penalty 0
/// Proof   tests/unit/beam/test_beam.c against a brute-force search
void nj_beam_search(const nj_trie *trie, const nj_beam_config *config, const nj_beam_model *model,
                    const nj_kernels *kernels, const nj_exclusions *exclusions, uint32_t B,
                    nj_arena *arena, nj_beam_result *results);

#endif
