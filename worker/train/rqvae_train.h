// rqvae_train.h - the training of an RQ-VAE: k-means begins, AdamW goes on, and behind every few epochs all rows are judged and codes
// without rows get another place.
//
//   start codes ─► epoch ... epoch ─► judge ─► epoch_ended (the caller keeps the best) ─► revive ─► epoch ...
//
// Built on train_run.h: a killed training that is resumed ends with the same bytes, on any number of threads.
#ifndef NJ_WORKER_TRAIN_RQVAE_TRAIN_H
#define NJ_WORKER_TRAIN_RQVAE_TRAIN_H

#include "worker/train/rqvae_codes.h"
#include "worker/train/train_run.h"

#define NJ_RQVAE_SHARD_ROWS 128 // of a batch, that a thread works on at a time

typedef struct {
    nj_train_settings run; // shard_samples is set here
    double beta;
    double dropout;
    bool kmeans;          // codebooks begin as those of k-means; else uniform in +-1/K
    bool revive;          // codes without rows get another place behind a judgement
    uint32_t judge_every; // epochs; the last is judged in any case
} nj_rqvae_settings;

// How it stands behind an epoch.
typedef struct {
    nj_train_state run;       // of the epoch
    bool is_judged;           // what follows is set
    nj_rqvae_figures figures; // of all rows
    const uint16_t *codes;    // [N, L] theirs, borrowed for the call
    uint64_t dead;            // codes without a row; those that are about to be moved
} nj_rqvae_epoch;

typedef struct {
    void *context;
    nj_status (*stepped)(void *context, const nj_train_state *state, nj_error *err);
    /// Behind each epoch, before codes are moved; may come twice for one epoch when a process is killed. *out_enough true ends the training.
    nj_status (*epoch_ended)(void *context, const nj_rqvae *model, const nj_rqvae_epoch *epoch,
                             bool *out_enough, nj_error *err);
    nj_slice (*notes)(void *context); // as nj_train_hooks has them; may be NULL
} nj_rqvae_hooks;

/// Trains `model` in place; all is borrowed.
///
/// Errors  NJ_USAGE: beta or dropout out of its range; NJ_INPUT: fewer rows than codes of a level (names both); those of
///         nj_rqvae_start_codes, nj_rqvae_judge, nj_train_run and the hooks
/// Proof   tests/unit/train/test_rqvae_train.c
NJ_CHECKED nj_status nj_rqvae_train(nj_rqvae *model, const nj_rqvae_rows *rows,
                                    const nj_rqvae_settings *settings, const nj_rqvae_hooks *hooks,
                                    nj_train_state *out_state, nj_error *err);

#endif
