// gates_after.h - counts a packed generation for the gates of coordinator/gates.h, beside the current one. Changes nothing.
#ifndef NJ_COORDINATOR_DAEMON_GATES_AFTER_H
#define NJ_COORDINATOR_DAEMON_GATES_AFTER_H

#include "common/catalogue/job.h"
#include "common/store/generation.h"
#include "coordinator/gates.h"

#define NJ_GATES_OVERLAP_CUTOFF 10

/// Judges overlap with the generation that CURRENT names (nj_overlap_at over every user of both), coverage (items that stand in a list)
/// and fallbacks. A gate that is off costs nothing; the others one walk over both generations. Nothing is judged where the generation
/// is current already; overlap is not where nothing is published or where it cannot be read.
///
///   job  whose catalogue the generation was made with
///
/// Errors  as nj_store_reader_open; NJ_REFUSED: a row that cannot be read; NJ_NO_MEMORY
/// Proof   tests/integration/0430-gates.t
NJ_CHECKED nj_status nj_gates_after(const nj_gates *gates, const char *store_dir,
                                    const nj_store_name *generation, const nj_job *job,
                                    nj_gate_findings *out, nj_error *err);

#endif
