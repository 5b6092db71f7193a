// missing.h - users of the current generation whom tonight's input lacks, and their rows (--missing-users carry).
//
//   rows of the generation, in key order ── is the user in tonight's input? ── yes: he is decoded or copied
//        │ no
//        └─► carry_row.h ─► nj_copied_rows, together with those of --since ─► nj_store_pack
//
// They stand in no shard, because the plan is made of tonight's users. Their rows are made again when the night is packed; the staging area
// knows how many there are, and the digest of all rows that nobody decodes. Of what filters a row they have the mask of users without a
// group: nobody says tonight what they bought, or which group they are in.
#ifndef NJ_COORDINATOR_DAEMON_MISSING_H
#define NJ_COORDINATOR_DAEMON_MISSING_H

#include "common/catalogue/job.h"
#include "common/store/publish.h"
#include "common/store/reader.h"
#include "coordinator/carry_row.h"
#include "coordinator/daemon/since.h"

// All zero: nobody is missed.
typedef struct {
    nj_store_name name;      // "" without a generation
    uint64_t count;          // users
    nj_store_reader *reader; // owned
    const nj_user_table *users;
    nj_idmap present; // owned; users of tonight
    nj_live_rows live;
    nj_carry_rules rules;
    nj_carry_scratch *scratch; // owned
    nj_buffer row;             // owned; of the user at hand
    nj_slice key;              // likewise, in the generation
    // the walk over them and over the copied rows of `since`, whichever comes first
    nj_copied_rows copied; // next NULL: nobody is copied
    nj_slice copied_key;   // behind the last: empty
    nj_slice copied_value;
    bool began;
} nj_missing;

/// Finds them. `job` is borrowed until nj_missing_close.
///
///   generation  that they are carried from: of a night that goes on; NULL: the current one
///
/// Memory  8 to 16 bytes a user of tonight
/// Errors  NJ_REFUSED, NJ_NOT_FOUND: the generation is damaged or, where it is named, missing. A store without one has nobody to miss.
/// Proof   tests/integration/0455-missing-users.t
NJ_CHECKED nj_status nj_missing_open(const char *store_dir, const char *generation,
                                     const nj_job *job, nj_missing *out, nj_error *err);
/// Accepts one that is all zero.
void nj_missing_close(nj_missing *missing);

/// Rows of the night that nobody decodes, for nj_store_pack: those of `since` and of `missing`, in key order. False: there are none.
/// Borrows all three.
bool nj_missing_rows(nj_missing *missing, nj_since *since, const nj_plan *plan,
                     nj_copied_rows *out);

/// The digest of those rows (NJ_STAGING_FIELD copied_digest).
NJ_CHECKED nj_status nj_missing_digest(nj_missing *missing, nj_since *since, const nj_plan *plan,
                                       nj_digest *out, nj_error *err);

#endif
