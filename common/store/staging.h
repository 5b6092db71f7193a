// staging.h - the rows and the ledger of the running night, in one LMDB environment: STORE/staging.
//
//   database "rows"     user key -> row           what has been decoded
//   database "ledger"   shard    -> record        which shards, or pieces of shards, are done, by whom
//   database "meta"     facts of the plan, epoch, owner, numeric class
//
// A shard's rows and its ledger record are written by one transaction, so whatever happens to the process or the
// machine, each shard is either there with all its rows or not at all.
//
// Fencing. Every opening raises the epoch on disk, and every write checks, inside its transaction, that the epoch is
// still its own. A coordinator that was stopped and wakes up after another took over writes nothing (NJ_AGAIN).
//
// Locking. Each write holds STORE/lock (lock.h). An opened staging holds nothing between calls.
//
// Errors. NJ_AGAIN: the lock is not free, or this staging is fenced. NJ_IO: LMDB failed (a full disk shows as an I/O
// error); the transaction is gone, the environment has been opened afresh, and the ledger must be asked what is there.
// After NJ_IO the same call may be made again: what did reach the disk answers NJ_COMMIT_DUPLICATE.
//
// Not for two threads at once, not across fork, and one process opens a staging area once: LMDB's file locks end when
// the same process closes a second handle.
#ifndef NJ_STORE_STAGING_H
#define NJ_STORE_STAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/store/groups.h"
#include "common/store/record.h"

#define NJ_STAGING_MAP_BYTES ((uint64_t)1 << 30) // first size of the map; address space, not disk
#define NJ_STAGING_MAP_BYTES_MAX ((uint64_t)1 << 40) // it doubles up to this

typedef struct nj_staging nj_staging;

typedef struct {
#define NJ_STAGING_FIELD(kind, name, max, meaning) NJ_RECORD_MEMBER_##kind(name, max)
#include "schemas/store.def"
} nj_staging_facts;

typedef enum {
#define NJ_STORED_STATE(name, number, meaning) NJ_STORED_##name = number,
#include "schemas/store.def"
} nj_stored_state;

// The record of a whole shard (first and count 0), or of users [first, first + count) of it; `state` is an nj_stored_state. A
// QUARANTINED record is of one user, whom it names; a CARRIED one is as one that is COMMITTED.
typedef struct {
#define NJ_LEDGER_FIELD(kind, name, max, meaning) NJ_RECORD_MEMBER_##kind(name, max)
#include "schemas/store.def"
} nj_ledger_record;

// When the night must be over, and what happens then. All zero: there is no deadline.
typedef struct {
#define NJ_DEADLINE_FIELD(kind, name, max, meaning) NJ_RECORD_MEMBER_##kind(name, max)
#include "schemas/store.def"
} nj_staging_deadline;

#define NJ_STAGING_CLASS_BYTES_MAX 64

typedef struct {
    uint64_t map_bytes;     // first size of the map, used when the area is created
    uint64_t map_bytes_max; // past this a write is NJ_IO
    uint32_t lock_wait_ms;  // how long a write waits for STORE/lock
} nj_staging_options;

/// NJ_STAGING_MAP_BYTES, NJ_STAGING_MAP_BYTES_MAX and NJ_STORE_LOCK_WAIT_MS.
nj_staging_options nj_staging_options_default(void);

// ---- opening ----

/// True when STORE/staging is there: a night runs or was interrupted.
bool nj_staging_exists(const char *store_dir);

/// Makes the store's folder and a staging area for a night, whole or not at all, and opens it.
///
///   facts    staging_version is set here; the rest is the caller's
///   options  NULL for the defaults
///
/// Returns  NJ_AGAIN when there is one already (resume it or remove it)
NJ_CHECKED nj_status nj_staging_create(const char *store_dir, const nj_staging_facts *facts,
                                       const nj_staging_options *options, nj_staging **out_staging,
                                       nj_error *err);

/// Opens the staging area that is there and fences off whoever has it open. NJ_NOT_FOUND without one; NJ_CONFIG when
/// another version of nightjar or LMDB wrote it.
NJ_CHECKED nj_status nj_staging_open(const char *store_dir, const nj_staging_options *options,
                                     nj_staging **out_staging, nj_error *err);

/// Reads what the staging area that is there says of its night, and fences off nobody. `out_class` is "" while the night
/// has none. Errors as nj_staging_open.
NJ_CHECKED nj_status nj_staging_peek(const char *store_dir, nj_staging_facts *out_facts,
                                     char out_class[NJ_STAGING_CLASS_BYTES_MAX + 1], nj_error *err);

/// Accepts NULL. The area stays on disk.
void nj_staging_close(nj_staging **staging);

/// Closes and removes the area. On failure, and when fenced, the caller keeps it.
NJ_CHECKED nj_status nj_staging_remove_take(nj_staging **staging, nj_error *err);

// ---- what it knows of the night ----

/// Borrowed until close.
const nj_staging_facts *nj_staging_facts_of(const nj_staging *staging);
const char *nj_staging_store_dir(const nj_staging *staging);
/// How many users each group of the night has, for the generation. Borrowed until close; nobody has said so: none are written.
void nj_staging_groups_set(nj_staging *staging, const nj_store_groups *groups);
uint64_t nj_staging_epoch(const nj_staging *staging);

/// The numeric class; "" while the night has none. `out` holds NJ_STAGING_CLASS_BYTES_MAX + 1.
NJ_CHECKED nj_status nj_staging_class(nj_staging *staging, char out[NJ_STAGING_CLASS_BYTES_MAX + 1],
                                      nj_error *err);

/// Sets the numeric class once; the same again is fine, another is NJ_CONFIG and names both.
NJ_CHECKED nj_status nj_staging_class_set(nj_staging *staging, const char *numeric_class,
                                          nj_error *err);

/// Notes the deadline for every later opening, over what was noted before, and reads it. All zero where none was.
NJ_CHECKED nj_status nj_staging_deadline_set(nj_staging *staging,
                                             const nj_staging_deadline *deadline, nj_error *err);
NJ_CHECKED nj_status nj_staging_deadline_get(nj_staging *staging, nj_staging_deadline *out,
                                             nj_error *err);

/// Notes for every later opening that two workers gave different rows in this night: it must never be published.
NJ_CHECKED nj_status nj_staging_diverged_set(nj_staging *staging, nj_error *err);
NJ_CHECKED nj_status nj_staging_diverged(nj_staging *staging, bool *out, nj_error *err);

// Who writes further files beside the manifest when the night is packed.
typedef struct {
    void *context;
    /// Into the folder of a generation that has no name yet, synced. A failure ends the packing. NULL: nobody.
    nj_status (*write)(void *context, const char *folder, nj_error *err);
} nj_store_beside;

/// For every nj_store_pack from now on (publish.h); its context is borrowed until close. It is not written down: who opens the area
/// again sets it again.
void nj_staging_beside_set(nj_staging *staging, const nj_store_beside *beside);

/// NJ_AGAIN when another process has opened the area since: this one must not write, pack or publish.
NJ_CHECKED nj_status nj_staging_check_epoch(nj_staging *staging, nj_error *err);

// ---- committing ----

typedef struct {
    nj_slice user; // an id (base/id.h)
    nj_slice
        value; // a packed row (codec/row.h), stored as it is; the caller has unpacked and checked it
} nj_store_row;

// What is to be written of one shard or piece. `record.rows` counts `rows`, and is `record.count` where that is not 0. A
// QUARANTINED record has no rows.
typedef struct {
    nj_ledger_record record;
    const nj_store_row *rows; // [record.rows] borrowed; fastest in key order
} nj_shard_commit;

typedef enum {
    NJ_COMMIT_WRITTEN,   // rows and record are on disk
    NJ_COMMIT_DUPLICATE, // nothing written: the same is already committed with this digest, or the
    // user is already given up or has a row, or one of the two is CARRIED: who comes first stays
    NJ_COMMIT_DIVERGED // nothing written: the shard is already committed with another digest. An alarm
} nj_commit_outcome;

/// Writes rows and records of `count` shards in one transaction, synced before it returns. A committed shard is never
/// changed: see nj_commit_outcome. Users who were quarantined may still be committed, alone or with others; their records
/// as quarantined go with that.
///
/// One transaction costs one sync, whatever the number of shards; keep a batch below some 64 MB of rows.
///
///   out_outcomes  [count]  set when NJ_OK is returned
///
/// Returns  NJ_OK, also when nothing but duplicates came
///          NJ_INPUT    a record or id breaks its rules; nothing of the batch is written
///          NJ_REFUSED  a user already has a row from another shard or piece: the ranges overlap; nothing is written
///          NJ_AGAIN, NJ_IO as above
/// Proof    tests/unit/store/test_staging.c, test_staging_crash.c
NJ_CHECKED nj_status nj_staging_commit(nj_staging *staging, const nj_shard_commit *commits,
                                       size_t count, nj_commit_outcome *out_outcomes,
                                       nj_error *err);

/// Puts text into a record's `worker` or `note`: cut to size at a character's start, bytes that are not UTF-8
/// become '?'.
void nj_ledger_text_set(char *out, size_t out_bytes, nj_slice text);

// ---- reading back ----

/// `record` is borrowed for the call. A status that is not NJ_OK ends the walk and is returned.
typedef nj_status (*nj_ledger_visit)(void *context, const nj_ledger_record *record, nj_error *err);

/// Every record, by shard and first user. The visitor must not write to the staging area.
NJ_CHECKED nj_status nj_staging_ledger_each(nj_staging *staging, nj_ledger_visit visit,
                                            void *context, nj_error *err);

typedef struct {
    uint64_t committed;   // shards and pieces that were decoded
    uint64_t quarantined; // users
    uint64_t carried;     // users
    uint64_t ledger_rows; // sum of `rows` over the ledger
    uint64_t stored_rows; // entries of the rows database; equal to ledger_rows, always
} nj_staging_tally;

NJ_CHECKED nj_status nj_staging_count(nj_staging *staging, nj_staging_tally *out, nj_error *err);

/// NJ_OK when the records stand for every user of the plan exactly once: the pieces of each shard follow one another from
/// its first user on, and all together have the plan's users. NJ_REFUSED names the shard or the two numbers.
NJ_CHECKED nj_status nj_staging_check_cover(nj_staging *staging, nj_error *err);

/// Appends the row of one user to `out`. NJ_NOT_FOUND when it has none.
NJ_CHECKED nj_status nj_staging_row_get(nj_staging *staging, nj_slice user, nj_buffer *out,
                                        nj_error *err);

/// `key` and `value` are borrowed for the call.
typedef nj_status (*nj_row_visit)(void *context, nj_slice key, nj_slice value, nj_error *err);

/// Every row in key order, from one snapshot. The visitor must not write to the staging area.
NJ_CHECKED nj_status nj_staging_rows_each(nj_staging *staging, nj_row_visit visit, void *context,
                                          nj_error *err);

/// Bytes of the pages that hold the rows: what nj_store_pack plans its map by.
NJ_CHECKED nj_status nj_staging_rows_bytes(nj_staging *staging, uint64_t *out_bytes, nj_error *err);

/// Bytes of the area's file on disk, the ledger included. 0: it cannot be asked.
uint64_t nj_staging_disk_bytes(const nj_staging *staging);

#endif
