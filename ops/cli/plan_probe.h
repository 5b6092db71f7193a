// plan_probe.h - decodes a random sample of a night's users for some seconds: in one process, then in as many as will run beside
// each other, because the cores of a node share caches, memory and clock.
//
//   plan's users ─► one of each part of the order, shuffled ─► without the cold, each history once ─► batches
//        1 process    |■■■■■■■■|
//        W processes           |■■■■■■■■■■■■|      seconds of a search = a + b * items, at the night's mean of items
#ifndef NJ_OPS_CLI_PLAN_PROBE_H
#define NJ_OPS_CLI_PLAN_PROBE_H

#include "common/catalogue/job.h"
#include "coordinator/forecast.h"
#include "coordinator/plan.h"
#include "worker/engine/engine.h"

#define NJ_PLAN_PROBE_PROCESSES_MAX 512
#define NJ_PLAN_PROBE_USERS_MAX 65536u // of the sample
#define NJ_PLAN_PROBE_ROWS_MAX 8192u   // whose sizes are kept

typedef struct {
    double seconds; // how long to measure, in both ways together
    uint64_t seed;
    uint32_t workers;  // that will run beside each other
    const char *pin;   // as --pin
    double items_mean; // of the night's searches: what the result is for
} nj_plan_probe_options;

// What one number of processes gave.
typedef struct {
    uint32_t processes;
    double seconds;       // by the clock
    uint64_t searches;    // decoded
    double items_mean;    // of those
    double search_s;      // of one search in one process by the clock, at the night's mean of items
    double search_core_s; // likewise by the process's own clock
} nj_plan_rate;

typedef struct {
    uint64_t sample; // users who could be drawn
    nj_plan_rate alone;
    nj_plan_rate together;   // with one worker the same as alone
    nj_forecast_pages pages; // of their rows
} nj_plan_probe;

/// Measures. `engine` is that of the job with the plan's settings.
///
/// Errors  NJ_FAILED: no process could be started, or one ended otherwise than it should; NJ_NO_MEMORY; those of nj_engine_decode
NJ_CHECKED nj_status nj_plan_probe_run(const nj_plan *plan, const nj_job *job, nj_engine *engine,
                                       const nj_plan_probe_options *options, nj_plan_probe *out,
                                       nj_error *err);

#endif
