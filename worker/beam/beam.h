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
#include "common/base/slice.h"
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

// How the W beams of a step are chosen.
//
//   plain       the W best.
//   diverse     G groups of W / G beams, each a search of its own. Group after group chooses at each level, and a code that earlier
//               groups have chosen there n times costs n * penalty. Penalties stay in the score. A prefix that earlier
//               groups hold as often as it has leaves is closed to later ones, so that groups find different leaves; where one
//               finds too few, the best that others had no beam for stand in. With `repeats` nothing of that is done, as
//               published: then a leaf that several groups find stands in the result once, with its best score.
//   stochastic  W leaves drawn without replacement, each next one with its share of what is left. A child's chance is
//               proportional to exp((logit + bias) / draw_temperature) among the allowed children of its parent, those alone that
//               top_p leaves. The score is the logarithm of the chance, moved by the draw: best first is the order of drawing,
//               and the first has score 0. A draw depends on the user's key and the prefix alone: a wider search begins with
//               the leaves of a narrower one, and excluding an item changes no other's draw. Excluded leaves leave
//               their place to others below the prefixes that the search has reached.
//
// A plain search with W = 1 is the greedy one; a stochastic search with W = 1 is ancestral sampling.
typedef enum { NJ_BEAM_PLAIN, NJ_BEAM_DIVERSE, NJ_BEAM_STOCHASTIC } nj_beam_kind;

typedef struct {
    uint32_t W;                         // beams kept a user
    uint32_t leaves;                    // wanted at the end, best first; W or more gives W
    uint32_t token_base[NJ_LEVELS_MAX]; // token of code c at level l = token_base[l] + c
    uint32_t start_token;               // what the decoder begins with
    float temperature;                  // divides the logits before the log-softmax; 1 = off
    bool renormalise; // scores are normalised over the allowed children instead of all V
    bool trace;       // say which prefixes were looked at

    // All zero: a plain search without a bias.
    nj_beam_kind kind;
    uint32_t groups; // diverse: G, at least 1; divides W
    float penalty;   // diverse: of one earlier choice of the same code; finite
    bool repeats;    // diverse: groups may find the same leaves
    // stochastic: above 0; 1 = off. It changes chances, not the raw log-probabilities
    float draw_temperature;
    float top_p; // stochastic: of the likeliest children as many as have this mass; 1 = off
    const uint64_t *user_keys; // stochastic: [B] of nj_beam_user_key; borrowed for the search
    // [node_count[l + 1]] added to the score of a beam that enters a node of level l + 1: finite, of either sign; borrowed. NULL: 0
    const float *node_bias[NJ_LEVELS_MAX];
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
    float *scores;    // [count] what they are ranked by, falling
    // [count] sums of log-probabilities, without bias, penalty and draw; plain and without a bias: `scores` itself
    float *raw;
    float *bias; // [count] sums of node_bias; NULL where the config has none
    const uint32_t *
        rows; // [count] of an answer that was the name of one row: the only one of its leaf that was found; NULL: all of a leaf's were
    uint32_t count; // at most `leaves` and W
    // false: an allowed token or its norm was NaN or infinite, and the list means nothing
    bool finite;
    // [trace_count] with config.trace: names (common/sid/prefix.h) of the prefixes whose children decided the result, level by
    // level, the root aside. Beams that the last step leaves out are among them.
    uint32_t *trace;
    uint32_t trace_count;
} nj_beam_result;

/// The catalogue rows that place i of a result stands for, ascending; borrowed.
static inline const uint32_t *nj_beam_result_rows(const nj_trie *trie, const nj_beam_result *result,
                                                  uint32_t i, uint32_t *out_count)
{
    if (result->rows == NULL) {
        return nj_trie_leaf_items(trie, result->leaves[i], out_count);
    }
    *out_count = 1;
    return &result->rows[i];
}

bool nj_excluded(const nj_exclusions *exclusions, uint32_t row);

/// The key of a user's draws: of the policy's seed and the user's id, so that no batch, order or worker changes a draw.
uint64_t nj_beam_user_key(uint64_t seed, nj_slice id);

/// Beams of each group of a diverse search, W otherwise: a search covers the trie when so many do.
uint32_t nj_beam_group_width(const nj_beam_config *config);

/// Bytes of arena of one search over B users, results included. Of `config` what says how wide it is counts, and that it has a
/// bias: which, and the keys, may come later. SIZE_MAX on overflow.
size_t nj_beam_scratch_bytes(const nj_trie *trie, const nj_beam_config *config, uint32_t B,
                             uint32_t V, uint32_t chunk_rows_max);

/// Prefixes that the trace of one user has at the most.
size_t nj_beam_trace_max(const nj_trie *trie, const nj_beam_config *config);

/// Rows of the widest step: what a model must have room for.
size_t nj_beam_rows_max(const nj_trie *trie, const nj_beam_config *config, uint32_t B);

/// Searches. `results` is [B]; its arrays are taken from `arena` and stay until it is rewound. The last step of a plain search
/// computes no beam whose score, with the largest bias of a leaf where there is one, lies below the worst of a full list of `leaves`:
/// a log-probability only takes off, so no child of it could enter. What is left out is decided by the user's own scores alone.
///
///   exclusions  [B]  what each user must not get
///
/// Source  plain: DESIGN.md section 6, as Transformers 5.17 with prefix_allowed_tokens_fn and length penalty 0. Diverse:
///         Vijayakumar et al. 2016, as Transformers 4.49 with num_beam_groups. Stochastic: Kool, van Hoof, Welling 2019, "Stochastic
///         beams and where to find them", algorithm 1, with scores as arrival times (worker/beam/beam_stochastic.c)
/// Proof   tests/unit/beam/test_beam.c, test_beam_varied.c, test_beam_stochastic.c against searches that look at everything,
///         test_beam_draws.c; tests/parity/test_diverse.c against Transformers
void nj_beam_search(const nj_trie *trie, const nj_beam_config *config, const nj_beam_model *model,
                    const nj_kernels *kernels, const nj_exclusions *exclusions, uint32_t B,
                    nj_arena *arena, nj_beam_result *results);

#endif
