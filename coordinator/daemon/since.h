// since.h - who is copied from an earlier generation instead of being decoded (--since), and their rows.
//
//   facts of the generation ── all equal to tonight's? ── no: nobody is copied, and the fact that differs is named
//        │ yes
//   its rows, in key order ── the same history, not too old ──► nj_plan (who is decoded) and the staging area (how many rows, their digest)
//        │ read again when the night is packed
//   nj_copied_rows ──► nj_store_pack
//
// A row is decided by the bundle, the settings (schemas/settings.def), the numeric class, the program and the user's own history, mask and
// exclusions, and by nothing else (DESIGN: exact). Where all of them are equal, the row that is there is the row that would be decoded.
// The row's digest has the last three (shard.h): who may get the same items as before is copied, whatever changed for other groups.
#ifndef NJ_COORDINATOR_DAEMON_SINCE_H
#define NJ_COORDINATOR_DAEMON_SINCE_H

#include "common/catalogue/job.h"
#include "common/store/publish.h"
#include "common/store/reader.h"
#include "coordinator/daemon/since_refresh.h"
#include "coordinator/plan.h"

#define NJ_SINCE_CURRENT "current" // the word for the generation that CURRENT names
#define NJ_SINCE_MAX_AGE_DEFAULT "30"
#define NJ_SINCE_MAX_AGE_MOST 10000 // nights; at most NJ_ROW_AGE_MAX

typedef struct {
    const char *store_dir;
    const char *generation; // a name, NJ_SINCE_CURRENT, or NULL: nobody is copied
    const char
        *bundle; // what the generation was made with, if that is not tonight's; NULL: not there
    const char *
        kept_bundle; // tried where `bundle` is NULL: may be that, another one, or missing; NULL: none
    uint32_t max_age; // nights in a row that a row may be copied
    bool resume;      // an interrupted night goes on with its own generation and max_age
    const char *numeric_class;
} nj_since_request;

typedef struct {
    nj_store_reader *reader; // owned; NULL: nobody is copied
    nj_store_name name;      // "" likewise
    uint32_t max_age;
    const char
        *differs; // the fact for which nobody is copied although it was asked for; NULL: none
    const nj_idlist *items;
    const nj_masks *masks; // of tonight
    bool is_refreshed;     // the catalogue is not that of the generation
    nj_since_refresh refresh;
    // of the rows that were chosen
    uint64_t copied_count;
    nj_digest copied_digest;
    // the walk over them
    const nj_plan *plan; // borrowed; set by nj_since_rows
    size_t next;
    nj_buffer row; // owned; the copy at hand
} nj_since;

/// Finds the generation, checks every byte of it and compares its facts with tonight's; a difference is logged with both values, and is
/// no failure. Nothing is written. `job` is borrowed until nj_since_close.
///
/// Returns  NJ_NOT_FOUND, NJ_REFUSED: a generation that is named is missing or damaged. CURRENT may be missing: there is nothing to
///          copy in a new store. NJ_CONFIG: the interrupted night copies from another one than is named. As nj_store_reader_open
/// Proof    tests/integration/0250-copied-rows.t, tests/fault/0140-copied-rows-killed.t
NJ_CHECKED nj_status nj_since_open(const nj_since_request *request, const nj_job *job,
                                   nj_since *out, nj_error *err);
/// Accepts one that is all zero.
void nj_since_close(nj_since *since);

/// For nj_plan_make. True when somebody may be copied. Borrows `since`.
bool nj_since_copying(nj_since *since, nj_plan_copying *out);

/// For nj_store_pack, behind nj_plan_make. False: nobody is copied. Borrows both.
bool nj_since_rows(nj_since *since, const nj_plan *plan, nj_copied_rows *out);

#endif
