// answers.h - beam search for answers that are strings of tokens of different lengths, over a batch of users. It knows no model: the
// callbacks are those of beam.h.
//
//   items  one item, whose string is in a token trie, then the end token           LLaRA's titles, P5's ids in words, atomic ids
//   list   strings of items with a separator between, none twice, at most `wanted`; behind each the end token may come   P5's top-k answers
//   text   any tokens, until the end token or tokens_max                         ratings, explanations, summaries
//
// A string that several items have answers with all of them, in catalogue order. Where a list reads in two ways, because a separator's first
// token also goes on with an item, each reading is a beam of its own.
//
// The law is Transformers' generate with num_beams = W, one sequence a user and prefix_allowed_tokens_fn: scores are log-softmax over all
// V tokens and the ban comes after; of the 2 W best continuations of a step those of the first W that end are finished, W of the others go
// on; a finished one counts its sum of log-probabilities / (tokens, the end token included) ^ length_penalty; a list or a text that reaches
// tokens_max counts as finished, the beginning of an item does not. W = 1 is the greedy search, which stops at its first end. What differs
// and is ours: ties (lower token, then lower parent); an item that the user must not get is no continuation at all; and where fewer than W
// beams are left, generate goes on with copies of beams at -1e9, which it returns and by which it may stop too early: here there are none.
#ifndef NJ_WORKER_BEAM_ANSWERS_H
#define NJ_WORKER_BEAM_ANSWERS_H

#include "common/sid/token_trie.h"
#include "worker/beam/beam.h"

#define NJ_ANSWER_TOKENS_MAX 1024 // generated for one user

typedef enum { NJ_ANSWER_ITEMS, NJ_ANSWER_LIST, NJ_ANSWER_TEXT } nj_answer_kind;

// When a search ends although beams could go on: `early_stopping` of Transformers.
typedef enum {
    NJ_STOP_LIKELY, // False: W are finished and the best beam, ended now, would be none of them
    NJ_STOP_FIRST,  // True: W are finished
    NJ_STOP_NEVER,  // "never": W are finished and no beam can become one of them
} nj_answer_stop;

typedef struct {
    nj_answer_kind kind;
    uint32_t W;          // beams kept a user; 1 is the greedy search
    uint32_t wanted;     // items that a user gets at the most, and strings that a list has; text: 1
    uint32_t tokens_max; // that an answer has, its end token included; at most NJ_ANSWER_TOKENS_MAX
    uint32_t start_token; // what the decoder begins with
    uint32_t end_token;   // below V
    float length_penalty; // finite; 0: sums are compared
    nj_answer_stop stop;
    float temperature; // divides the logits before the log-softmax; 1 = off
    bool renormalise;  // scores are normalised over what may follow; in a text that is all V
    const uint32_t *separator; // [separator_count] between the items of a list; borrowed
    uint32_t separator_count;
} nj_answer_config;

// What one user may be answered. Text looks at nothing of it.
typedef struct {
    const uint64_t *open_rows;  // [rows] bits: may be recommended; NULL: every row
    const uint64_t *open_nodes; // [nodes] the same, folded up the trie; NULL likewise
    const uint32_t *excluded;   // [excluded_count] ascending rows that he must not get
    uint32_t excluded_count;
    const uint32_t *
        candidates; // [candidate_count] the only rows that he may get; not sorted; NULL: all of the trie
    uint32_t candidate_count;
} nj_answer_user;

typedef struct {
    // items: best first, those of equal strings in catalogue order with the same score. list: in the order said; of a list that was cut
    // what was said whole
    uint32_t *items; // [count]
    // items: the hypothesis' score. list: the log-probability of the answer up to this item's last token
    float *scores; // [count]
    uint32_t count;
    uint32_t *tokens; // text: [token_count] without the end token
    uint32_t token_count;
    float score; // text and list: of the whole answer
    bool ended;  // text and list: the end token was reached; items: true
    bool
        finite; // false: an allowed token or its norm was NaN or infinite, and the rest means nothing
} nj_answer;

/// Bytes of arena of one search over B users, results included. `trie` is NULL for text. SIZE_MAX on overflow.
///
///   listed_max  the most candidates, or excluded rows, of one user
size_t nj_answer_scratch_bytes(const nj_token_trie *trie, const nj_answer_config *config,
                               uint32_t listed_max, uint32_t B, uint32_t V,
                               uint32_t chunk_rows_max);

/// Rows of the widest step, and steps: what a model must have room for.
size_t nj_answer_rows_max(const nj_token_trie *trie, const nj_answer_config *config, uint32_t B);
uint32_t nj_answer_steps_max(const nj_token_trie *trie, const nj_answer_config *config);

/// Searches. `answers` is [B]; its arrays are taken from `arena` and stay until it is rewound. A user whose beams have all ended or been
/// stopped has no rows any more. A user's answer depends on him alone, not on the batch.
///
///   trie   NULL for text; outlives the search
///   users  [B]; NULL for text
///
/// Source  transformers 5.23, generation/utils.py (_beam_search)
/// Proof   tests/unit/beam/test_answers.c against a search that looks at everything; tests/parity/test_answers.c against Transformers
void nj_answer_search(const nj_token_trie *trie, const nj_answer_config *config,
                      const nj_beam_model *model, const nj_kernels *kernels,
                      const nj_answer_user *users, uint32_t B, nj_arena *arena, nj_answer *answers);

#endif
