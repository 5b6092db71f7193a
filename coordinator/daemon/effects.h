// effects.h - the night while it runs, and what the files of its process do to it.
#ifndef NJ_COORDINATOR_DAEMON_EFFECTS_H
#define NJ_COORDINATOR_DAEMON_EFFECTS_H

#include "common/base/buffer.h"
#include "common/cli/progress.h"
#include "coordinator/carry_row.h"
#include "coordinator/daemon/exchange.h"
#include "coordinator/daemon/metrics_page.h"
#include "coordinator/daemon/missing.h"
#include "coordinator/daemon/night.h"
#include "coordinator/daemon/origin.h"
#include "coordinator/daemon/pause.h"
#include "coordinator/daemon/ready_file.h"
#include "coordinator/daemon/record.h"
#include "coordinator/daemon/result_check.h"
#include "coordinator/daemon/stage.h"
#include "coordinator/plan.h"

// Everything that lives as long as the night.
typedef struct {
    nj_job *job;
    const nj_night_options *options;
    nj_since since;
    nj_plan plan;
    nj_missing missing; // users whom tonight's input lacks
    nj_stage stage;
    nj_staging_deadline deadline; // of tonight, as the staging area notes it
    nj_result_check check;
    nj_exchange exchange;
    nj_buffer settings_bytes;
    nj_origin_night origin; // what is kept of it beside the rows
    nj_request *requests;   // owned; scratch of a LEASE, [users of the largest shard]
    nj_ready_file ready_file;
    nj_progress progress;
    nj_pause pause;
    nj_record record; // what the report tells
    bool diverged;
    bool audit_failed;
    nj_error trouble; // the last reason why a piece was split or an audit failed
    nj_status
        broken; // not NJ_OK: an effect could not be performed and the night must end, `broken_err` says why
    nj_error broken_err;
    nj_metrics
        metrics; // what the ledger does not count is counted here; measure.h fills in the rest
    nj_metrics_page *page; // owned; NULL: none
    uint64_t shown_ns;     // when the page was last given numbers
    uint64_t started_ns;   // when the command began
    uint64_t decode_ns;    // when workers could connect
    nj_night_summary summary;
} nj_night;

/// What the exchange asks of a night. Rows of a RESULT wait in the stage afterwards.
nj_exchange_work nj_night_work(nj_night *n);

/// Two workers gave different rows: the night is not published, by this process or by one that resumes it.
void nj_night_note_divergence(nj_night *n);

/// Users who are done: committed, carried or quarantined.
uint64_t nj_night_users_done(const nj_night *n);

/// Commits what waits in the stage, unless the store failed and its next try is not due. The store failing is no failure of
/// this: the night pauses, until it has lasted for storage_wait_ms (NJ_IO). NJ_AGAIN: fenced; others as nj_stage_commit.
NJ_CHECKED nj_status nj_night_commit(nj_night *n, nj_error *err);

/// The store has failed, `err` says how: pauses, or goes on pausing, and logs why. NJ_IO, with `err`: for too long.
NJ_CHECKED nj_status nj_night_pause(nj_night *n, nj_error *err);
/// It works again, if it had failed.
void nj_night_go_on(nj_night *n);

/// The store works, or its next try is due. NJ_INTERRUPTED, NJ_TERMINATED.
NJ_CHECKED nj_status nj_night_wait_for_store(nj_night *n, nj_error *err);
/// Commits everything that waits, however long the store takes. As nj_night_commit.
NJ_CHECKED nj_status nj_night_settle(nj_night *n, nj_error *err);

/// By what a row of an earlier night is filtered. Borrows the night.
nj_carry_rules nj_night_carry_rules(const nj_night *n);

/// More users are quarantined than the night may be published without; all of them always are.
bool nj_night_is_over_budget(const nj_night *n);

/// NJ_OK, or NJ_INTERRUPTED or NJ_TERMINATED when the process was asked to end.
NJ_CHECKED nj_status nj_night_check_signal(nj_error *err);

/// Judges the night, whose users are done, lists who is quarantined and publishes; waits for a store that fails as
/// nj_night_commit does. As nj_night_run.
NJ_CHECKED nj_status nj_night_publish(nj_night *n, nj_error *err);

/// Adds audit pieces to the dispatch, which has finished. None where options say so or nobody has a row.
NJ_CHECKED nj_status nj_night_begin_audit(nj_night *n, nj_error *err);

#endif
