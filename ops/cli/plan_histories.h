// plan_histories.h - how long the histories of a night are, and how many of its users need a search of their own.
#ifndef NJ_OPS_CLI_PLAN_HISTORIES_H
#define NJ_OPS_CLI_PLAN_HISTORIES_H

#include "common/catalogue/job.h"
#include "coordinator/plan.h"
#include "worker/engine/engine.h"

// Users that are looked at, at most: behind them the kept lists help as often as before.
#define NJ_PLAN_HISTORIES_MAX 2000000u

typedef struct {
    uint64_t users;     // looked at, of those who are decoded
    uint64_t cold;      // of them: no known item, and so no search
    uint64_t searches;  // of them: the others are cold, or their worker has just made their list
    double items_mean;  // that the encoder reads, of a search
    uint32_t items_p50; // of all but the cold
    uint32_t items_p90;
    uint32_t items_most;
} nj_plan_histories;

/// Counts. Whose list is kept by his worker follows from the shards as they are dealt out one by one, and from the size of what a worker
/// keeps (nj_engine_plan): two workers that are not of one speed see others.
///
///   workers  of all nodes
///
/// Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_plan_histories_count(const nj_plan *plan, const nj_job *job,
                                             const nj_engine_plan *engine, uint32_t workers,
                                             nj_plan_histories *out, nj_error *err);

/// What decides a user's list, in 64 bits: his encoded items, what he must not get, his mask and user token; his candidates, text and id
/// where a prompt has a place for them. Equal for equal users.
uint64_t nj_plan_history_key(const nj_job *job, const nj_request *request, uint32_t history_max);

/// Items of his that the encoder reads.
uint32_t nj_plan_history_items(const nj_request *request, uint32_t history_max);

#endif
