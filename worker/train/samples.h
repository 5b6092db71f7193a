// samples.h - what a recommender learns from: every prefix of every history, and the item that followed it.
//
//   history    a  b  c  d  e  f       the last held_out items (here 2) are for judging: they are neither input nor target
//   samples    a → b
//              a  b → c
//              a  b  c → d            of the input the last history_max items
//
// Sample numbers go user by user, oldest target first; an epoch visits each once, in an order of its own.
#ifndef NJ_WORKER_TRAIN_SAMPLES_H
#define NJ_WORKER_TRAIN_SAMPLES_H

#include "common/catalogue/template.h"
#include "common/catalogue/users.h"
#include "worker/train/t5_gradient.h"

#define NJ_SAMPLES_MAX UINT32_MAX

typedef struct {
    const nj_user_table *users;  // borrowed
    const nj_template *template; // borrowed
    nj_token_table tokens;       // what it points to is borrowed
    uint32_t history_max;
    uint32_t held_out;
    uint64_t *first; // owned; [users + 1] user u's samples are first[u] .. first[u+1]
    size_t count;
} nj_train_samples;

/// Counts the samples; history_max is at least 1.
/// Errors  NJ_INPUT: there is none (names the users and held_out), or more than NJ_SAMPLES_MAX; NJ_NO_MEMORY
/// Proof   tests/unit/train/test_samples.c
NJ_CHECKED nj_status nj_train_samples_init(const nj_user_table *users, const nj_template *template,
                                           const nj_token_table *tokens, uint32_t history_max,
                                           uint32_t held_out, nj_train_samples *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_train_samples_fini(nj_train_samples *samples);

/// order[count] = a permutation of 0 .. count-1 drawn from seed and epoch alone: every permutation, within 2^-32, as likely.
/// Source  Fisher, Yates; Durstenfeld 1964, algorithm 235; Lemire 2019, "Fast random integer generation in an interval"
void nj_train_samples_order(size_t count, uint64_t seed, uint64_t epoch, uint32_t *order);

/// The user whose sample `number` is; the id is borrowed from the user table.
nj_request nj_train_samples_user(const nj_train_samples *samples, uint32_t number);

/// The items of history that sample `number` reads.
uint32_t nj_train_samples_items(const nj_train_samples *samples, uint32_t number);

/// The most tokens that one sample has, and labels: L of the catalogue.
size_t nj_train_samples_tokens_max(const nj_train_samples *samples);

/// Writes a shard: `samples[i]` for i < count become its samples in this order.
///
///   tokens  [count * nj_train_samples_tokens_max]
///   offset  [count + 1]
///   labels  [count * L]
nj_train_batch nj_train_samples_fill(const nj_train_samples *samples, const uint32_t *numbers,
                                     uint32_t count, uint32_t *tokens, uint32_t *offset,
                                     uint32_t *labels);

#endif
