// answers_internal.h - one search for answers, as its files share it.
//
//   answers.c          steps and rows
//   answers_plan.c     memory
//   answers_trie.c     which nodes a user, or a row of his, may enter
//   answers_expand.c   what may follow a row, offered to its user's selection
//   answers_finish.c   hypotheses, when to stop, what is answered
#ifndef NJ_WORKER_BEAM_ANSWERS_INTERNAL_H
#define NJ_WORKER_BEAM_ANSWERS_INTERNAL_H

#include "worker/beam/answers.h"
#include "worker/beam/beam_selection.h"

// What a candidate's token does (its `slot`).
enum {
    MOVE_ON,       // one more of an item or of a text
    MOVE_END,      // the end token
    MOVE_SEPARATE, // the first of a separator: the item of the parent's node is said
    MOVE_BETWEEN,  // a later one of a separator
};

// Ascending.
typedef struct {
    const uint32_t *nodes; // [count]
    uint32_t count;
} node_set;

// What one user may be answered, as nodes of the trie.
typedef struct {
    const nj_answer_user *rules;
    bool is_listed;       // he has candidates: `rows` and `only` are all that he may get
    const uint32_t *rows; // [row_count] ascending
    uint32_t row_count;
    node_set only;   // where they end, and all above
    node_set closed; // all of whose items are excluded or not open; without candidates
} allowance;

// An item of a list, as a row has said it.
typedef struct {
    uint32_t node;
    float score; // of the answer up to its last token
} said_item;

// Rows of one step, [rows_max] each; what is not read in the kind of search at hand is NULL.
typedef struct {
    uint32_t count;
    uint32_t *user;
    uint32_t *parent; // row of the step before
    uint32_t *token;
    uint32_t *node;
    uint32_t *rank;  // among its user's beams
    float *score;    // sum of log-probabilities
    uint32_t *place; // list: tokens of a separator that are said; 0: in an item, or before one
    uint32_t *said_count;
    said_item *said; // [rows_max, wanted] list
} answer_rows;

typedef struct {
    float score; // with the length penalty
    uint32_t node;
} hypothesis;

// What one user has finished.
typedef struct {
    hypothesis *list; // [finished_max + fresh_max] best first
    uint32_t count;   // at most W
    // list, text: of the best one
    said_item *said; // [wanted]
    uint32_t said_count;
    uint32_t *tokens; // [tokens_max]
    uint32_t token_count;
    bool ended;
    bool stopped; // nothing of his goes on
} finished;

typedef struct {
    const nj_token_trie *trie;
    const nj_answer_config *config;
    const nj_beam_model *model;
    const nj_kernels *kernels;
    const nj_answer_user *users; // [B]
    uint32_t B;
    uint32_t steps_max;
    uint32_t step;
    size_t room;         // beams of a user
    size_t finished_max; // hypotheses of a user that are kept
    size_t fresh_max;    // that one step adds
    size_t rows_max;
    answer_rows now;
    answer_rows next;
    uint32_t *parents;        // [steps_max, rows_max] text: of every step's rows
    uint32_t *tokens;         // likewise
    allowance *allowances;    // [B]; NULL for text
    finished *finished;       // [B]
    selection *selected;      // [B]
    hypothesis *fresh;        // [fresh_max]
    float *logits;            // [chunk_rows_max, V]
    float *norms;             // [chunk_rows_max]
    float *allowed;           // [span_max + 2] logits of what may follow a row
    candidate *continuations; // [span_max + 2] the same as candidates
    uint32_t *ends;           // [listed_max or wanted + 1, the larger]
    uint32_t *row_closed;     // nodes that a row of a list may not enter any more
    nj_answer *answers;       // [B]
} answering;

// ---- answers_plan.c ----

/// Takes the arrays of a search and of its answers from the arena, as nj_answer_scratch_bytes plans them.
void nj_answer_take(answering *s, nj_arena *arena);

/// Nodes that `count` rows and all above them are at the most.
size_t nj_answer_nodes_max(const nj_token_trie *trie, size_t count);

// ---- answers_trie.c ----

/// Finds out what a user may be answered; `rows` [his candidates] and `nodes` [nj_answer_nodes_max of the longer list] are filled.
void nj_answer_allow(const answering *s, const nj_answer_user *rules, uint32_t *rows,
                     uint32_t *nodes, allowance *out);

/// True when the user may get a row.
bool nj_answer_has_row(const allowance *user, uint32_t row);

/// True when some item's string ends at the node that the user may get and that is not among the `said_count` said.
bool nj_answer_may_say(const answering *s, const allowance *user, const said_item *said,
                       uint32_t said_count, uint32_t node);

/// Nodes below which nothing is left, once these items are said. `said` may be NULL where the count is 0. Borrowed until the next call.
node_set nj_answer_said_nodes(const answering *s, const allowance *user, const said_item *said,
                              uint32_t said_count);

/// Appends the children of `node` that the user may enter and that are not in `closed` to `out` as candidates with token and node.
uint32_t nj_answer_children(const answering *s, const allowance *user, node_set closed,
                            uint32_t node, candidate *out);

// ---- answers_expand.c ----

/// Offers what may follow a row to its user's selection.
///
///   logits  [V]  in  of the row
///   norm         in  their log-sum-exp
void nj_answer_expand(answering *s, uint32_t row, const float *logits, float norm);

// ---- answers_finish.c ----

/// Of a user's selection, sorted: finishes what ends among its first W, and says whether he is done.
void nj_answer_finish(answering *s, uint32_t user);

/// What a row of a list has said when a candidate follows it: into `out` [wanted]; returns how many.
uint32_t nj_answer_said_after(const answering *s, const candidate *c, said_item *out);

/// From hypotheses to what is answered.
void nj_answer_give(answering *s, uint32_t user);

#endif
