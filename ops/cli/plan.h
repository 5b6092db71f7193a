// plan.h - what the files of `nightjar plan` share.
//
//   plan.c             reads, plans shards, counts searches, probes, forecasts
//   plan_histories.c   which users need a search of their own
//   plan_probe.c       seconds a search, sizes of rows
//   plan_machine.c     what this machine has
//   plan_print.c       plan.json, and the same for people; warnings
#ifndef NJ_OPS_CLI_PLAN_H
#define NJ_OPS_CLI_PLAN_H

#include <stdbool.h>

#include <jansson.h>

#include "common/base/buffer.h"
#include "common/cli/cli.h"
#include "coordinator/forecast.h"
#include "coordinator/gates.h"
#include "ops/cli/plan_histories.h"
#include "ops/cli/plan_machine.h"
#include "ops/cli/plan_probe.h"

#define NJ_PLAN_WARNINGS_MAX 8
#define NJ_PLAN_WARNING_BYTES 400

// --deadline, and what it takes.
typedef struct {
    const char *text; // NULL: none was given
    int64_t now_s;    // since 1970
    int64_t at_s;
    bool met;         // with the workers and nodes given
    bool possible;    // with any number of them
    uint32_t workers; // of a node, the least that would do
    uint32_t nodes;
} nj_plan_deadline;

typedef struct {
    nj_digest plan_digest;
    nj_digest bundle_digest;
    char settings[NJ_SETTINGS_TEXT_BYTES];
    const char *numeric_class;
    nj_plan_histories histories;
    nj_plan_probe probe;
    nj_forecast forecast;
    nj_night_numbers numbers;
    double quiet_total_s; // of the night, had its workers their cores to themselves
    nj_plan_deadline deadline;
    nj_plan_machine machine;
    nj_gate_findings gates; // what the night's gates would say of its input
    uint64_t scaled_from;   // users that were read, where --scale-users says more; 0: it does not
    uint64_t shared_bytes;  // of a worker's memory, which workers of one node have in common
    char warnings[NJ_PLAN_WARNINGS_MAX][NJ_PLAN_WARNING_BYTES];
    size_t warning_count;
    size_t obstacle_count; // of them, the first ones: disk, memory, deadline
} nj_plan_result;

/// Fills result->warnings: what would stop the night or make it late, and behind that what makes the plan less sure.
void nj_plan_warn(nj_plan_result *result);

/// The document that plan.json holds. Owned by the caller; NULL: no memory.
json_t *nj_plan_document(const nj_plan_result *result);

/// For people, on standard output.
void nj_plan_print(const nj_plan_result *result);

#endif
