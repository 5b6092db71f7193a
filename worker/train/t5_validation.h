// t5_validation.h - a T5 under training as a recommender: constrained beam search for held-out users, on all threads, in memory.
//
//   values now ─► weights section ─┐
//   catalogue ─► trie, SIDs ───────┴─► one engine a thread ─► lists ─► rank of each held-out item ─► Recall, NDCG
//
// A user's list depends on nobody else (engine.h), so neither the number of threads nor who takes which user changes a figure.
#ifndef NJ_WORKER_TRAIN_T5_VALIDATION_H
#define NJ_WORKER_TRAIN_T5_VALIDATION_H

#include "common/base/pool.h"
#include "common/catalogue/catalogue.h"
#include "common/catalogue/held_out.h"
#include "worker/engine/catalogue_sections.h"
#include "worker/train/t5_parameters.h"

#define NJ_VALIDATION_CUTOFF 10

typedef struct {
    const nj_catalogue *catalogue;     // borrowed, as all below, while the validation is in use
    const nj_catalogue_sections *made; // of it
    nj_slice model_json;               // config.json's text
    const nj_held_out *held;
    uint32_t users_max; // a sample of so many; 0: all
    uint64_t seed;      // of the sample
    uint32_t beam;
    bool keep_history; // items of a user's history may be recommended again
} nj_t5_validation_request;

typedef struct nj_t5_validation nj_t5_validation;

/// Chooses the users. NJ_NO_MEMORY; NJ_INPUT: nobody is held out.
NJ_CHECKED nj_status nj_t5_validation_new(const nj_t5_validation_request *request,
                                          nj_t5_validation **out, nj_error *err);
/// Accepts NULL in *validation.
void nj_t5_validation_free(nj_t5_validation **validation);
/// Users that are judged.
size_t nj_t5_validation_users(const nj_t5_validation *validation);

typedef struct {
    double recall; // at NJ_VALIDATION_CUTOFF
    double ndcg;
} nj_t5_figures;

/// Judges the model as it is now.
///
///   stop  asked between batches, on any thread: true ends the validation with NJ_AGAIN; NULL: never asked
///
/// Errors  NJ_FAILED: the model gives NaN (names the first such user); those of nj_engine_open; NJ_NO_MEMORY
/// Memory  one engine a thread, given back at the end
/// Proof   tests/unit/train/test_t5_validation.c
NJ_CHECKED nj_status nj_t5_validation_run(nj_t5_validation *validation, const nj_train_t5 *model,
                                          nj_pool *pool, bool (*stop)(void *context), void *context,
                                          nj_t5_figures *out, nj_error *err);

#endif
