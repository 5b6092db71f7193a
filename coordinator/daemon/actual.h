// actual.h - a night beside its plan: reads plan.json at the start, says whether it is of this night, and fills the same numbers in at
// the end.
#ifndef NJ_COORDINATOR_DAEMON_ACTUAL_H
#define NJ_COORDINATOR_DAEMON_ACTUAL_H

#include "coordinator/daemon/effects.h"

/// Reads options->plan_file, if there is one, before anything else is done. Those of nj_planned_read.
NJ_CHECKED nj_status nj_actual_begin(nj_night *n, nj_error *err);

/// Behind the plan of shards: says what was planned, or that it was planned for another night.
void nj_actual_compare(nj_night *n);

/// Behind the last commit, while workers are still there: how many there are, and what they hold.
void nj_actual_ask_workers(nj_night *n);

/// Behind the publishing: summary.actual.
/// Proof   tests/integration/0330-planned-night.t
void nj_actual_tell(nj_night *n);

/// On standard output: `, "planned": ..., "actual": ...`, and a table of both where the plan was made for this night.
void nj_actual_print_json(const nj_night_summary *summary);
void nj_actual_print_text(const nj_night_summary *summary);

#endif
