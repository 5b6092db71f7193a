// rqvae_train.h - the training of an RQ-VAE: k-means begins, AdamW goes on, and behind every few epochs all rows are judged, codes
// without rows get another place, and what is best so far is handed out.
//
//   start codes ─► epoch ... epoch ─► judge ─► better? keep(model, codes) ─► revive ─► epoch ...
//
// Built on train_run.h: a killed training that is resumed ends with the same bytes, on any number of threads.
#ifndef NJ_WORKER_TRAIN_RQVAE_TRAIN_H
#define NJ_WORKER_TRAIN_RQVAE_TRAIN_H

#include "worker/train/rqvae_codes.h"
#include "worker/train/train_run.h"

#define NJ_RQVAE_SHARD_ROWS 128                    // of a batch, that a thread works on at a time
#define NJ_RQVAE_KEEPS "collisions, error or last" // for texts

typedef enum {
    NJ_RQVAE_KEEP_COLLISIONS, // fewest colliding rows; of equal ones the smaller error
    NJ_RQVAE_KEEP_ERROR,      // smallest reconstruction error; of equal ones fewer colliding rows
    NJ_RQVAE_KEEP_LAST,
} nj_rqvae_keep;

typedef struct {
    nj_train_settings run; // shard_samples is set here
    double beta;
    double dropout;
    bool kmeans;          // codebooks begin as those of k-means; else uniform in +-1/K
    bool revive;          // codes without rows get another place behind a judgement
    uint32_t judge_every; // epochs; the last is judged in any case
    uint32_t patience;    // judgements without a better one that end the training; 0: never
    nj_rqvae_keep keep;
} nj_rqvae_settings;

// How it stands behind an epoch.
typedef struct {
    nj_train_state run;       // of the epoch
    bool is_judged;           // what follows is set
    bool is_best;             // and handed to `keep`
    nj_rqvae_figures figures; // of all rows
    uint64_t revived;         // codes that were moved behind them
} nj_rqvae_epoch;

typedef struct {
    void *context;
    nj_status (*stepped)(void *context, const nj_train_state *state, nj_error *err);
    /// The model is the best so far: to be stored, whole or not at all. May come twice for the same epoch when a process is killed.
    nj_status (*keep)(void *context, const nj_rqvae *model, const uint16_t *codes,
                      const nj_rqvae_epoch *epoch, nj_error *err);
    nj_status (*epoch_ended)(void *context, const nj_rqvae_epoch *epoch, nj_error *err);
} nj_rqvae_hooks;

// What it came to. Kept in checkpoints: eight bytes each.
typedef struct {
    uint64_t epoch;           // of the best; 0: none was judged
    uint64_t judged;          // so far
    uint64_t since;           // judgements since the best
    uint64_t revived;         // codes, over all epochs
    nj_rqvae_figures figures; // of the best
} nj_rqvae_result;

/// False (and *out unchanged) for another word than collisions, error, last.
bool nj_rqvae_keep_from_name(const char *name, nj_rqvae_keep *out);

/// Trains `model` in place. `pool` ... is the team's; `rows` and `model` are borrowed.
///
/// Errors  NJ_USAGE: beta or dropout out of its range; NJ_INPUT: fewer rows than codes of a level (names both); those of nj_rqvae_start_codes,
///         nj_rqvae_judge, nj_train_run and the hooks
/// Proof   tests/unit/train/test_rqvae_train.c
NJ_CHECKED nj_status nj_rqvae_train(nj_rqvae *model, const nj_rqvae_rows *rows,
                                    const nj_rqvae_settings *settings, const nj_rqvae_hooks *hooks,
                                    nj_rqvae_result *out, nj_train_state *out_state, nj_error *err);

#endif
