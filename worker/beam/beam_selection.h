// beam_selection.h - the best candidates of one user, or of one group of his, while a step's children arrive.
#ifndef NJ_WORKER_BEAM_BEAM_SELECTION_H
#define NJ_WORKER_BEAM_BEAM_SELECTION_H

#include <stdbool.h>
#include <stdint.h>

// A child that may become a beam of the next step.
typedef struct {
    float score;
    uint32_t token;
    uint32_t parent; // row of this step
    uint32_t rank;   // the row's
    uint32_t node;   // on the next level
    uint32_t slot;   // of its standing; varied searches alone
} candidate;

// What a beam is beside its score. Plain searches without a bias keep none.
typedef struct {
    float raw;     // sum of log-probabilities
    float bias;    // sum of node_bias
    uint64_t key;  // stochastic: of the draws below this prefix
    double chance; // stochastic: that a leaf drawn alone begins with the prefix
    double time;   // stochastic: when the first leaf below arrives; the score is -log(time)
} standing;

// A binary heap with the worst on top.
typedef struct {
    candidate *heap; // [limit]
    standing *slots; // [limit] of the heap's candidates, by their slot; NULL where none are kept
    uint32_t count;
    uint32_t limit;
    bool sorted; // best first, and a heap no more
    bool finite;
} selection;

// A total order, so the selection does not depend on the order in which candidates arrive.
static inline bool nj_candidate_is_better(const candidate *a, const candidate *b)
{
    if (a->score != b->score) {
        return a->score > b->score;
    }
    if (a->token != b->token) {
        return a->token < b->token;
    }
    return a->rank < b->rank;
}

static inline bool nj_selection_would_take(const selection *selected, const candidate *c)
{
    return selected->count < selected->limit || nj_candidate_is_better(c, &selected->heap[0]);
}

/// Takes a candidate that it would take; the worst goes where there is no room.
void nj_selection_enter(selection *selected, const candidate *c);

/// The same with what else is known of it, in the slot of the one that goes.
void nj_selection_enter_standing(selection *selected, candidate c, const standing *s);

/// Best first; nothing may enter any more.
void nj_selection_sort(selection *selected);

/// Makes one sorted selection of those of all groups, whose heaps, and slots, follow each other in memory and begin with the first's.
/// Each has `room` beams, and behind them spares: the best of those fill the list up to group_count * room. A node stands in it once: a
/// beam before a spare, then the best.
void nj_selection_merge(selection *groups, uint32_t group_count, uint32_t room, selection *out);

#endif
