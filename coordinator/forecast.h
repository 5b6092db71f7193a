// forecast.h - from what a probe has measured to what a night will take: arithmetic only, without a clock, a file or a process.
//
//   users, searches, shards ─┐
//   seconds a search         ├─► nj_forecast_make ─► nj_night_numbers (planned.h, plan.json)
//   bytes a row, memory      │
//   workers, nodes ──────────┘      nj_forecast_workers ◄─ seconds that are left
//
//   the night     start  |  decode: workers start, users a core-second, the end of the last shards  |  audit  |  pack
//
// The model is linear on purpose: each term is one measured cost times one count, and ops/handbook/sizing.md has the
// measurement of each constant with its command.
#ifndef NJ_COORDINATOR_FORECAST_H
#define NJ_COORDINATOR_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/planned.h"

#define NJ_FORECAST_PACK_BYTES 64e6     // of a generation, held until a transaction is written
#define NJ_FORECAST_WORKERS_MAX 1000000 // of all nodes: more is not searched for

// What a night of this size costs, as counted and measured. Times are by the clock, of one process.
typedef struct {
    uint64_t users; // copied ones included
    uint64_t copied;
    uint64_t searches; // of users who are decoded; the others are cold, or have a list that is kept
    uint64_t shards;
    uint32_t shard_users_least; // of the last shards
    uint32_t audit_users;

    double search_s_alone;    // one search, while this process is the only one of its node
    double search_s_together; // one, while workers_together run
    double search_core_s;     // one, by the process's own clock
    uint32_t workers_together;

    double start_s;   // until workers can connect
    double engine_s;  // until an engine is open
    double row_bytes; // of the generation, for one user: its part of the pages
    uint64_t
        resident_bytes;    // of this process with the users and the plan in memory, at its highest
    uint64_t own_bytes;    // of it, what is no mapped file
    uint64_t worker_bytes; // mapped, model and scratch

    uint32_t workers; // of each node
    uint32_t nodes;
    uint32_t node_cpus; // processors of a node
    bool local;         // the coordinator runs beside the workers
    double price;       // of a core for an hour; NAN: not asked for
} nj_forecast;

/// The night's numbers. `forecast` is sane: counts of users, workers and nodes are at least 1 (asserted).
///
/// Proof   tests/unit/coordinator/test_forecast.c
nj_night_numbers nj_forecast_make(const nj_forecast *forecast);

/// The least number of workers of a node, on as many nodes as it takes, with which the night is over within `seconds`: sets `workers`
/// and `nodes` of the forecast. False: no number up to NJ_FORECAST_WORKERS_MAX does, because reading, packing and the coordinator take
/// longer; the forecast is then unchanged.
///
///   node_workers_max  workers that a node may have
bool nj_forecast_workers(nj_forecast *forecast, double seconds, uint32_t node_workers_max);

/// Adds up the leaf pages of a data.mdb that is written in key order, row by row, and their part of the pages above.
typedef struct {
    uint64_t rows;
    uint64_t leaves;
    uint64_t overflow_pages;
    size_t used; // of the leaf at hand
    uint64_t key_bytes;
} nj_forecast_pages;

void nj_forecast_pages_add(nj_forecast_pages *pages, size_t key_bytes, size_t value_bytes);
/// Bytes of all pages for one row; 0 without rows.
double nj_forecast_pages_row(const nj_forecast_pages *pages);

#endif
