// record.h - what the recorder of a night is told: effects, messages, commits and times, in the recorder's words.
//
// Nothing here can fail the night: a recorder without memory notes nothing, and the report says that it was not recorded.
#ifndef NJ_COORDINATOR_DAEMON_RECORD_H
#define NJ_COORDINATOR_DAEMON_RECORD_H

#include "common/base/file.h"
#include "common/store/staging.h"
#include "coordinator/daemon/exchange.h"
#include "coordinator/recorder.h"
#include "coordinator/report/processes.h"

typedef struct {
    nj_recorder recorder; // owned; all zero: nothing is noted
    nj_processes processes;
    nj_path staging_dir;
    uint64_t epoch;
    uint64_t began_wall_ms; // of the night's first process; 0: the staging area is not open yet
    uint64_t offset_ms;     // of this process's beginning behind it
    uint64_t mono_ns;       // of this process's beginning
} nj_record;

/// The staging area is open: begins to note. `record` is all zero before.
void nj_record_open(nj_record *record, const char *store_dir, uint64_t epoch);
/// Accepts a record that is all zero.
void nj_record_close(nj_record *record);

/// A record of the ledger that was there before this process.
void nj_record_past(nj_record *record, const nj_ledger_record *ledger_record);

/// An effect of the dispatch, as it is performed; rows and commits are told by the two below.
void nj_record_effect(nj_record *record, const nj_exchange *x, const nj_dispatch_effect *effect);
/// A message of a worker that the roster knows, before the dispatch has seen it.
void nj_record_message(nj_record *record, const nj_exchange *x, const nj_peer *peer,
                       const nj_message *message);
/// The rows of a WRITE_ROWS or AUDIT_ROWS are good.
void nj_record_rows(nj_record *record, const nj_exchange *x, const nj_dispatch_effect *effect);
/// A piece is on disk.
void nj_record_stored(nj_record *record, const nj_piece_range *range, uint32_t piece);

/// The store does not write, or does again.
void nj_record_pause(nj_record *record, bool paused, const char *why);

/// Every 100 ms or so: this process's memory, as often as there is room for it.
void nj_record_tick(nj_record *record);

/// How long the night has taken so far, its earlier processes and the time between them included; 0 before nj_record_open. Within this
/// process the clock may be set: it is not asked again.
uint64_t nj_record_night_ms(const nj_record *record);

/// This process ends its work on the night with `status`.
void nj_record_end(nj_record *record, nj_status status);

#endif
