// gates_before.h - counts tonight's input and the current generation for the gates of coordinator/gates.h. Changes nothing.
#ifndef NJ_COORDINATOR_DAEMON_GATES_BEFORE_H
#define NJ_COORDINATOR_DAEMON_GATES_BEFORE_H

#include "common/catalogue/job.h"
#include "coordinator/gates.h"

// What is known of them (--missing-users). All zero: nothing, and the gate for users judges their going.
typedef struct {
    uint64_t carried; // so many are there all the same
    bool
        dropped; // they go knowingly; a group's likewise where users are carried, because nobody says which groups those are in
} nj_gates_missing;

/// Judges users (all, and those of every group that it had) and items against the generation that CURRENT names, and what histories
/// name against the catalogue, of all users and of every group. Nothing is compared where nothing is published, or where what is published cannot be read: that is logged, and is no
/// reason to have no lists.
///
///   store_dir  NULL: there is no generation to compare with
///   missing    users of that generation whom tonight's input lacks
///   as_of_s    seconds since 1970, what the age of the newest event is counted from
///
/// Errors  NJ_INPUT: the age of events is asked for and times are no seconds; NJ_NO_MEMORY. A gate that does not hold is none: nj_gates_verdict
/// Proof   tests/integration/0430-gates.t
NJ_CHECKED nj_status nj_gates_before(const nj_gates *gates, const char *store_dir,
                                     const nj_job *job, double as_of_s,
                                     const nj_gates_missing *missing, nj_gate_findings *out,
                                     nj_error *err);

/// Milliseconds since 1970 of the newest event, where its age was judged; 0: not known.
uint64_t nj_gates_newest_ms(const nj_gate_findings *findings, const nj_user_table *users);

/// A line for each finding: what holds as information, the others as errors.
void nj_gates_log(const nj_gate_findings *findings);

#endif
