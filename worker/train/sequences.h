// sequences.h - what a sequential recommender learns from: each history at once, every item but the first a label.
//
//   history    a  b  c  d  e  f       the last held_out items (here 2) are for judging: they are neither input nor label
//   sample     a→b  b→c  c→d          one position each
//
// A history of more positions than the model has is cut into windows from its end, each a sample: every label is learned once an epoch.
#ifndef NJ_WORKER_TRAIN_SEQUENCES_H
#define NJ_WORKER_TRAIN_SEQUENCES_H

#include "common/catalogue/users.h"
#include "worker/train/sasrec_gradient.h"

// Where a sample lies in its user's history.
typedef struct {
    uint32_t user;
    uint32_t first;  // input
    uint32_t length; // inputs; the label of each is the item behind it
} nj_sequence;

typedef struct {
    const nj_user_table *users; // borrowed
    uint32_t held_out;
    uint32_t length_max;
    nj_sequence *sequences; // owned; [count] user by user, oldest window first
    size_t count;
    uint64_t label_total;
} nj_sequences;

/// Cuts the histories; length_max is at least 1.
/// Errors  NJ_INPUT: there is no sample (names the users and held_out), or there are more than UINT32_MAX; NJ_NO_MEMORY
/// Proof   tests/unit/train/test_sequences.c
NJ_CHECKED nj_status nj_sequences_init(const nj_user_table *users, uint32_t length_max,
                                       uint32_t held_out, nj_sequences *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_sequences_fini(nj_sequences *sequences);

/// Labels of the samples `numbers` [count].
uint64_t nj_sequences_labels(const nj_sequences *sequences, const uint32_t *numbers, size_t count);

/// Writes a shard: numbers[i] for i < count become its samples in this order.
///
///   items, labels  [count * length_max]
///   offset         [count + 1]
nj_sasrec_batch nj_sequences_fill(const nj_sequences *sequences, const uint32_t *numbers,
                                  uint32_t count, uint32_t *items, uint32_t *offset,
                                  uint32_t *labels);

#endif
