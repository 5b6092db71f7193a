// beam_internal.h - one search, as the files of this folder share it.
//
//   beam.c             steps, rows, results
//   beam_plan.c        memory
//   beam_selection.c   the best so far
//   beam_expand.c      children of a row: plain, with a bias, of a group
//   beam_stochastic.c  children of a row: drawn
#ifndef NJ_WORKER_BEAM_BEAM_INTERNAL_H
#define NJ_WORKER_BEAM_BEAM_INTERNAL_H

#include "worker/beam/beam.h"
#include "worker/beam/beam_selection.h"

typedef struct {
    const nj_trie *trie;
    const nj_beam_config *config;
    const nj_beam_model *model;
    const nj_kernels *kernels;
    const nj_exclusions *exclusions; // [B]
    uint32_t B;
    uint32_t G;              // groups of a user; 1 but in a diverse search
    uint32_t room;           // beams of a group: W / G
    uint32_t spares;         // that a group keeps at the last step behind its beams
    bool varied;             // not plain, or with a bias: beams have standings
    float last_bias;         // the most that the last step adds to a score beside a log-probability
    uint32_t row_count;      // rows at hand of the present step, user by user, group by group
    uint32_t late_count;     // rows behind them that are taken up only if they can still matter
    uint32_t *user;          // [rows_max]
    uint32_t *parent;        // [rows_max]
    uint32_t *token;         // [rows_max]
    uint32_t *node;          // [rows_max] trie node of the row's prefix
    uint32_t *rank;          // [rows_max] the row's place among its user's beams, or its group's
    float *score;            // [rows_max] what the row is ranked by
    uint32_t *prefix;        // [rows_max] with a trace: the row's prefix, as prefix.h names it
    uint32_t *before;        // [rows_max] the same of the step before
    nj_beam_result *results; // [B]
    selection *selected;     // [B, G]
    float *logits;           // [chunk_rows_max, V]
    float *norms;            // [chunk_rows_max] log-sum-exp
    float *allowed;          // [widest span] logits of the allowed children
    uint16_t *codes;         // [widest span] codes of the children at hand

    // Varied searches alone.
    uint32_t *group;     // [rows_max]
    standing *standings; // [rows_max]
    // Diverse: whose choices are counted at this step, and how often each code has been chosen.
    uint32_t counted_user;
    uint32_t counted_groups;
    uint32_t *choices; // [most codes of a level]
    // Stochastic: the children that may be drawn, of a row.
    uint32_t *places; // [widest span] in the span
    double *chances;  // [widest span]
    double *waits;    // [widest span]
    uint32_t *heap;   // [widest span]
} search;

// ---- beam_plan.c ----

/// The config as the trie bounds it: no group is wider than the trie, and no more leaves are wanted than there are beams.
nj_beam_config nj_beam_bound(const nj_trie *trie, const nj_beam_config *config);

/// Takes the arrays of a search and of its results from the arena, as nj_beam_scratch_bytes plans them.
void nj_beam_take(search *s, nj_arena *arena);

// ---- beam_expand.c ----

/// True when the user may enter the node: `open` has the eligible ones, NULL: all are.
static inline bool nj_beam_is_open(const uint64_t *open, uint32_t node)
{
    return open == NULL || nj_bits_has(open, node);
}

/// The eligible nodes of the level that `step` leads to; NULL: all.
static inline const uint64_t *nj_beam_open_nodes(const search *s, uint32_t user, uint32_t step)
{
    const nj_eligible *eligible = s->exclusions[user].eligible;
    return eligible != NULL ? eligible->nodes[step + 1] : NULL;
}

/// False for a leaf whose items are all excluded; nodes of other levels may always be entered.
bool nj_beam_may_end(const search *s, uint32_t step, uint32_t user, uint32_t node);

/// The logarithm of what the allowed children's exponentials sum to.
float nj_beam_norm_over_children(search *s, const nj_trie_children_span *span, const uint64_t *open,
                                 const float *logits);

/// Offers the children of a row to its user's selection.
///
///   logits  [V]  in  of the row
///   norm         in  their log-sum-exp
void nj_beam_expand_plain(search *s, uint32_t step, uint32_t row, const float *logits, float norm);

/// The same with biases and, in a diverse search, penalties: at step 0 to each group in turn.
void nj_beam_expand_varied(search *s, uint32_t step, uint32_t row, const float *logits, float norm);

// ---- beam_stochastic.c ----

/// The same by draws.
void nj_beam_expand_drawn(search *s, uint32_t step, uint32_t row, const float *logits, float norm);

#endif
